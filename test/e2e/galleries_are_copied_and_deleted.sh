#!/bin/bash
# The commands of docs/copying.md; and copying and deleting while all is killed at any moment.
. "$(dirname "$0")/../server.sh"
start_server
mkdir "$work/bin"; ln -s "$(readlink -f "$pinaco")" "$work/bin/pinaco"; PATH=$work/bin:$PATH
cd "$work"
sed -n '/^```sh/,/^```/{/^```/d;p}' "$top/docs/copying.md" >commands.sh
. ./commands.sh >out 2>&1 || { cat out; fail "a command of docs/copying.md failed"; }
for words in 'here/debian/1.0.0  *here/debian/1.0.0  *copy' 'copied to here/debian/1.1.0, 0 B new' \
  '1 version copied, 1 already there' 'here: 1 definition with 2 versions go, and the gallery' \
  'described: 3 scale sets of up to 600 instances, 600 to a replica: 3 replicas' \
  'az sig image-version update .* westeurope=8=standard_lrs' 'there/debian/1.1.0 has them'; do
  grep -q "$words" out || { cat out; fail "no '$words'"; }
done
[[ $(pinaco list -o json) == '[]' ]] || fail "left: $(pinaco list)"

kills=0
killed_while() {  # COMMAND...: it and the server, each time a little later, until it is done
  local pause client
  for pause in 0.05 0.1 0.2 0.4 0.8; do
    "$@" >>client.log 2>&1 & client=$!
    sleep $pause
    kill -KILL $client 2>/dev/null && kills=$((kills + 1))
    wait $client || true
    stop_server KILL
    start_server
  done
  "$@" >>client.log 2>&1 || [[ $(tail -1 client.log) == *"There is no"* ]] || fail "$(<client.log)"
}
random_disk disk.raw 24 1
for number in $(seq 60); do
  pinaco push disk.raw --gallery old --definition all --version "$number.0.0" >>push.log 2>&1
done
killed_while pinaco copy old new
(($(pinaco list new --all | grep -c '^    [0-9]') == 60)) || fail "$(pinaco list new --all)"
killed_while pinaco delete old --cascade --yes
pinaco pull new/all/60.0.0 -f back.raw >>client.log 2>&1 || fail "$(tail -3 client.log)"
cmp disk.raw back.raw || fail "not the bytes"
((kills > 2)) || fail "only $kills kills met a command under way"
echo "$kills kills, 60 versions copied, and 60 deleted"
