#!/bin/bash
# The Azure command line, unmodified: a template and one relative to it in a storage account.
. "$(dirname "$0")/../server.sh"
start_server
. "$(dirname "$0")/az_client.sh"
export SSL_CERT_FILE=$work/ca.pem # az reads the template as well, with Python's own client
az_login azure "$(credential clientId)" "$(credential clientSecret)"
step group create -n rg -l westeurope
step storage account create -g rg -n texts -l westeurope --sku Standard_LRS --kind StorageV2
step storage account show-connection-string -g rg -n texts
connection=(--connection-string "$(get .connectionString)")
step storage container create -n kept "${connection[@]}"
head='"$schema": "x", "contentVersion": "1.0.0.0", "parameters": {"name": {"type": "string"}}'
page() { printf '%-1024s' "$(cat)" >"$work/$1"; } # whole pages
page gallery.json <<END
{$head, "resources": [
  {"type": "Microsoft.Compute/galleries", "apiVersion": "2021-10-01", "location": "westeurope",
   "name": "[parameters('name')]", "properties": {}}]}
END
page main.json <<END
{$head, "resources": [
  {"type": "Microsoft.Resources/deployments", "apiVersion": "2021-04-01", "name": "inner",
   "properties": {"mode": "Incremental", "templateLink": {"relativePath": "gallery.json"},
    "parameters": {"name": {"value": "[parameters('name')]"}}}}]}
END
for name in main gallery; do
  step storage blob upload "${connection[@]}" -c kept --type page -n $name.json \
    -f "$work/$name.json"
done
sas=$(az storage container generate-sas "${connection[@]}" -n kept --permissions r -o tsv \
  --expiry "$(date -u -d '1 hour' +%Y-%m-%dT%H:%MZ)")
uri=$(credential endpoint)/texts/kept/main.json
step deployment group create -g rg -n linked --template-uri "$uri" --query-string "$sas" \
  --parameters name=made
is .properties.templateLink.uri "$uri"
is '[.. | strings | select(contains("sig="))] | length' 0
step sig show -g rg -r made
url=$(get .id | cut -d/ -f1-5)/providers/Microsoft.Resources/deployments/x?api-version=2021-04-01
refused InvalidContentLink rest --method put --url "$(credential endpoint)$url" --body \
  '{"properties": {"mode": "Incremental", "templateLink": {"uri": "https://a.example/t?secret"}}}'
