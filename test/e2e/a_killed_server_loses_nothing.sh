#!/bin/bash
# The server is killed at random moments of a push and started again; the push goes on and ends
# well, and in the end every version is bit for bit what was pushed. CRASHES=50 says how often.
. "$(dirname "$0")/../server.sh"
crashes=${CRASHES:-50} disk_mib=24
command -v openssl >/dev/null || skip "openssl is missing"

push() { "$pinaco" push "$1" --gallery g --definition d --version "$2" >"$work/push.log" 2>&1; }

start_server
random_disk "$work/0.raw" $disk_mib 0
begin=$(date +%s%N)
push "$work/0.raw" 1.0.0 || fail "an undisturbed push: $(cat "$work/push.log")"
took_ms=$((($(date +%s%N) - begin) / 1000000))
echo "an undisturbed push takes $took_ms ms; killing within each of $crashes more"

killed=0
for ((number = 1; number <= crashes; number++)); do
  random_disk "$work/$number.raw" $disk_mib "$number"
  push "$work/$number.raw" "1.0.$number" &
  pusher=$!
  moment_ms=$((RANDOM * took_ms / 32768))
  sleep "$(printf '%d.%03d' $((moment_ms / 1000)) $((moment_ms % 1000)))"
  ! kill -0 $pusher 2>/dev/null || killed=$((killed + 1))
  stop_server KILL
  start_server
  wait $pusher || fail "push $number, killed after $moment_ms ms: $(cat "$work/push.log")"
done
echo "$killed of $crashes kills met a push under way"
((killed * 2 >= crashes)) || fail "too few kills met a push under way"

stop_server
start_server
for ((number = 0; number <= crashes; number++)); do
  "$pinaco" pull "g/d/1.0.$number" -f "$work/back.raw" >/dev/null 2>&1 || fail "no 1.0.$number"
  cmp "$work/$number.raw" "$work/back.raw" || fail "1.0.$number is not what was pushed"
  rm "$work/back.raw"
done
