#!/bin/bash
# A server that is killed while it deploys a template of some 200 resources goes on when it is back:
# everything is there, and the secret that the template needed is nowhere any more.
. "$(dirname "$0")/../server.sh"
. "$(dirname "$0")/../machine_steps.sh"
kills=0 deployment=Microsoft.Resources/deployments/big
state() { ask GET $deployment && jq -r .properties.provisioningState "$work/answer"; }
start_server
sign_in
random_disk "$work/disk" 1 1
"$pinaco" push "$work/disk" --gallery g --definition d --version 1.0.0 2>>"$work/client.log"
ask PUT $deployment "$(jq '{properties: {mode: "Incremental", template, parameters}}' \
  "$top/test/templates/21_two_hundred.json")"
for pause in 0.1 0.2 0.3 0.5; do
  sleep $pause
  [[ $(state) != Succeeded ]] || break
  stop_server KILL
  kills=$((kills + 1))
  start_server
done
until [[ $(state) =~ Succeeded|Failed ]]; do sleep 0.2; done
[[ $(jq -r '.properties | "\(.provisioningState) \(.outputResources | length)"' \
  "$work/answer") == 'Succeeded 198' ]] || fail "$(cat "$work/answer")"
for type in galleries disks snapshots; do
  ask GET "Microsoft.Compute/$type"
  made='[.value[] | select(.properties.provisioningState == "Succeeded") |
    select(.name | test("^[gds][0-9]+$"))] | length'
  [[ $(jq "$made" "$work/answer") == 66 ]] || fail "$type: $(cat "$work/answer")"
done
((kills > 0)) || fail "it was done before it could be killed"
stop_server
! grep -q quite-unlikely-text "$data"/pinaco.db* || fail "the secret is still in the database"
echo "$kills kills, and 198 resources as the template has them"
