#!/bin/bash
# The server is killed while a machine runs: the guest goes on, and the next server finds it and
# gives it its disk. Killed within create, deallocate and delete, the next one ends each of them.
. "$(dirname "$0")/../server.sh"
. "$(dirname "$0")/../machine_steps.sh"
vm=Microsoft.Compute/virtualMachines/one settings+=$'\nshutdown_seconds = 2'
definition=Microsoft.Compute/galleries/g/images/tiny size=Standard_B1ls

again() { sleep "$moment" && stop_server KILL && start_server; }
deleted() { until status=$(call GET $vm) && ((status == 404)); do sleep 0.1; done; }

"$top/tools/tiny_image.sh" "$work/tiny.raw"
start_server
sign_in
"$pinaco" push "$work/tiny.raw" --gallery g --definition tiny --version 1.0.0 2>"$work/push.log"
ask PATCH $definition '{"tags": {"pinaco-provisioning": "none"}}'
network one westeurope
for moment in 0 0.2 1 2.2; do
  machine one westeurope tiny ann
  timed "created, the server killed after $moment s" again
  settle $vm && is one running
  timed "  booted" booted 1
  before=$(guests) && again && is one running
  [[ -n $before && $before == "$(guests)" ]] || fail "guests were $before, are $(guests)"
  timed "  restarted: its disk is there" act one restart && booted 2
  ask POST $vm/deallocate && again
  timed "  deallocated" settle $vm && is one deallocated
  [[ -z $(guests) ]] || fail "left: $(guests)"
  ask DELETE $vm && again && timed "  deleted" deleted
done
ask GET Microsoft.Compute/disks
! jq -e '.value[]' "$work/answer" || fail "a disk is left"
[[ -z $(ls "$data/machines/disks" "$data/machines/guests" | grep -v :) ]] || fail "files are left"
