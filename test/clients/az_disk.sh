#!/bin/bash
# The Azure command line, unmodified: disks and snapshots of each source, changed, opened, deleted.
# Those of a VHD in a storage account are in az_storage.sh, an upload in az.sh.
. "$(dirname "$0")/../server.sh"
start_server
. "$(dirname "$0")/az_client.sh"
az_login azure "$(credential clientId)" "$(credential clientSecret)"
home=westeurope
step group create -n rg -l $home

step disk create -g rg -n empty --size-gb 2 --sku Premium_LRS --os-type Linux --tags team=a
is .diskSizeGb 2
is .sku.name Premium_LRS
empty=$(get .id)
step disk create -g rg -n again --size-gb 2 --no-wait
step disk wait -g rg -n again --created --interval 1
step disk create -g rg -n copy --source empty
is .creationData.createOption Copy
step snapshot create -g rg -n first --source empty
is .creationData.sourceResourceId "$empty"
snapshot=$(get .id)
step snapshot create -g rg -n second --source first --incremental false --tags team=b
is .tags.team b
second=$(get .id)
step disk create -g rg -n larger --source first --size-gb 4
is .diskSizeGb 4

# Of versions: by their gallery, shared directly, and shared with everybody.
step sig create -g rg -r gallery --permissions groups
step sig create -g rg -r open --permissions community --publisher-uri https://publisher.example \
  --publisher-email a@publisher.example --eula https://publisher.example/eula \
  --public-name-prefix golden
for gallery in gallery open; do
  step sig image-definition create -g rg -r $gallery -i debian --publisher p --offer o --sku s \
    --os-type Linux --os-state Generalized
  step sig image-version create -g rg -r $gallery -i debian -e 1.0.0 --os-snapshot "$snapshot" \
    --data-snapshots "$second" --data-snapshot-luns 1
  version=$(get .id)
  step disk create -g rg -n "of-$gallery" --gallery-image-reference "$version"
  is .creationData.createOption FromImage
  step disk create -g rg -n "data-of-$gallery" --gallery-image-reference "$version" \
    --gallery-image-reference-lun 1
  is .creationData.galleryImageReference.lun 1
done
step sig share add -g rg -r gallery --subscription-ids "$(credential subscription)"
step sig share wait -g rg -r gallery --updated --interval 1
step sig list-shared -l $home
step disk create -g rg -n of-shared --gallery-image-reference \
  "/SharedGalleries/$(get '.[0].name')/Images/debian/Versions/1.0.0"
is .provisioningState Succeeded
step sig share enable-community -g rg -r open
step sig list-community -l $home
step disk create -g rg -n of-community --gallery-image-reference \
  "/CommunityGalleries/$(get '.[0].name')/Images/debian/Versions/1.0.0"
is .provisioningState Succeeded

step disk update -g rg -n empty --size-gb 3 --sku Standard_LRS --set tags.team=c
is .diskSizeGb 3
is .tags.team c
refused OperationNotAllowed disk update -g rg -n empty --size-gb 1
step disk list -g rg
is length 10
step disk list
is length 10
step disk show -g rg -n empty
is .diskState Unattached
step disk grant-access -g rg -n empty --duration-in-seconds 600
link=$(jq -r '.accessSas // .accessSAS' "$work/out")
[[ $(curl -sSI --cacert "$work/ca.pem" "$link") == *'Content-Length: 3221225984'* ]] ||
  fail "the link does not read the disk"
step disk revoke-access -g rg -n empty
[[ $(curl -sS --cacert "$work/ca.pem" -o "$work/answer" -w '%{http_code}' "$link") == 403 ]] ||
  fail "a revoked link reads"

step snapshot update -g rg -n second --set tags.team=d
is .tags.team d
step snapshot list -g rg
is length 2
step snapshot show -g rg -n second
step snapshot wait -g rg -n second --exists --interval 1
step snapshot grant-access -g rg -n second --duration-in-seconds 600
step snapshot revoke-access -g rg -n second
step snapshot delete -g rg -n second
refused ResourceNotFound snapshot show -g rg -n second
step disk delete -g rg -n empty --yes
refused ResourceNotFound disk show -g rg -n empty
step disk delete -g rg -n copy --yes --no-wait
step disk wait -g rg -n copy --deleted --interval 1
