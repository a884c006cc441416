#!/bin/bash
# The disk of a deallocated machine grows: the guest boots again from what it had, on a larger disk.
. "$(dirname "$0")/../server.sh"
. "$(dirname "$0")/../machine_steps.sh"
size=Standard_B1ls machine=Microsoft.Compute/virtualMachines/one
settings+=$'\nshutdown_seconds = 2'  # the guest does not hear the power button

boots() {  # how often it has booted, and how large the disk is that it writes to
  local tries=0
  until (($(cat "$data"/machines/guests/*/console.log | grep -c PINACO-BOOT-OK) >= $1)); do
    ((tries++ < 1500)) && sleep 0.1 || fail "it did not boot $1 times"
  done
  qemu-img info -U --output=json "$data"/machines/disks/*.qcow2 | jq '."virtual-size"'
}

"$top/tools/tiny_image.sh" "$work/tiny.raw"
start_server
sign_in
"$pinaco" push "$work/tiny.raw" --gallery g --definition tiny --version 1.0.0 2>"$work/push.log"
ask PATCH Microsoft.Compute/galleries/g/images/tiny '{"tags": {"pinaco-provisioning": "none"}}'
network one westeurope
machine one westeurope tiny ann
settle $machine
(($(timed "booted" boots 1 | tail -n 1) == 64 << 20)) || fail "its first disk has another size"
disk=Microsoft.Compute/disks/$(ask GET $machine
  jq -r .properties.storageProfile.osDisk.name "$work/answer")
(($(call PATCH "$disk" '{"properties": {"diskSizeGB": 2}}') == 409)) || fail "it grew while it ran"
timed "deallocated" act one deallocate
ask PATCH "$disk" '{"properties": {"diskSizeGB": 2}}'
timed "started" act one start
(($(timed "booted" boots 1 | tail -n 1) == 2 << 30)) || fail "its disk did not grow"
