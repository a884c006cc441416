#!/bin/bash
# Deployment templates, on this host:
#
#   expressions   how many are evaluated a second, on one thread (src/templates/expression_bench.cc)
#   resources     a template of 198 resources (test/templates/21_two_hundred.json) on a whole
#                 server, from its PUT until it says Succeeded; the median of ROUNDS, each in a
#                 new resource group
#
# Usage: tools/bench_templates.sh [ROUNDS]
set -euo pipefail
. "$(dirname "$0")/../test/server.sh"
. "$top/test/machine_steps.sh"
rounds=${1:-5}
"$top/build/release/bench_expression"
settings+=$'\ndriver = "none"'
start_server
sign_in
body=$(jq '{properties: {mode: "Incremental", template, parameters}}' \
  "$top/test/templates/21_two_hundred.json")
subscription=${group%/resourceGroups/*}
one() {  # METHOD [BODY]: prints the status
  curl -sS --cacert "$ca" -H "Authorization: Bearer $token" -X "$1" ${2:+-d "$2"} \
    -H 'Content-Type: application/json' "$endpoint${group%/providers}?api-version=2021-04-01" \
    -o "$work/group" -w '%{http_code}'
}
group=$subscription/resourceGroups/bench/providers
for ((round = 1; round <= rounds; round++)); do
  [[ $(one PUT '{"location": "westeurope"}') == 201 ]] || fail "$(cat "$work/group")"
  begin=$(date +%s%N)
  ask PUT Microsoft.Resources/deployments/big "$body"
  until ask GET Microsoft.Resources/deployments/big &&
    [[ $(jq -r .properties.provisioningState "$work/answer") =~ Succeeded|Failed ]]; do
    sleep 0.02
  done
  end=$(date +%s%N)
  [[ $(jq -r .properties.provisioningState "$work/answer") == Succeeded ]] ||
    fail "$(jq -c .properties.error "$work/answer" | head -c 1000)"
  awk "BEGIN {printf \"%.2f\\n\", ($end - $begin) / 1e9}" >>"$work/seconds"
  [[ $(one DELETE) == 202 ]] || fail "$(cat "$work/group")"
  until [[ $(one GET) == 404 ]]; do sleep 0.1; done
done
sort -n "$work/seconds" | awk '{v[NR] = $1} END {
  m = (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2
  printf "198 resources: %.2f s (%.2f to %.2f)  bar 2 s  %s\n", m, v[1], v[NR],
    m <= 2 ? "held" : "MISSED"}'
