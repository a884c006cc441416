#!/bin/bash
# The Azure command line, unmodified: from registering the cloud to deleting the version.
. "$(dirname "$0")/../server.sh"
start_server
. "$(dirname "$0")/az_client.sh"

export AZURE_CONFIG_DIR=$work/azure
step cloud register -n Pinaco --endpoint-resource-manager "$(credential endpoint)/"
step cloud set -n Pinaco
sign_in "$(credential clientId)" "$(credential clientSecret)"
is '.[0].state' Enabled
step account list-locations
home=$(jq -r '.[0].name' "$work/out") away=$(jq -r '.[1].name' "$work/out")

step group create -n rg -l "$home"
is .properties.provisioningState Succeeded
step sig create -g rg -r gallery -l "$home" --description 'golden images' --tags team=a
is .provisioningState Succeeded
step sig image-definition create -g rg -r gallery -i debian --publisher p --offer o --sku s \
  --os-type Linux --os-state Generalized --hyper-v-generation V1
is .identifier.sku s
refused OperationNotAllowed sig image-definition create -g rg -r gallery -i debian2 --publisher p \
  --offer o --sku s --os-type Linux --os-state Generalized

# The disk: made empty, written through its link as a page blob, closed.
random_disk "$work/disk.raw" 32 7
qemu-img convert -f raw -O vpc -o subformat=fixed,force_size=on "$work/disk.raw" "$work/disk.vhd"
step disk create -g rg -n disk -l "$home" --upload-type Upload --os-type Linux \
  --upload-size-bytes "$(stat -c %s "$work/disk.vhd")"
is .diskState ReadyToUpload
step disk grant-access -g rg -n disk --access-level Write --duration-in-seconds 3600
sas=$(jq -r '.accessSas // .accessSAS' "$work/out")
step storage blob upload --blob-url "$sas" --type page --overwrite -f "$work/disk.vhd"
step disk revoke-access -g rg -n disk
step disk show -g rg -n disk
is .diskState Unattached
step snapshot create -g rg -n snapshot -l "$home" --source disk
is .provisioningState Succeeded
snapshot=$(jq -r .id "$work/out")

version=(-g rg -r gallery -i debian -e 1.0.0)
step sig image-version create "${version[@]}" -l "$home" --os-snapshot "$snapshot" \
  --target-regions "$home=1" "$away=2"
is .provisioningState Succeeded
step sig image-version show "${version[@]}" --expand ReplicationStatus
is .replicationStatus.aggregatedState Completed
is '[.replicationStatus.summary[].progress] | add' 200
is '.publishingProfile.targetRegions | length' 2
step sig image-version list -g rg -r gallery -i debian
is length 1
step sig image-version update "${version[@]}" --set publishingProfile.excludeFromLatest=true
is .publishingProfile.excludeFromLatest true
refused BadRequest sig image-version update "${version[@]}" --target-regions "$home=1"
step sig image-version update "${version[@]}" --target-regions "$home=1" \
  --allow-replicated-location-deletion true
is '.publishingProfile.targetRegions | length' 1
step sig list -g rg
is '.[0].name' gallery
step sig image-definition list -g rg -r gallery
is '.[0].name' debian

# The bytes that came in through az come out as they were.
"$pinaco" pull gallery/debian/1.0.0 -g rg -f "$work/back.raw"
cmp "$work/disk.raw" "$work/back.raw" || fail "the version is not what az uploaded"

refused CannotDeleteResource sig image-definition delete -g rg -r gallery -i debian
step sig image-version delete "${version[@]}"
refused ResourceNotFound sig image-version show "${version[@]}"
step sig image-definition delete -g rg -r gallery -i debian
step sig delete -g rg -r gallery
step group delete -n rg --yes
