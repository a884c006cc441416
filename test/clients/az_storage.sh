#!/bin/bash
# The Azure command line, unmodified: a storage account, a VHD in it, and what is made of that.
. "$(dirname "$0")/../server.sh"
start_server
. "$(dirname "$0")/az_client.sh"

az_login azure "$(credential clientId)" "$(credential clientSecret)"
step account list-locations
home=$(jq -r '.[0].name' "$work/out")
step group create -n rg -l "$home"

step storage account check-name -n disks1
is .nameAvailable true
step storage account create -g rg -n disks1 -l "$home" --sku Standard_LRS --kind StorageV2
is .provisioningState Succeeded
is .primaryEndpoints.blob "$(credential endpoint)/disks1/"
refused StorageAccountAlreadyTaken storage account create -g rg -n pinaco -l "$home" \
  --sku Standard_LRS
step storage account list -g rg
is '.[0].name' disks1
account=$(get '.[0].id')
step storage account keys list -g rg -n disks1
is '.[].keyName' $'key1\nkey2'
step storage account show-connection-string -g rg -n disks1
connection=(--connection-string "$(get .connectionString)")

step storage container create -n vhds "${connection[@]}"
is .created true
step storage container list "${connection[@]}"
is '.[0].name' vhds
random_disk "$work/disk.raw" 32 7
qemu-img convert -f raw -O vpc -o subformat=fixed,force_size=on "$work/disk.raw" "$work/disk.vhd"
random_disk "$work/data.raw" 8 8
qemu-img convert -f raw -O vpc -o subformat=fixed,force_size=on "$work/data.raw" "$work/data.vhd"
blob=("${connection[@]}" -c vhds)
for name in disk data; do
  step storage blob upload "${blob[@]}" --type page -n images/$name.vhd -f "$work/$name.vhd"
done
refused 'already exists' storage blob upload "${blob[@]}" --type page -n images/disk.vhd \
  -f "$work/disk.vhd"
step storage blob upload "${blob[@]}" --type page -n images/disk.vhd -f "$work/disk.vhd" --overwrite
step storage blob show "${blob[@]}" -n images/disk.vhd
is .properties.blobType PageBlob
is .properties.contentLength "$(stat -c %s "$work/disk.vhd")"
step storage blob metadata update "${blob[@]}" -n images/disk.vhd --metadata os=linux
step storage blob list "${blob[@]}" --include m
is '.[].name' $'images/data.vhd\nimages/disk.vhd'
is '.[1].metadata.os' linux
step storage blob exists "${blob[@]}" -n images/none.vhd
is .exists false
step storage blob download "${blob[@]}" -n images/disk.vhd -f "$work/down.vhd"
cmp "$work/disk.vhd" "$work/down.vhd" || fail "the blob is not what az uploaded"

# What is signed for one blob opens that blob, until the key is made anew.
step storage blob generate-sas "${blob[@]}" -n images/disk.vhd --permissions r \
  --expiry "$(date -u -d '+1 hour' +%Y-%m-%dT%H:%MZ)" --https-only
sas=$(jq -r . "$work/out")
uri=$(credential endpoint)/disks1/vhds/images
step storage blob download --blob-url "$uri/disk.vhd?$sas" -f "$work/down2.vhd"
cmp "$work/disk.vhd" "$work/down2.vhd" || fail "the signed link reads something else"

step sig create -g rg -r gallery -l "$home"
step sig image-definition create -g rg -r gallery -i debian --publisher p --offer o --sku s \
  --os-type Linux --os-state Generalized --hyper-v-generation V1
step sig image-version create -g rg -r gallery -i debian -e 1.0.0 -l "$home" \
  --os-vhd-uri "$uri/disk.vhd" --os-vhd-storage-account "$account" \
  --data-vhds-uris "$uri/data.vhd" --data-vhds-sa "$account" --data-vhds-luns 3
is .provisioningState Succeeded
is '.storageProfile.dataDiskImages[0].lun' 3
step disk create -g rg -n disk -l "$home" --source "$uri/disk.vhd" \
  --source-storage-account-id "$account"
is .diskState Unattached
step storage account keys renew -g rg -n disks1 --key key1
refused 'Authentication failure' storage container list "${connection[@]}"
refused . storage blob download --blob-url "$uri/disk.vhd?$sas" -f "$work/down3.vhd"

"$pinaco" pull gallery/debian/1.0.0 -g rg -f "$work/back.raw"
cmp "$work/disk.raw" "$work/back.raw" || fail "the version is not what az uploaded"
step disk grant-access -g rg -n disk --duration-in-seconds 3600
curl -sS --fail --cacert "$work/ca.pem" "$(jq -r '.accessSas // .accessSAS' "$work/out")" \
  -o "$work/back.vhd"
cmp -n "$(stat -c %s "$work/disk.raw")" "$work/disk.raw" "$work/back.vhd" ||
  fail "the disk is not what az uploaded"
step storage account delete -g rg -n disks1 --yes
refused ResourceNotFound storage account show -g rg -n disks1
