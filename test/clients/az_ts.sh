#!/bin/bash
# The Azure command line, unmodified: template specs, and templates that are deployed by a link.
. "$(dirname "$0")/../server.sh"
start_server
. "$(dirname "$0")/az_client.sh"

az_login azure "$(credential clientId)" "$(credential clientSecret)"
step group create -n rg -l westeurope
head='"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
  "contentVersion": "1.0.0.0"'
cat >"$work/gallery.json" <<END
{$head, "parameters": {"name": {"type": "string"}}, "resources": [
  {"type": "Microsoft.Compute/galleries", "apiVersion": "2021-10-01", "location": "westeurope",
   "name": "[parameters('name')]", "properties": {}}]}
END
cat >"$work/main.json" <<END
{$head, "parameters": {"name": {"type": "string"}}, "resources": [
  {"type": "Microsoft.Resources/deployments", "apiVersion": "2021-04-01", "name": "inner",
   "properties": {"mode": "Incremental", "templateLink": {"relativePath": "gallery.json"},
    "parameters": {"name": {"value": "[parameters('name')]"}}}}]}
END
step ts create -n golden -g rg -v 1.0 -f "$work/main.json" -d 'A gallery.' --yes
step ts show -n golden -g rg -v 1.0
id=$(get .id)
is '.linkedTemplates[0].path' gallery.json
step ts update -n golden -g rg -v 1.0 --version-description first -f "$work/main.json" --yes
step ts list -g rg
is '[.[].name] | join(" ")' golden
step ts list -g rg -n golden
is '.[0].description' first
step ts export -s "$id" --output-folder "$work"
step deployment group create -g rg -n by-spec --template-spec "$id" --parameters name=made
is .properties.templateLink.id "$id"
step sig show -g rg -r made
step ts delete -n golden -g rg --yes
step ts list -g rg
is length 0
