#!/bin/bash
# How long a machine takes from PUT to the login on its serial console, beside the same guest on a
# raw file of this host:
#
#   raw file   QEMU's very command line, but the layer below the overlay is FILE; from QEMU's start,
#              so nothing of ours is in it
#   warm       the disk from the store, of a region that has the version
#   cold       from a region whose store lost all of it: every byte comes from another region; the
#              server was started again, so nothing is in its memory
#
# The sides take turns; medians of ROUNDS. Usage: tools/bench_boot.sh [ROUNDS [tiny|debian]]
set -euo pipefail
. "$(dirname "$0")/../test/server.sh"
. "$top/test/machine_steps.sh"
. "$top/tools/qemu_from.sh"
rounds=${1:-3} kind=${2:-debian}
raw=$work/image.raw vms=Microsoft.Compute/virtualMachines
definition=Microsoft.Compute/galleries/g/images/image

now() { date +%s%N; }
# Waits for the login of the only guest there is; prints the time.
login_at() {
  local tries=0
  until grep -qs 'login:' "$data"/machines/guests/*/console.log; do
    ((tries++ < 12000)) || fail "no login in 10 minutes"
    sleep 0.05
  done
  now
}
# Deletes at once what may be still under way.
end_machine() {
  local status
  until status=$(call DELETE $vms/one) && ((status < 400)); do sleep 0.2; done
  until status=$(call GET $vms/one) && ((status == 404)); do sleep 0.2; done
}
boot() {  # SIDE REGION: appends the seconds to $work/SIDE, and those until QEMU's start
  local begin end
  begin=$(now)
  machine one "$2" image ann
  end=$(login_at)
  awk "BEGIN {printf \"%.2f\\n\", ($(started_at) - $begin) / 1e9}" >>"$work/$1.before"
  [[ $1 != raw ]] || begin=$(started_at)
  awk "BEGIN {printf \"%.2f\\n\", ($end - $begin) / 1e9}" >>"$work/$1"
  end_machine
}
# All that the second region has goes, and the server's memory with it.
forget_copy() {
  stop_server
  rm -rf "$data/regions/northeurope"
  start_server
  sign_in
}

if [[ $kind == tiny ]]; then "$top/tools/tiny_image.sh" "$raw"; else azure_image "$raw"; fi
[[ $kind != tiny ]] || size=Standard_B1ls
start_server
sign_in
"$pinaco" push "$raw" --gallery g --definition image --version 1.0.0 --location westeurope \
  --regions westeurope=1,northeurope=1 2>"$work/push.log" || fail "$(cat "$work/push.log")"
[[ $kind != tiny ]] || ask PATCH $definition '{"tags": {"pinaco-provisioning": "none"}}'
cat "$raw" >"$work/null"  # the page cache is warm for both
rm "$work/null"
network one westeurope
for ((round = 0; round < rounds; round++)); do
  disks_from file "$raw"
  boot raw westeurope
  disks_from store
  boot warm westeurope
  forget_copy
  gone Microsoft.Network/networkInterfaces/one Microsoft.Network/publicIPAddresses/one \
    Microsoft.Network/virtualNetworks/one
  network one northeurope
  boot cold northeurope
  gone Microsoft.Network/networkInterfaces/one Microsoft.Network/publicIPAddresses/one \
    Microsoft.Network/virtualNetworks/one
  network one westeurope
  echo "round $((round + 1)): raw file $(tail -n 1 "$work/raw") s, warm" \
    "$(tail -n 1 "$work/warm") s ($(tail -n 1 "$work/warm.before") before QEMU), cold" \
    "$(tail -n 1 "$work/cold") s ($(tail -n 1 "$work/cold.before"))" >&2
done

median() {
  sort -n "$work/$1" |
    awk '{v[NR] = $1} END {print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2}'
}
row() {  # SIDE BAR
  sort -n "$work/$1" | awk -v side="$1" -v bar="${2:-}" -v own="$(median "$1")" \
    -v raw="$(median raw)" 'NR == 1 {low = $1} {high = $1} END {
      printf "%-9s %7.1f s  (%.1f to %.1f)", side, own, low, high
      if (bar) printf "  %.2f x  bar %s  %s", own / raw, bar, own / raw <= bar ? "held" : "MISSED"
      print ""
    }'
}
echo "$kind: PUT to login, medians of $rounds, as a ratio to a raw file"
row raw
row warm 1.15
row cold 1.3
