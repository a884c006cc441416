#!/bin/bash
# The Azure command line, unmodified: giving roles, what they show, locks, and all galleries.
. "$(dirname "$0")/../server.sh"
start_server
. "$(dirname "$0")/az_client.sh"
authorization=providers/Microsoft.Authorization

az_login azure "$(credential clientId)" "$(credential clientSecret)"
subscription=$(credential subscription)
step group create -n rg -l westeurope
for name in golden secret; do
  step sig create -g rg -r $name -l westeurope
  step sig image-definition create -g rg -r $name -i debian --publisher p --offer o --sku s \
    --os-type Linux --os-state Generalized
done
gallery=/subscriptions/$subscription/resourceGroups/rg/providers/Microsoft.Compute/galleries/golden

step ad app create --display-name reader
application=$(jq -r .appId "$work/out")
step ad app credential reset --id "$application"
secret=$(jq -r .password "$work/out")
step ad sp create --id "$application"
principal=$(jq -r .id "$work/out")

# Its own az role commands end inside the Debian package, before any request; az rest does not.
assign() {  # ROLE-ID SCOPE: the assignment's id is in the answer
  local name
  name=$(cat /proc/sys/kernel/random/uuid)
  step rest --method put --url \
    "$(credential endpoint)$2/$authorization/roleAssignments/$name?api-version=2022-04-01" \
    --body "{\"properties\": {\"roleDefinitionId\": \"/$authorization/roleDefinitions/$1\",
      \"principalId\": \"$principal\", \"principalType\": \"ServicePrincipal\"}}"
}
reader=acdd72a7-3385-48ef-bd42-f606fba81ae7
assign $reader "$gallery/images/debian"
on_definition=$(jq -r .id "$work/out")

az_login reader "$application" "$secret"
is length 1
step sig image-definition show -g rg -r golden -i debian
refused AuthorizationFailed sig show -g rg -r golden
refused AuthorizationFailed sig image-definition show -g rg -r secret -i debian
step sig list
is length 0

export AZURE_CONFIG_DIR=$work/azure
assign $reader "$gallery"
on_gallery=$(jq -r .id "$work/out")
export AZURE_CONFIG_DIR=$work/reader
step sig show -g rg -r golden
step sig list
is '[.[].name] | join(" ")' golden
refused AuthorizationFailed sig create -g rg -r golden -l westeurope
refused AuthorizationFailed sig create -g rg -r mine -l westeurope

export AZURE_CONFIG_DIR=$work/azure
for id in "$on_gallery" "$on_definition"; do
  step rest --method delete --url "$(credential endpoint)$id?api-version=2022-04-01"
done
AZURE_CONFIG_DIR=$work/reader refused AuthorizationFailed sig show -g rg -r golden

step lock create -n keep --lock-type CanNotDelete -g rg --resource-name secret \
  --resource-type Microsoft.Compute/galleries
refused ScopeLocked sig image-definition delete -g rg -r secret -i debian
step lock delete -n keep -g rg --resource-name secret --resource-type Microsoft.Compute/galleries
step sig image-definition delete -g rg -r secret -i debian

# All galleries of all subscriptions: as the documentation of the seed has it, and in one call.
step rest --method post --url "$(credential endpoint)/pinaco/v1/subscriptions" \
  --body '{"name": "second"}'
step account list --refresh
is length 2
az account list --query '[].id' -o tsv | tr -d '\r' |
  xargs -I{} az sig list --subscription {} --query '[].name' -o tsv | sort >"$work/names"
[[ $(tr '\n' ' ' <"$work/names") == 'golden secret ' ]] || fail "$(cat "$work/names")"
step rest --method get --url \
  "$(credential endpoint)/providers/Microsoft.Compute/galleries?api-version=2022-03-03"
is '[.value[].name] | sort | join(" ")' 'golden secret'
