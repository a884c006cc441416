#!/bin/bash
# Records what one machine reads from its start to the login on its serial console, as the server of
# its disk sees it: a line a read, "milliseconds offset length". tools/bench_deploy.sh replays it.
# Usage: tools/record_boot.sh OUT [tiny|debian]
#
# tools/boot_trace.txt is debian's: emulated, two processors, on a machine that did nothing else.
set -euo pipefail
out=$(realpath "${1:?usage: tools/record_boot.sh OUT [tiny|debian]}")
kind=${2:-debian}
. "$(dirname "$0")/../test/server.sh"
. "$top/test/machine_steps.sh"
. "$top/tools/qemu_from.sh"
raw=$work/image.raw replay=${BENCH:-$top/build/release/bench_replay}

if [[ $kind == tiny ]]; then "$top/tools/tiny_image.sh" "$raw"; else azure_image "$raw"; fi
[[ $kind != tiny ]] || size=Standard_B1ls
start_server
sign_in
"$pinaco" push "$raw" --gallery g --definition image --version 1.0.0 2>"$work/push.log" ||
  fail "$(cat "$work/push.log")"
[[ $kind != tiny ]] ||
  ask PATCH Microsoft.Compute/galleries/g/images/image '{"tags": {"pinaco-provisioning": "none"}}'
network one westeurope
cat "$raw" >"$work/null"  # so that it is the guest's pace, and not this disk's
rm "$work/null"
mkfifo "$work/input"
"$replay" record "$raw" "$work/recorder" "$work/trace" <"$work/input" &
recorder=$!
exec 9>"$work/input"
until [[ -S $work/recorder ]]; do sleep 0.1; done
disks_from socket "$work/recorder"
machine one westeurope image ann
tries=0
until grep -qs 'login:' "$data"/machines/guests/*/console.log; do
  ((tries++ < 6000)) || fail "no login in 10 minutes"
  sleep 0.1
done
end_guests
exec 9>&-
wait "$recorder"
mv "$work/trace" "$out"
awk '{bytes += $3} END {printf "%d reads, %.0f MB, %.1f s\n", NR, bytes / 1e6, $1 / 1000}' "$out"
