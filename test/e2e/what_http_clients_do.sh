#!/bin/bash
# What HTTP clients do on their own: many requests on one connection, bodies in chunks, waiting for
# 100 Continue, asking for compressed answers, HTTP/1.0, HTTP/2 on offer.
. "$(dirname "$0")/../server.sh"
start_server
field() { jq -er ".$1" "$work/admin.json"; }
ca=$(field ca)
token=$(curl -sS --cacert "$ca" "$endpoint/$(field tenant)/oauth2/v2.0/token" \
  -d grant_type=client_credentials -d "client_id=$(field clientId)" \
  -d "scope=$endpoint/.default" --data-urlencode "client_secret=$(field clientSecret)" |
  jq -er .access_token)
groups=$endpoint/subscriptions/$(field subscription)/resourceGroups
version='?api-version=2021-04-01'
send() {  # STATUS CURL'S ARGUMENTS
  local wanted=$1
  shift
  curl -sS --cacert "$ca" -H "Authorization: Bearer $token" -H 'Content-Type: application/json' -v \
    -o "$work/answer" -w '%{http_code}\n' "$@" >"$work/status" 2>"$work/talk" ||
    fail "curl $*: $(cat "$work/talk")"
  [[ $(sort -u "$work/status") == "$wanted" ]] || fail "not $wanted: $(cat "$work/status" \
    "$work/answer")"
}
body='{"location": "westeurope"}'
send 404 "$groups/{a,b,c,d}$version"
[[ $(grep -c 'Re-using existing connection' "$work/talk") == 3 ]] || fail "not one connection"
send 201 -X PUT -H 'Transfer-Encoding: chunked' -d "$body" "$groups/chunked$version"
jq -n --arg text "$(seq 1 20000)" '{location: "westeurope", more: $text}' >"$work/large"
send 201 -X PUT -H 'Expect: 100-continue' -T "$work/large" "$groups/large$version"
grep -q '< HTTP/1.1 100 Continue' "$work/talk" || fail "no 100 Continue: $(cat "$work/talk")"
send 201 -X PUT -H 'Expect: 100-continue' -d "$body" "$groups/waited$version"
send 200 --compressed "$groups/waited$version"
[[ $(jq -r .name "$work/answer") == waited ]] || fail "$(cat "$work/answer")"
send 200 --http1.0 --no-alpn "$groups/waited$version"
send 200 --http2 "$groups/waited$version"
jq -e .name "$work/answer" >"$work/name" || fail "$(cat "$work/answer")"
