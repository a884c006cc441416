#!/bin/bash
# The Azure command line, unmodified: templates on resource groups and on the subscription.
. "$(dirname "$0")/../server.sh"
start_server
. "$(dirname "$0")/az_client.sh"

az_login azure "$(credential clientId)" "$(credential clientSecret)"
step group create -n rg -l westeurope
cat >"$work/gallery.json" <<'END'
{
  "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
  "contentVersion": "1.0.0.0",
  "parameters": {
    "name": {"type": "string", "minLength": 2},
    "count": {"type": "int", "defaultValue": 2},
    "secret": {"type": "securestring", "defaultValue": "quiet"}
  },
  // Comments and
  "resources": [
    {"type": "Microsoft.Compute/galleries", "apiVersion": "2021-10-01",
     "name": "[parameters('name')]", "location": "[resourceGroup().location]",
     "properties": {"description": "by a template"}},
    {"type": "Microsoft.Compute/galleries/images", "apiVersion": "2021-10-01",
     "name": "[concat(parameters('name'), '/d', copyIndex())]",
     "copy": {"name": "definitions", "count": "[parameters('count')]"},
     "location": "[resourceGroup().location]", "dependsOn": ["[parameters('name')]"],
     "properties": {"osType": "Linux", "osState": "Generalized",
       "identifier": {"publisher": "p", "offer": "o", "sku": "[concat('s', copyIndex())]"}}}
  ],
  "outputs": {"unique": {"type": "string", "value": "[uniqueString(resourceGroup().id)]"}}
}
END
schemas=https://schema.management.azure.com/schemas
echo '{"$schema": "'$schemas'/2019-04-01/deploymentParameters.json#", "contentVersion": "1.0.0.0",
  "parameters": {"name": {"value": "golden"}}}' >"$work/values.json"
group=(deployment group)
with=(-g rg --template-file "$work/gallery.json" --parameters "@$work/values.json")

step "${group[@]}" validate "${with[@]}"
step "${group[@]}" what-if "${with[@]}" --no-pretty-print
is '[.changes[].changeType] | unique | join(" ")' Create
step "${group[@]}" create -n first "${with[@]}"
is .properties.provisioningState Succeeded
is '.properties.outputs.unique.value | length' 13
is .properties.parameters.secret.value null
step sig image-definition list -g rg -r golden
is length 2
step "${group[@]}" create -n first "${with[@]}" --parameters count=3
is '.properties.outputResources | length' 4
step "${group[@]}" list -g rg
is length 1
step "${group[@]}" show -g rg -n first
step deployment operation group list -g rg -n first
is length 5
step "${group[@]}" export -g rg -n first
is .contentVersion 1.0.0.0
step "${group[@]}" what-if "${with[@]}" --parameters count=3 --no-pretty-print
is '[.changes[].changeType] | unique | join(" ")' NoChange
refused InvalidTemplate "${group[@]}" create -n second "${with[@]}" --parameters name=x
refused DeploymentFailed "${group[@]}" create -n second "${with[@]}" --parameters name=not-good
step "${group[@]}" delete -g rg -n second
step group export -n rg
is '.resources | length' 4
step "${group[@]}" create -n clean -g rg --mode Complete --template-file <(echo '{"$schema":
  "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
  "contentVersion": "1.0.0.0", "resources": []}')
step sig list
is length 0

echo '{"$schema": "'$schemas'/2018-05-01/subscriptionDeploymentTemplate.json#",
  "contentVersion": "1.0.0.0",
  "resources": [{"type": "Microsoft.Resources/resourceGroups",
  "apiVersion": "2021-04-01", "name": "more", "location": "[deployment().location]"}]}' \
  >"$work/subscription.json"
step deployment sub create -n sub -l westeurope --template-file "$work/subscription.json"
step group show -n more
step deployment sub list
is length 1
