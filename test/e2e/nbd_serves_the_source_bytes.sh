#!/bin/bash
# A version in another region, and a disk made from it, are served over NBD with the bytes that
# were pushed, to nbdinfo, nbdcopy and qemu-img; nobody can write; and exports outlive a restart.
. "$(dirname "$0")/../server.sh"
for tool in nbdinfo nbdcopy qemu-img; do command -v $tool >/dev/null || skip "no $tool"; done
random_disk "$work/disk.raw" 40 3
start_server
"$pinaco" push "$work/disk.raw" --gallery g --definition d --version 1.0.0 \
  --regions westeurope=1,eastus=1 >"$work/push.log" 2>&1 || fail "push: $(cat "$work/push.log")"

field() { jq -er ".$1" "$work/admin.json"; }
token=$(curl -sS --cacert "$(field ca)" "$endpoint/$(field tenant)/oauth2/v2.0/token" \
  -d grant_type=client_credentials -d "client_id=$(field clientId)" -d "scope=$endpoint/.default" \
  --data-urlencode "client_secret=$(field clientSecret)" | jq -er .access_token)
ask() {  # METHOD PATH [BODY]
  curl -sS --cacert "$(field ca)" -X "$1" "$endpoint$2" -H "Authorization: Bearer $token" \
    -H 'Content-Type: application/json' ${3:+-d "$3"}
}
group=/subscriptions/$(field subscription)/resourceGroups/pinaco/providers/Microsoft.Compute
version=$group/galleries/g/images/d/versions/1.0.0
source='{"createOption": "FromImage", "galleryImageReference": {"id": "'$version'"}}'
made_from='{"createOption": "FromImage", "galleryImageReference": {"id": "'$version'"}}'
ask PUT "$group/disks/copy?api-version=2022-07-02" \
  '{"location": "eastus", "properties": {"creationData": '"$made_from"'}}' >"$work/disk.json"

check() {  # NAME URI
  nbdinfo --no-content --json "$2" | jq -e '.exports[0] |
    .is_read_only and .["export-size"] == 41943040' >"$work/info" || fail "$1: $(nbdinfo "$2")"
  nbdcopy "$2" "$work/back.raw" && cmp "$work/disk.raw" "$work/back.raw" || fail "$1: nbdcopy"
  qemu-img compare -f raw -F raw "$2" "$work/disk.raw" || fail "$1: qemu-img compare"
}
for id in "$version" "$group/disks/copy"; do
  made=$(ask POST /pinaco/v1/exports '{"id": "'"$id"'", "region": "eastus"}')
  check "$id" "$(jq -er .uri <<<"$made")"
done
name=$(jq -er .name <<<"$made") && stop_server KILL && start_server
nbd=127.0.0.1:$(sed -n 's/.*NBD .*://p' "$work/server.log" | tail -n 1)
check "after a restart" "nbd://$nbd/$name"
ask DELETE "/pinaco/v1/exports/$name"
! nbdinfo "$(jq -er .uri <<<"$made")" 2>/dev/null || fail "a deleted export still answers"
