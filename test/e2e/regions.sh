#!/bin/bash
# The commands of docs/regions.md, as they stand there, with its configuration; what was allowed
# outlives a crash; and a zone whose folder goes away and comes back under the server.
. "$(dirname "$0")/../server.sh"
doc=$top/docs/regions.md
block() { awk -v lang="$1" '$0 == "```" {on = 0} on; $0 == "```" lang {on = 1}' "$doc"; }
settings=$(block toml)
start_server
mkdir "$work/bin"; ln -s "$(readlink -f "$pinaco")" "$work/bin/pinaco"; PATH=$work/bin:$PATH
cd "$work"
block sh >commands.sh
(($(wc -l <commands.sh) >= 10)) || fail "the commands of $doc were not found"
. ./commands.sh >out 2>&1 || { cat out; fail "a command of $doc failed"; }
for line in 'australiacentral  Australia Central .* restricted' 'Asked for australiacentral' \
  'a site in Canberra' 'may use australiacentral' 'may not use australiacentral'; do
  grep -q "$line" out || { cat out; fail "no '$line'"; }
done
access() { pinaco regions -o json | jq -r '.[2].access'; }
push() {
  pinaco push "$1" --gallery shelf --definition debian --version "$2" --location westeurope \
    --regions "$3" >out 2>&1 </dev/null
}
! push disk.raw 2.0.0 westeurope=1,australiacentral=1 || fail "a denied region was used"
grep -q 'pinaco region request australiacentral' out || { cat out; fail "it does not say how"; }
pinaco region allow australiacentral --subscription "$id" >>out
stop_server KILL
start_server
[[ $(access) == Allowed ]] || fail "a crash forgot what was allowed: $(access)"
push disk.raw 2.0.0 westeurope=1,australiacentral=1 || { cat out; fail "an allowed region"; }
random_disk zrs.raw 24 1; random_disk lrs.raw 24 2
push zrs.raw 3.0.0 westeurope=1=standard_zrs || { cat out; fail "zrs"; }
push lrs.raw 4.0.0 westeurope=1 || { cat out; fail "lrs"; }
mv "$data/regions/westeurope/1" "$work/taken"
pull() { rm -f back.raw; pinaco pull "shelf/debian/$1" -f back.raw --retry-for 2 >out 2>&1; }
pull 3.0.0 || { cat out; fail "a zone is away, and its ZRS version cannot be read"; }
cmp zrs.raw back.raw
! pull 4.0.0 && grep -q 'the folder of a store is not there' out || { cat out; fail "no reason"; }
[[ ! -e $data/regions/westeurope/1 ]] || fail "something was made in the folder's stead"
mv "$work/taken" "$data/regions/westeurope/1"
pull 4.0.0 && cmp lrs.raw back.raw || { cat out; fail "it did not heal"; }
