#!/bin/bash
# The Azure command line, unmodified: groups, locks of every level, and the commands that are of no
# type: resource, provider, rest.
. "$(dirname "$0")/../server.sh"
start_server
. "$(dirname "$0")/az_client.sh"
az_login azure "$(credential clientId)" "$(credential clientSecret)"
subscription=$(credential subscription)
type=Microsoft.Compute/galleries

step group create -n rg -l westeurope --tags team=a
step group create -n other -l northeurope
step group exists -n rg
is . true
step group exists -n none
is . false
step group update -n rg --set tags.team=b
is .tags.team b
step group show -n rg
is .location westeurope
step group list
is length 2
step group list --tag team=b
is '.[0].name' rg
step group wait -n rg --exists --interval 1

step resource create -g rg -n one --resource-type $type --properties '{"description": "d"}'
is .properties.description d
id=$(get .id)
step resource create --id "${id%one}two" --is-full-object --properties \
  '{"location": "westeurope", "tags": {"team": "x"}, "properties": {}}'
step resource show -g rg -n one --resource-type $type --api-version 2022-03-03
step resource list --resource-type $type
is length 2
step resource list --tag team=x
is '.[0].name' two
step resource list -g rg --name one
is '.[0].id' "$id"
step resource update --ids "$id" --set properties.description=e
is .properties.description e
step resource tag --ids "$id" --tags team=y
is .tags.team y
step resource tag --ids "$id" --tags more=z --is-incremental
is '.tags | keys | join(" ")' 'more team'
step resource wait --ids "$id" --exists --interval 1
refused ResourceMoveNotSupported resource move --ids "$id" --destination-group other
step disk create -g rg -n disk --size-gb 1
disk=$(get .id)
step resource invoke-action --action beginGetAccess --ids "$disk" \
  --request-body '{"access": "Read", "durationInSeconds": 600}'
step resource invoke-action --action endGetAccess --ids "$disk"

# A lock of the subscription, of a group, of a resource; by each of their commands.
step account lock create -n far --lock-type CanNotDelete
refused 'failed to be deleted' resource delete --ids "$id"
step account lock update -n far --notes 'for now'
is .notes 'for now'
step account lock show -n far
step account lock list
is length 1
step account lock delete -n far
step group lock create -n near -g rg --lock-type ReadOnly
refused ScopeLocked group delete -n rg --yes
step group lock update -n near -g rg --lock-type CanNotDelete
is .level CanNotDelete
step group lock show -n near -g rg
step group lock list -g rg
step group lock delete -n near -g rg
step resource lock create -n own -g rg --lock-type ReadOnly --resource-name one \
  --resource-type $type
refused ScopeLocked resource tag --ids "$id" --tags team=z
step resource lock update -n own -g rg --lock-type CanNotDelete --resource-name one \
  --resource-type $type
step resource lock show -n own -g rg --resource-name one --resource-type $type
lock=$(get .id)
step resource lock list -g rg --resource-name one --resource-type $type
step lock update --ids "$lock" --notes n
step lock show --ids "$lock"
is .notes n
step lock delete --ids "$lock"
step lock list
is length 0

step rest --method put --url "$id?api-version=2022-03-03" --body '{"location": "westeurope"}'
step rest --method patch --url "$id?api-version=2022-03-03" --body '{"tags": {"a": "b"}}'
is .tags.a b
step rest --method head \
  --url "/subscriptions/$subscription/resourcegroups/rg?api-version=2021-04-01"
step provider list --query '[].namespace'
step provider show -n Microsoft.Compute
refused OperationNotAllowed provider unregister -n Microsoft.Compute
step provider register -n Microsoft.Compute --wait
step account show
is .id "$subscription"
step account get-access-token
is .subscription "$subscription"
step cloud show
is .name Pinaco

step resource delete --ids "$id"
refused ResourceNotFound resource show --ids "$id"
step group export -n rg
is '[.resources[].type] | unique | join(" ")' 'Microsoft.Compute/disks Microsoft.Compute/galleries'
step group delete -n rg --yes --no-wait
step group wait -n rg --deleted --interval 1
step group exists -n rg
is . false
