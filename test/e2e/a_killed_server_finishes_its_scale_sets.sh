#!/bin/bash
# A server that is killed while it makes, changes and deletes hundreds of machines goes on when it
# is back: as many as were asked for, none twice, and nothing is left at the end.
. "$(dirname "$0")/../server.sh"
settings=$(printf '[machines]\ndriver = "none"\naddresses = "127.%d.%d.0/24"' \
  $((RANDOM % 100 + 100)) $((RANDOM % 256)))
kills=0
state() { "$pinaco" scale-set show web -o json >"$work/set" 2>>"$work/client.log"; }
killed_while() {  # COMMAND...: up to three times, each a little later
  local pause client
  "$@" >>"$work/client.log" 2>&1 &
  client=$!
  for pause in 0.2 0.3 0.5; do
    sleep $pause
    kill -0 $client 2>/dev/null || break
    stop_server KILL
    kills=$((kills + 1))
    start_server
  done
  wait $client || "$@" >>"$work/client.log" 2>&1 || true
}
are() {  # N
  until state && [[ $(jq -r .set.properties.provisioningState "$work/set") != *ing ]]; do
    sleep 0.2
  done
  [[ $(jq '[.machines[] | select(.properties.provisioningState == "Succeeded")
    .properties.storageProfile.osDisk.managedDisk.id] | unique | length' "$work/set") == "$1" ]] &&
    [[ $(ls "$data/machines/disks" | wc -l) == "$1" ]] || fail "not $1: $(cat "$work/set")"
}
ssh-keygen -q -t ed25519 -N '' -f "$work/key" && start_server
random_disk "$work/disk" 16 1
"$pinaco" push "$work/disk" --gallery g --definition d --version 1.0.0 >>"$work/client.log" 2>&1
killed_while "$pinaco" scale-set create web --image g/d --count 300 --public-ip no \
  --ssh-key "$work/key.pub"
are 300
killed_while "$pinaco" scale-set scale web --count 50
are 50
killed_while "$pinaco" scale-set delete web --yes
until ! state && [[ -z $(ls "$data/machines/disks") ]]; do sleep 0.2; done
echo "$kills kills, and as many machines as were asked for each time"
