#!/bin/bash
# What images cost, as az and the SDK for Python read it. Debian's az breaks its `az consumption`
# itself, before it sends anything: what it would send is sent by `az rest`.
. "$(dirname "$0")/../server.sh"
start_server
. "$(dirname "$0")/az_client.sh"

random_disk "$work/disk.raw" 24 5
"$pinaco" push "$work/disk.raw" --gallery golden --definition debian --version 1.0.0 \
  --regions westeurope,northeurope >"$work/push.log" 2>&1 || fail "$(cat "$work/push.log")"
az_login azure "$(credential clientId)" "$(credential clientSecret)"
subscription=/subscriptions/$(credential subscription)
usage=providers/Microsoft.Consumption/usageDetails
month=$(date -u +%Y%m)
between="properties/usageEnd ge '2020-01-01T00:00:00Z'"
between+=" and properties/usageEnd le '2100-01-01T00:00:00Z'"

if az consumption usage list -o json >"$work/out" 2>"$work/err"; then
  tell ran consumption usage list
  is 'map(.instanceName) | unique | join(" ")' golden/debian/1.0.0
else
  grep -q ErrorResponseException "$work/err" || fail "az consumption: $(cat "$work/err")"
  echo "ok: az consumption ends inside Debian's package"
fi
step rest --method get --url "$(credential endpoint)$subscription/$usage" --url-parameters \
  api-version=2018-01-31 "\$filter=$between" '$expand=properties/meterDetails'
is '.value | length' 3
is '.value | map(.properties.instanceLocation) | join(" ")' 'northeurope westeurope westeurope'
is '.value[0].properties.meterDetails.unit' '1 GiB/Month'
is '.value[1].properties.meterDetails.meterCategory' Bandwidth
is '.value[1].properties | .pretaxCost > 0 and .usageQuantity > 0' true
step rest --method get --url "$(credential endpoint)$subscription/providers/Microsoft.Billing/$(
  )billingPeriods/$month/$usage?api-version=2018-01-31&\$top=2"
is '.value | length' 2
step rest --method get --url "$(get .nextLink)"
is '.value | length' 1
is '.nextLink' null

/usr/bin/python3 -c 'import azure.identity, azure.mgmt.consumption' 2>/dev/null ||
  skip "python3-azure is missing (./dev setup)"
PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 "$top/test/clients/python/consumption.py" \
  "$work/admin.json" || fail consumption.py
