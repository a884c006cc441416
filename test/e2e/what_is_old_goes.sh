#!/bin/bash
# The commands of docs/lifecycle.md, as they stand there; and a server that is killed amid deleting.
. "$(dirname "$0")/../server.sh"
settings=$'[lifecycle]\ngrace_days = 7'
start_server
mkdir "$work/bin"; ln -s "$(readlink -f "$pinaco")" "$work/bin/pinaco"; PATH=$work/bin:$PATH
cd "$work"
sed -n '/^```sh/,/^```/{/^```/d;p}' "$top/docs/lifecycle.md" >commands.sh
. ./commands.sh >out 2>&1 || { cat out; fail "a command of docs/lifecycle.md failed"; }
grep -q 'shelf/debian/1.0.0  mark for .*  it is not among the newest 1' out || fail "$(cat out)"
grep -q 'shelf/debian/1.0.0  marked for' out || fail "nothing was marked: $(cat out)"
grep -q 'shelf/debian/1.0.0 stays, until its tag pinaco-keep is removed' out || fail "no undo"
grep -q 'shelf/debian/1.1.0 (deleted)  delete 20' out || fail "a deleted version is not listed"
grep -q 'shelf/debian/1.1.0 is restored' out || fail "a deleted version did not come back"
[[ $(pinaco expire shelf -o json | jq -r '.[2].why') == *'has the tag pinaco-keep'* ]] ||
  fail "the tag does not keep it"

# More than two steps of deleting, and a kill as soon as the first is made.
for number in $(seq 2 120); do
  pinaco push disk.raw --gallery old --definition all --version "$number.0.0" >>push.log 2>&1
done
pinaco retain old --newest 1 >>out
pinaco expire old --yes --skip-grace >>out 2>&1 &
deleting=$!
for ((tries = 0; tries < 600; tries++)); do
  (($(pinaco expire old -o json | jq length) < 120)) && break
done
stop_server KILL
wait $deleting || true
start_server
pinaco expire old --yes --skip-grace >>out
[[ $(pinaco expire old -o json | jq -r '[.[].name] | join(" ")') == 'old/all old/all/120.0.0' ]] ||
  fail "what is left: $(pinaco expire old)"
(($(pinaco log --caller Pinaco -o json | jq length) == 118)) || fail "$(pinaco log --caller Pinaco)"
