#!/bin/bash
# The Azure command line, unmodified: deployments on the subscription, a management group and the
# tenant: each command of each; and what az_deployment.sh leaves out of those on a group.
. "$(dirname "$0")/../server.sh"
start_server
. "$(dirname "$0")/az_client.sh"
az_login azure "$(credential clientId)" "$(credential clientSecret)"
schemas=https://schema.management.azure.com/schemas

template() {  # FILE SCHEMA RESOURCES
  printf '{"$schema": "%s", "contentVersion": "1.0.0.0", "resources": [%s]}' \
    "$schemas/$2.json#" "$3" >"$work/$1.json"
}
template sub 2018-05-01/subscriptionDeploymentTemplate \
  '{"type": "Microsoft.Resources/resourceGroups", "apiVersion": "2021-04-01", "name": "made",
    "location": "[deployment().location]"}'
template mg 2019-08-01/managementGroupDeploymentTemplate ''
template tenant 2019-08-01/tenantDeploymentTemplate \
  '{"type": "Microsoft.Management/managementGroups", "apiVersion": "2020-05-01", "name": "below",
    "properties": {"displayName": "Below"}}'

step account management-group create -n mg
step account management-group list
for scope in sub mg tenant; do
  case $scope in
    sub) where=() at=(-l westeurope) made=1 ;;
    mg) where=(-m mg) at=(-m mg -l westeurope) made=0 ;;
    tenant) where=() at=(-l westeurope) made=1 ;;
  esac
  with=("${at[@]}" --template-file "$work/$scope.json")
  step deployment $scope validate "${with[@]}"
  step deployment $scope what-if "${with[@]}" --no-pretty-print
  is '.changes | length' $made
  step deployment $scope create -n first "${with[@]}"
  is .properties.provisioningState Succeeded
  is '.properties.outputResources | length' $made
  step deployment $scope wait -n first "${where[@]}" --created --interval 1
  step deployment $scope show -n first "${where[@]}"
  step deployment $scope list "${where[@]}"
  is '.[0].name' first
  step deployment $scope export -n first "${where[@]}"
  is .contentVersion 1.0.0.0
  step deployment operation $scope list -n first "${where[@]}"
  is length $((made + 1))
  step deployment operation $scope show -n first "${where[@]}" \
    --operation-ids "$(get '.[0].operationId')"
  refused 'DeploymentCannotBeCancelled\|cannot be cancelled' \
    deployment $scope cancel -n first "${where[@]}"
  step deployment $scope delete -n first "${where[@]}"
  refused DeploymentNotFound deployment $scope show -n first "${where[@]}"
done
step group show -n made
step account management-group show -n below
is .displayName Below

# One resource after another, so that there is something to cancel.
cat >"$work/slow.json" <<END
{"\$schema": "$schemas/2019-04-01/deploymentTemplate.json#", "contentVersion": "1.0.0.0",
 "resources": [{"type": "Microsoft.Compute/disks", "apiVersion": "2022-07-02",
   "name": "[concat('d', copyIndex())]", "location": "westeurope",
   "copy": {"name": "all", "count": 799, "mode": "Serial", "batchSize": 1},
   "properties": {"creationData": {"createOption": "Empty"}, "diskSizeGB": 1}}]}
END
step deployment group create -g made -n slow --template-file "$work/slow.json" --no-wait
step deployment group cancel -g made -n slow
step deployment group wait -g made -n slow --interval 1 \
  --custom "properties.provisioningState == 'Canceled'"
step deployment operation group list -g made -n slow
step deployment operation group show -g made -n slow --operation-ids "$(get '.[0].operationId')"
