#!/bin/bash
# The commands of docs/cost.md, as they stand there, its prices, and a server that is killed.
. "$(dirname "$0")/../server.sh"
doc=$top/docs/cost.md
block() { awk -v lang="$1" '$0 == "```" {on = 0} on; $0 == "```" lang {on = 1}' "$doc"; }
start_server
mkdir "$work/bin"; ln -s "$(readlink -f "$pinaco")" "$work/bin/pinaco"; PATH=$work/bin:$PATH
cd "$work"
block sh >commands.sh
bash -eu commands.sh >out 2>&1 || { cat out; fail "a command of docs/cost.md failed"; }
! pinaco show shop >shown 2>&1 || fail "the gallery is still there"
grep -q '^shop/debian/1.0.0  3  ' out || fail "no version of three disks: $(cat out)"
grep -q 'charged by provisioned size' out || fail "no unit: $(cat out)"
[[ $(head -n 1 costs.csv) == definition,id,disks,* ]] || fail "$(cat costs.csv)"
[[ $(jq .total.disks costs.json) == 3 ]] || fail "$(cat costs.json)"
[[ $(tail -n 8 out) == *$'\nshop '* ]] || fail "what is deleted is not there: $(cat out)"

random_disk disk.raw 24 5
pinaco push disk.raw --gallery live --definition debian --version 1.0.0 \
  --regions westeurope,northeurope >push.log 2>&1 || fail "$(cat push.log)"
cost() { pinaco cost live --by region -o json | jq -r "$1"; }
egress=$(cost .total.egressGiB)
stop_server KILL
settings=$(block toml | sed -n '1,/^unit/p')
block toml | sed '1,/^unit/d' >"$data/prices.toml"
start_server
[[ $(cost .total.egressGiB) == "$egress" ]] || fail "egress was $egress: $(cost .)"
[[ $(cost .total.disks) == 2 ]] || fail "$(cost .)"
[[ $(cost '"\(.currency) \(.unit)"') == 'EUR stored' ]] || fail "$(cost .)"
[[ $(cost '.total | .egressCost / .egressGiB * 1e6 | round') == 18000 ]] || fail "$(cost .)"
stop_server
echo 'egress = -1' >>"$data/prices.toml"
! "$pinaco" serve --data "$data" --config "$work/pinaco.toml" >out 2>&1 || fail "bad prices pass"
grep -q 'prices.toml.*line' out || fail "$(cat out)"
