#!/bin/bash
# A guest whose server is away for longer than its disk may be is paused, and sees no error; the
# next server lets it go on where it was.
. "$(dirname "$0")/../server.sh"
. "$(dirname "$0")/../machine_steps.sh"
size=Standard_B1ls guest=$data/machines/guests

says() {  # FILE TEXT
  local tries=0
  until grep -qs -- "$2" "$guest"/*/"$1"; do
    ((tries++ < 1500)) && sleep 0.1 || fail "$1 does not say '$2': $(cat "$guest"/*/"$1")"
  done
}

"$top/tools/tiny_image.sh" "$work/tiny.raw"
start_server
sign_in
"$pinaco" push "$work/tiny.raw" --gallery g --definition tiny --version 1.0.0 2>"$work/push.log"
ask PATCH Microsoft.Compute/galleries/g/images/tiny '{"tags": {"pinaco-provisioning": "none"}}'
network one westeurope
machine one westeurope tiny ann
settle Microsoft.Compute/virtualMachines/one
stop_server KILL
timed "the server is gone" says report.json 'disk failed'
! grep -q PINACO-BOOT-OK "$guest"/*/console.log || fail "it had booted before"
start_server
timed "booted" says console.log PINACO-BOOT-OK
[[ $(power one) == running ]] || fail "not running: $(cat "$work/answer")"
