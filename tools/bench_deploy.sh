#!/bin/bash
# What a deployment of 1,000 machines asks of a server's disks, on this host, beside the same work
# done by others in the same run:
#
#   disks    a scale set of 1,000 instances (driver "none"), from PUT until each has its overlay and
#            the first 4 KiB of each disk were read; beside `qemu-img create -b`, 1,000 times
#   boots    1,000 connections that replay a recorded boot (tools/boot_trace.txt, see
#            tools/record_boot.sh), each of a disk of its own, begun evenly over $spread seconds. A
#            read comes at its recorded time, or when the one before was answered if that is later.
#            The bar is for this: guests that boot spend their time between the reads
#   at once  the same readers all over the trace without waiting: what the server can do at most.
#            The time of a read is then 1,000 divided by that, whoever serves
#
# One client thread shares the processors with the server. Peers: qemu-nbd of the raw file and of a
# QCOW2 of it. Usage: tools/bench_deploy.sh [INSTANCES]
set -euo pipefail
. "$(dirname "$0")/../test/server.sh"
. "$top/test/machine_steps.sh"
settings+=$'\ndriver = "none"'
instances=${1:-1000} spread=150 limit=240 burst=10
raw=$work/image.raw trace=$top/tools/boot_trace.txt replay=$top/build/release/bench_replay
overlays=$data/machines/disks peer=''
trap 'end_peer; stop_server KILL; rm -rf "$work"' EXIT

now() { date +%s%N; }
since() { awk "BEGIN {printf \"%.2f\", ($(now) - $1) / 1e9}"; }
end_peer() {
  [[ -z $peer ]] || { kill "$peer" 2>/dev/null; wait "$peer" 2>/dev/null; peer=''; }
}
value() { awk -v name="$2" '$1 == name {print $2}' "$work/$1"; }

put_scale_set() {
  local subnet
  ask PUT Microsoft.Network/virtualNetworks/set '{"location": "westeurope", "properties":
    {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "subnets": [{"name": "main",
    "properties": {"addressPrefix": "10.0.0.0/20"}}]}}'
  subnet=$(jq -er '.properties.subnets[0].id' "$work/answer")
  ask PUT Microsoft.Compute/virtualMachineScaleSets/set '{"location": "westeurope", "sku": {"name":
    "Standard_B1ls", "tier": "Standard", "capacity": '"$instances"'}, "properties": {
    "orchestrationMode": "Uniform", "overprovision": false, "singlePlacementGroup": false,
    "upgradePolicy": {"mode": "Manual"}, "virtualMachineProfile": {
    "osProfile": {"computerNamePrefix": "set", "adminUsername": "ann", "linuxConfiguration":
      {"disablePasswordAuthentication": true, "ssh": {"publicKeys": [{"path":
      "/home/ann/.ssh/authorized_keys", "keyData": "'"$(cat "$key.pub")"'"}]}}},
    "storageProfile": {"imageReference": {"id":
      "'"$group/Microsoft.Compute/galleries/g/images/image/versions/1.0.0"'"},
      "osDisk": {"createOption": "FromImage"}},
    "networkProfile": {"networkInterfaceConfigurations": [{"name": "card", "properties":
      {"primary": true, "ipConfigurations": [{"name": "main", "properties": {"subnet": {"id":
      "'"$subnet"'"}}}]}}]}}}}'
}
# The exports of the scale set's disks: an overlay is called after its disk.
names() { ls "$overlays" | sed 's/-[0-9a-f]*\.qcow2$//'; }

# --- disks ----------------------------------------------------------------------------------------

azure_image "$raw"
cat "$raw" >"$work/null"  # into the page cache
rm "$work/null"
# As many files as a service may usually open.
ulimit -Sn 1024
start_server
ulimit -Sn "$(ulimit -Hn)"
sign_in
"$pinaco" push "$raw" --gallery g --definition image --version 1.0.0 --location westeurope \
  2>"$work/push.log" || fail "$(cat "$work/push.log")"
