#!/bin/bash
# A client that knows only the names of a cloud: login and requests through the proxy, under a
# certificate that it trusts for them. Every other way through the proxy is shut.
. "$(dirname "$0")/../server.sh"
settings=$'[machines]\ndriver = "none"\n[proxy]\nport = 0\nhosts = ["arm.cloud.example"]'
start_server
stop_server
# Names that are new after the first start are in the certificate of the next.
settings=$'[machines]\ndriver = "none"\n[proxy]\nport = 0\nclouds = ["German"]'
rm -f "$work/admin.json"
start_server --reset-administrator
field() { jq -er ".$1" "$work/admin.json"; }
through() { curl -sS -m 20 --proxy "$(field proxy)" --cacert "$(field ca)" "$@"; }
arm=https://management.microsoftazure.de
for resource in https://vault.microsoftazure.de $arm/; do
  through "https://login.microsoftonline.de/$(field tenant)/oauth2/token?api-version=1.0" \
    -d grant_type=client_credentials -d "client_id=$(field clientId)" \
    --data-urlencode "client_secret=$(field clientSecret)" --data-urlencode "resource=$resource" \
    >"$work/token" || fail "no token"
  [[ $(jq -r .resource "$work/token") == "$resource" ]] || fail "$(cat "$work/token")"
done
head=(-H "Authorization: Bearer $(jq -r .access_token "$work/token")")
group=$arm/subscriptions/$(field subscription)/resourcegroups/rg
version='?api-version=2018-02-01'
through "${head[@]}" -X PUT "$group$version" -H 'Content-Type: application/json' \
  -d '{"location": "westeurope"}' | jq -e '.name == "rg"' >/dev/null || fail "no group"
# Where to ask for the end of an operation has the name that the client used.
link=$(through "${head[@]}" -X DELETE "$group$version" -D - -o /dev/null | tr -d '\r' |
  sed -n 's/^location: //Ip')
[[ $link == $arm/* ]] || fail "the operation is at '$link'"
until [[ $(through "${head[@]}" -o "$work/end" -w '%{http_code}' "$link") == 200 ]]; do
  sleep 0.2
done
for url in https://example.com "https://127.0.0.1:$port" https://management.azure.com; do
  through -o /dev/null "$url" 2>"$work/err" && fail "$url was not refused"
  grep -q 403 "$work/err" || fail "$(cat "$work/err")"
done
[[ $(through -o /dev/null -w '%{http_code}' http://management.microsoftazure.de/) == 405 ]] ||
  fail "plain HTTP was not refused"
