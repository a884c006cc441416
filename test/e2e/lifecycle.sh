#!/bin/bash
# The life of a golden image with a real guest: a machine of an image as Azure has them; changed,
# deprovisioned, generalized and captured; and a machine of that elsewhere, for somebody else.
. "$(dirname "$0")/../server.sh"
. "$(dirname "$0")/../machine_steps.sh"
machines=Microsoft.Compute/virtualMachines
image=Microsoft.Compute/galleries/g/images/debian

timed "the image is there" azure_image "$work/azure.raw"
start_server
sign_in
timed "push to two regions" "$pinaco" push "$work/azure.raw" --gallery g --definition debian \
  --version 1.0.0 --location westeurope --regions westeurope=1,northeurope=1
network one westeurope
machine one westeurope debian ann
timed "one: provisioned" settle $machines/one
[[ $(power one) == running ]] || fail "one is not running: $(cat "$work/answer")"
timed "one: SSH" on one ann 'hostname; id -un' >"$work/out"
grep -qx one "$work/out" && grep -qx ann "$work/out" || fail "one is $(cat "$work/out")"
on one ann 'systemctl is-active walinuxagent; echo golden | sudo tee /srv/marker; sync'
timed "one: deprovision" on one ann 'sudo waagent -deprovision+user -force'
timed "one: deallocate" act one deallocate
[[ -z $(guests) ]] || fail "a guest is left: $(guests)"
ask POST $machines/one/generalize
timed "2.0.0 in two regions" capture one debian/2.0.0

network two northeurope
machine two northeurope debian bob
timed "two: provisioned" settle $machines/two
timed "two: SSH" on two bob 'hostname; cat /srv/marker; ! id ann; sudo id -un' >"$work/out"
for word in two golden root; do
  grep -qx $word "$work/out" || fail "two says no $word: $(cat "$work/out" "$work/ssh.err")"
done
timed "all deleted" gone $machines/{one,two} Microsoft.Network/networkInterfaces/{one,two} \
  Microsoft.Network/publicIPAddresses/{one,two} Microsoft.Network/virtualNetworks/{one,two} \
  $image/versions/{1,2}.0.0 $image
[[ -z $(guests)$(ls "$data/machines/disks") ]] || fail "something is left"