begin=$(now)
put_scale_set
settle Microsoft.Compute/virtualMachineScaleSets/set
made=$(since "$begin")
names >"$work/names"
(($(wc -l <"$work/names") == instances)) || fail "$(wc -l <"$work/names") overlays"
"$replay" load "$data/machines/disks.sock" "$work/names" "$instances" >"$work/first" ||
  fail "not every disk can be read"
disks=$(since "$begin")

mkdir "$work/peer"
begin=$(now)
for ((i = 0; i < instances; i++)); do
  qemu-img create -q -f qcow2 -b "$raw" -F raw "$work/peer/$i.qcow2"
done
peer_disks=$(since "$begin")
rm -r "$work/peer"
qemu-img convert -f raw -O qcow2 "$raw" "$work/image.qcow2"

# --- boots ----------------------------------------------------------------------------------------

replay() {  # NAME SOCKET NAMES SPREAD LIMIT
  "$replay" load "$2" "$3" 1000 "$trace" "$raw" "$4" "$5" >"$work/$1" 2>&1 ||
    fail "$1: $(cat "$work/$1")"
}
serve_peer() {  # FORMAT FILE
  qemu-nbd -r -t -f "$1" -e 1000 -k "$work/peer.sock" "$2" 2>"$work/peer.log" &
  peer=$!
  until [[ -S $work/peer.sock ]]; do sleep 0.1; done
}
echo >"$work/no_name"
ours=$data/machines/disks.sock
"$replay" load "$ours" "$work/names" 1000 "$trace" "$raw" 0 4 >"$work/null"  # warm
replay once_ours "$ours" "$work/names" 0 $burst
replay boots_ours "$ours" "$work/names" $spread $limit
memory=$(awk '$1 == "VmHWM:" {print $2 / 1024}' "/proc/$server/status")
stop_server
for format in raw qcow2; do
  serve_peer $format "$work/image.$format"
  "$replay" load "$work/peer.sock" "$work/no_name" 1000 "$trace" "$raw" 0 4 >"$work/null"
  replay once_$format "$work/peer.sock" "$work/no_name" 0 $burst
  end_peer
done

# --- what came out --------------------------------------------------------------------------------

bar() { awk "BEGIN {print ($1 <= $2) ? \"held\" : \"MISSED\"}"; }
ratio() { awk "BEGIN {printf \"%.2f\", $1 / $2}"; }
printf '%d OS disks exist and were read: %s s (made after %s s)  bar 5 s  %s\n' "$instances" \
  "$disks" "$made" "$(bar "$disks" 5)"
printf '  qemu-img create -b, %d times: %s s; ours / that: %s\n' "$instances" "$peer_disks" \
  "$(ratio "$disks" "$peer_disks")"
printf '1,000 boots begun over %d s: p99 of a read up to 4 KiB %s ms (p50 %s)  bar 20 ms  %s\n' \
  $spread "$(value boots_ours p99_small_ms)" "$(value boots_ours p50_small_ms)" \
  "$(bar "$(value boots_ours p99_small_ms)" 20)"
printf '  %s reads/s, %s MB/s, all %s s; the latest read was %s ms behind its recorded time\n' \
  "$(value boots_ours reads_a_second)" "$(value boots_ours MB_a_second)" \
  "$(value boots_ours seconds)" "$(value boots_ours late_ms)"
printf 'memory of the server at its peak: %.0f MiB  bar 1024 MiB  %s\n' "$memory" \
  "$(bar "$memory" 1024)"
for name in ours raw qcow2; do
  printf 'at once, %-6s %7s reads/s %5s MB/s  p50 %7s ms  p99 %7s ms' "$name:" \
    "$(value once_$name reads_a_second)" "$(value once_$name MB_a_second)" \
    "$(value once_$name p50_small_ms)" "$(value once_$name p99_small_ms)"
  [[ $name == ours ]] || printf '  ours / qemu-nbd %s: %s' $name \
    "$(ratio "$(value once_ours reads_a_second)" "$(value once_$name reads_a_second)")"
  echo
done
