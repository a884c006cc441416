#!/bin/bash
# The Azure command line, unmodified: what az.sh leaves out of `az sig`: sharing with subscriptions
# and with everybody, updates, waiting; and the general commands resource, lock, rest and provider.
. "$(dirname "$0")/../server.sh"
start_server
. "$(dirname "$0")/az_client.sh"
az_login azure "$(credential clientId)" "$(credential clientSecret)"
subscription=$(credential subscription)
home=westeurope

step group create -n rg -l $home
step sig create -g rg -r gallery --permissions groups
step sig update -g rg -r gallery --set description=golden tags.team=a
is .description golden
definition=(-g rg -r gallery -i debian)
step sig image-definition create "${definition[@]}" --publisher p --offer o --sku s \
  --os-type Linux --os-state Generalized --minimum-cpu-core 1 --maximum-memory 8 \
  --end-of-life-date 2031-01-01 --disallowed-disk-types Premium_LRS
is '.disallowed.diskTypes[0]' Premium_LRS
step sig image-definition update "${definition[@]}" --set description=y
is .description y
step disk create -g rg -n disk --size-gb 1 --os-type Linux
step snapshot create -g rg -n snapshot --source disk
snapshot=$(get .id)
step sig image-version create "${definition[@]}" -e 1.0.0 --os-snapshot "$snapshot" --no-wait
step sig image-version wait "${definition[@]}" -e 1.0.0 --created --interval 1
step sig image-version create "${definition[@]}" -e 1.0.1 --os-snapshot "$snapshot" \
  --replication-mode Shallow --end-of-life-date 2031-01-01
step sig image-version update "${definition[@]}" -e 1.0.0 \
  --add publishingProfile.targetRegions name=eastus regionalReplicaCount=1
is '.publishingProfile.targetRegions | length' 2

step sig share add -g rg -r gallery --subscription-ids "$subscription" \
  --tenant-ids "$(credential tenant)"
step sig show -g rg -r gallery --sharing-groups
is '.sharingProfile.groups | length' 2
step sig list-shared -l $home
is '.[0].name' "$subscription-GALLERY"
step sig list-shared -l $home --shared-to tenant
is length 1
shared=(-l $home --gallery-unique-name "$subscription-GALLERY")
step sig show-shared "${shared[@]}"
step sig image-definition list-shared "${shared[@]}"
is '.[0].name' debian
step sig image-definition show-shared "${shared[@]}" -i debian
step sig image-version list-shared "${shared[@]}" -i debian
is length 2
step sig image-version show-shared "${shared[@]}" -i debian -e 1.0.0
step sig share remove -g rg -r gallery --tenant-ids "$(credential tenant)"
step sig share reset -g rg -r gallery
refused NotFound sig show-shared "${shared[@]}"

step sig create -g rg -r open --permissions community --publisher-uri https://publisher.example \
  --publisher-email a@publisher.example --eula https://publisher.example/eula \
  --public-name-prefix golden
step sig image-definition create -g rg -r open -i debian --publisher p --offer o --sku s \
  --os-type Linux --os-state Generalized
step sig image-version create -g rg -r open -i debian -e 1.0.0 --os-snapshot "$snapshot"
step sig share enable-community -g rg -r open
step sig show -g rg -r open
name=$(get '.sharingProfile.communityGalleryInfo.publicNames[0]')
open=(-l $home --public-gallery-name "$name")
step sig show-community "${open[@]}"
step sig list-community -l $home
is '.[0].name' "$name"
step sig image-definition list-community "${open[@]}"
step sig image-definition show-community "${open[@]}" -i debian
step sig image-version list-community "${open[@]}" -i debian
step sig image-version show-community "${open[@]}" -i debian -e 1.0.0
step sig share reset -g rg -r open

gallery=/subscriptions/$subscription/resourceGroups/rg/providers/Microsoft.Compute/galleries/gallery
step resource list -g rg
is 'map(select(.type == "Microsoft.Compute/galleries")) | length' 2
step resource show --ids "$gallery"
is .properties.description golden
step resource tag --ids "$gallery" --tags team=b
is .tags.team b
step resource update --ids "$gallery" --set properties.description=silver
step resource create -g rg -n third --resource-type Microsoft.Compute/galleries \
  --properties '{"description": "q"}'
step resource delete -g rg -n third --resource-type Microsoft.Compute/galleries
step lock create -n keep --lock-type ReadOnly -g rg
step lock list -g rg
is '.[0].level' ReadOnly
refused ScopeLocked sig update -g rg -r gallery --set description=x
step lock delete -n keep -g rg
step rest --method get --url "$gallery?api-version=2022-03-03"
is .properties.description silver
step provider show -n Microsoft.Compute
step provider list
step provider register -n Microsoft.Compute
