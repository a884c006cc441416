#!/bin/bash
# The life of a golden image: a machine of an image as Azure has them, changed and captured; a scale
# set of three of that elsewhere; a machine of a specialized image of one of those, accounts kept.
. "$(dirname "$0")/../server.sh"
. "$(dirname "$0")/../machine_steps.sh"
timed "the image is there" azure_image "$work/azure.raw"
start_server
sign_in
timed "push to two regions" "$pinaco" push "$work/azure.raw" --gallery g --definition debian \
  --version 1.0.0 --location westeurope --regions westeurope=1,northeurope=1
network one westeurope
machine one westeurope debian ann
timed "one: provisioned" settle $machines/one
timed "one: SSH" on one ann 'hostname; id -un; systemctl is-system-running --wait
  systemctl is-active walinuxagent' >"$work/out"
shows one ann active
on one ann 'echo golden | sudo tee /srv/marker; sync; sudo waagent -deprovision+user -force'
timed "one: deallocate" act one deallocate
[[ -z $(guests) ]] || fail "a guest is left: $(guests)"
ask POST $machines/one/generalize
timed "2.0.0 in two regions" capture one debian/2.0.0

network web northeurope
scale_set web 3 northeurope debian/2.0.0 bob
timed "web: three are provisioned" settle $sets/web
for number in 0 1 2; do
  timed "web_$number: SSH" reach "$(addresses web | sed -n $((number + 1))p)" bob \
    'hostname; cat /srv/marker; ! id ann; sudo id -un' >"$work/out"
  shows web00000$number golden root
done
reach "$(addresses web | sed -n 2p)" bob 'echo kept | sudo tee /srv/marker; sync'
timed "special/1.0.0 of web_1, which runs" capture_disk web/virtualMachines/1 special/1.0.0
timed "web: deleted" gone $sets/web
[[ -z $(guests) ]] || fail "a guest of the scale set is left: $(guests)"

network three northeurope
machine three northeurope special/1.0.0
timed "three: started" settle $machines/three
timed "three: SSH" on three bob 'hostname; cat /srv/marker' >"$work/out"
shows web000001 kept
