#!/bin/bash
# The Azure command line, unmodified: tags of resources, groups and subscriptions, and their names.
. "$(dirname "$0")/../server.sh"
start_server
. "$(dirname "$0")/az_client.sh"

az_login azure "$(credential clientId)" "$(credential clientSecret)"
step group create -n rg -l westeurope
step sig create -g rg -r golden -l westeurope --tags Env=test
subscription=/subscriptions/$(credential subscription)
group=$subscription/resourceGroups/rg
gallery=$group/providers/Microsoft.Compute/galleries/golden

step tag list --resource-id "$gallery"
is .properties.tags.Env test
step tag create --resource-id "$gallery" --tags Team=red Dept=Finance
is '.properties.tags | keys | join(" ")' 'Dept Team'
step tag update --resource-id "$gallery" --operation Merge --tags Team=blue Env=live
is '.properties.tags | keys | join(" ")' 'Dept Env Team'
step tag update --resource-id "$gallery" --operation Delete --tags Dept=Finance Env=other
step sig show -g rg -r golden
is '.tags | to_entries | map("\(.key)=\(.value)") | sort | join(" ")' 'Env=live Team=blue'
step tag update --resource-id "$group" --operation Replace --tags Team=blue
step tag create --resource-id "$subscription" --tags Team=all
step rest --method get --url "$(credential endpoint)$subscription?api-version=2021-01-01"
is .tags.Team all

step tag create --name Cost
step tag add-value --name Cost --value high
step tag list
is '[.[] | "\(.tagName)=\(.count.value)"] | join(" ")' 'Cost=0 Env=1 Team=3'
is '.[2].values | map("\(.tagValue)=\(.count.value)") | join(" ")' 'all=1 blue=2'
refused 'associated to one or more resources' tag delete --name Team -y
refused 'associated to one or more resources' tag remove-value --name Team --value blue
step tag remove-value --name Cost --value high
step tag delete --name Cost -y
step tag delete --resource-id "$gallery" -y
step tag list --resource-id "$gallery"
is .properties.tags '{}'
