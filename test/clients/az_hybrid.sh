#!/bin/bash
# The Azure command line, unmodified, with the profile 2020-09-01-hybrid, which is the one whose
# commands for machines, images and networks run in Debian's package.
. "$(dirname "$0")/../server.sh"
settings=$'\n[machines]\ndriver = "none"'
start_server
. "$(dirname "$0")/az_client.sh"

# A second cloud with the same subscription needs a folder of settings of its own.
az_login azure "$(credential clientId)" "$(credential clientSecret)"
export AZURE_CONFIG_DIR=$work/hybrid
jq '.profile = "2020-09-01-hybrid"' "$work/cloud.json" >"$work/hybrid.json"
step cloud register -n Hybrid --cloud-config "@$work/hybrid.json"
step cloud set -n Hybrid
sign_in "$(credential clientId)" "$(credential clientSecret)"

step group create -n rg -l westeurope
step sig create -g rg -r gallery
step sig image-definition create -g rg -r gallery -i debian --publisher p --offer o --sku s \
  --os-type Linux --os-state Generalized
step vm list-usage -l westeurope
is '.[] | select(.localName == "Galleries") | "\(.currentValue) of \(.limit)"' '1 of 100'
step disk create -g rg -n disk --size-gb 1 --os-type Linux
step snapshot create -g rg -n snapshot --source disk
step image create -g rg -n from-snapshot --source "$(get .id)" --os-type Linux
step image create -g rg -n from-disk --source disk --os-type Linux
is .storageProfile.osDisk.osState Generalized
step sig image-version create -g rg -r gallery -i debian -e 1.0.0 --managed-image from-disk
is .provisioningState Succeeded
version=$(get .id)

# One command is a template of a network, a security group, an address, an interface, a machine.
ssh-keygen -q -t rsa -b 2048 -N '' -f "$work/key"
step vm create -g rg -n one --image "$version" --admin-username ann \
  --ssh-key-values "$work/key.pub" --size Standard_B1s
is .powerState 'VM running'
is '.publicIpAddress | length > 0' true
step vm create -g rg -n two --image "${version%/versions/*}" --admin-username ann \
  --admin-password Quite-Secret-7 --public-ip-address '' --nsg '' --size Standard_B1s
step vm create -g rg -n three --image from-snapshot --admin-username ann \
  --admin-password Quite-Secret-7 --authentication-type password --size Standard_B1s
step vm list -g rg
is '[.[].name] | sort | join(" ")' 'one three two'
step vm list -g rg -d
is '.[0].powerState' 'VM running'
step vm show -g rg -n one
is .osProfile.adminUsername ann
step vm show -g rg -n one -d
step vm get-instance-view -g rg -n one
step vm list-sizes -l westeurope
step vm list-skus -l westeurope
step vm stop -g rg -n one
step vm start -g rg -n one
step vm restart -g rg -n one
step vm deallocate -g rg -n one
step vm generalize -g rg -n one
step image create -g rg -n from-machine --source one
step vm delete -g rg -n three --yes
step image list -g rg
is length 3
step image show -g rg -n from-machine
step image delete -g rg -n from-snapshot

step vmss create -g rg -n set --image "$version" --admin-username ann --load-balancer '' \
  --admin-password Quite-Secret-7 --authentication-type password --instance-count 2 \
  --vm-sku Standard_B1s --upgrade-policy-mode Manual
step vmss list -g rg
is '.[0].sku.capacity' 2
step vmss list-instances -g rg -n set
is length 2
step vmss scale -g rg -n set --new-capacity 1
step vmss show -g rg -n set
is .sku.capacity 1
step vmss deallocate -g rg -n set
step vmss start -g rg -n set
step vmss delete -g rg -n set

step network vnet list -g rg
step network nic list -g rg
step network public-ip list -g rg
step network nsg list -g rg
step network nsg rule list -g rg --nsg-name oneNSG
is '.[0].destinationPortRange' 22
step network vnet subnet list -g rg --vnet-name oneVNET
step group delete -n rg --yes
