#!/bin/bash
# An image that boots with UEFI; and a machine of it, captured as it is, keeps its accounts and its
# files in the machine made of that, which gets no osProfile.
. "$(dirname "$0")/../server.sh"
. "$(dirname "$0")/../machine_steps.sh"
[[ -e /usr/share/OVMF/OVMF_CODE_4M.fd ]] || skip "ovmf is missing (./dev setup)"
size=Standard_D2s_v5

timed "the image is there" azure_image "$work/azure.raw"
start_server
sign_in
timed "push" "$pinaco" push "$work/azure.raw" --gallery g --definition general --version 1.0.0 \
  --location westeurope --generation V2
network one westeurope
machine one westeurope general/1.0.0 ann
timed "one: provisioned" settle $machines/one
timed "one: SSH" on one ann 'echo kept | sudo tee /srv/marker; ls -d /sys/firmware/efi; sync'
timed "one: deallocate" act one deallocate
ask PUT $images/special '{"location": "westeurope", "properties": {"osType": "Linux", "osState":
  "Specialized", "hyperVGeneration": "V2", "identifier": {"publisher": "p", "offer": "o", "sku":
  "special"}}}'
timed "special/1.0.0 in two regions" capture one special/1.0.0
gone $machines/one

network two northeurope
machine two northeurope special
timed "two: started" settle $machines/two
timed "two: SSH" on two ann 'sudo cat /srv/marker; hostname' >"$work/out"
grep -qx kept "$work/out" && grep -qx one "$work/out" || fail "two says $(cat "$work/out")"
timed "two: powerOff" act two powerOff
[[ $(power two) == stopped ]] || fail "two: $(cat "$work/answer")"
timed "all deleted" gone $machines/two Microsoft.Network/networkInterfaces/{one,two} \
  $images/{general,special}/versions/1.0.0 $images/{general,special}
