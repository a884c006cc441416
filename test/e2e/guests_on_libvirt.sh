#!/bin/bash
# Guests on a libvirt host, reached by its socket, TLS and SSH: the server is killed, the guest goes
# on and is found again; what it wrote comes into the store; afterwards nothing of it stays there.
. "$(dirname "$0")/../server.sh"
. "$(dirname "$0")/../machine_steps.sh"
. "$top/test/libvirt_host.sh"
vm=Microsoft.Compute/virtualMachines/one size=Standard_B1ls usual=$settings$'\nshutdown_seconds = 2'
nothing_there() { [[ -z $(ask_host vol-list default; ask_host list --all) ]] || fail "$1 left"; }

"$top/tools/tiny_image.sh" "$work/tiny.raw"
disk="$work/tiny.raw?offset=1048576"
debugfs -R 'cat /etc/rc' "$disk" 2>"$work/log" | sed '/PINACO-BOOT-OK/i mount -o remount,rw /\
echo kept >>/srv/kept; mount -o remount,ro /' >"$work/rc"
printf 'rm /etc/rc\nwrite %s /etc/rc\nsif /etc/rc mode 0100755\n' "$work/rc" |
  debugfs -w -f - "$disk" >"$work/log" 2>&1
way=0
for uri in "$by_socket" "$by_tls" $by_ssh; do
  settings=$usual$(host_settings "$uri") version=kept/1.0.$((++way)) && start_server && sign_in
  if ((way == 1)); then
    "$pinaco" push "$work/tiny.raw" --gallery g --definition tiny --version 1.0.0 2>"$work/log"
    ask PATCH $images/tiny '{"tags": {"pinaco-provisioning": "none"}}'
    network one westeurope
  fi
  machine one westeurope tiny/1.0.0 ann
  timed "${uri%%:*}: created" settle $vm && timed "  booted" booted 1
  before=$(guests) && stop_server KILL && start_server && is one running
  [[ -n $before && $before == "$(guests)" ]] || fail "guests were $before, are $(guests)"
  timed "  restarted: its disk is there" act one restart && booted 2
  timed "  deallocated" act one deallocate && is one deallocated && nothing_there "a stopped guest"
  "$pinaco" version create g/$version --from-vm one &>"$work/log" || fail "$(cat "$work/log")"
  "$pinaco" pull g/$version -f "$work/$way.raw" 2>"$work/log"
  lines=$(debugfs -R 'cat /srv/kept' "$work/$way.raw?offset=1048576" 2>"$work/log" | wc -l)
  ((lines == 2)) || fail "$lines of 2 boots are in the version"
  act one start && booted 1 && timed "  deleted" gone $vm && nothing_there "a deleted guest"
  [[ -z $(guests) ]] && stop_server || fail "left: $(guests)"
done
PINACO_LIBVIRT=$by_socket "${pinaco%/*}/machine_test" --gtest_filter='*ibvirt*' >"$work/log" ||
  fail "$(cat "$work/log")"
grep -q 'OK.*OnLibvirt' "$work/log" || fail "no test ran on the host"
[[ -n $by_ssh ]] || echo "without sshd: qemu+ssh was left out"
