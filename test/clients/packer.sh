#!/bin/bash
# Packer, unmodified: the lines of `pinaco cloud packer` as they are. It makes a machine of a
# version, changes it over SSH, and publishes it as the next one.
. "$(dirname "$0")/../server.sh"
. "$(dirname "$0")/../machine_steps.sh"
command -v packer >/dev/null || skip "packer is missing (./dev setup)"
timed "the image is there" azure_image "$work/azure.raw"
settings+=$'\n[proxy]\nport = 0'
start_server
sign_in
timed "push" "$pinaco" push "$work/azure.raw" --gallery linux --definition debian-12 \
  --version 1.0.0 --location westeurope --regions westeurope=1
cd "$work"
export PATH=$(dirname "$(realpath "$pinaco")"):$PATH PACKER_CONFIG_DIR=$work PACKER_NO_COLOR=1
# Its one addition: something to find in the new version.
mark=baked-$RANDOM-$RANDOM
pinaco cloud packer | sed "s/uname -a/echo $mark | sudo tee \\/srv\\/mark/" >lines
grep -q "$mark" lines || fail "nothing to provision in: $(cat lines)"
begin=$SECONDS
bash -eu lines >packer.log 2>&1 || { tail -n 60 packer.log; fail "packer"; }
echo "packer build: $((SECONDS - begin)) s"
grep -q 'ManagedImageSharedImageGalleryId: .*/versions/2.0.0' packer.log || fail "$(cat packer.log)"

# The version is there, with what Packer did; the managed image between, and nothing else.
linux=Microsoft.Compute/galleries/linux/images/debian-12
ask GET $linux/versions/2.0.0
[[ $(jq -r .properties.provisioningState answer) == Succeeded ]] || fail "$(cat answer)"
ask GET Microsoft.Compute/images/debian-12-2.0.0
timed "pull" pinaco pull linux/debian-12/2.0.0 -f new.raw
grep -aqm1 "$mark" new.raw || fail "what Packer changed is not in the version"
[[ -z $(guests) ]] || fail "Packer's machine is left: $(guests)"
[[ $(curl -sS --cacert "$ca" -H "Authorization: Bearer $token" \
  "$endpoint${group%/pinaco/*}?api-version=2021-04-01" | jq -r '.value[].name') == pinaco ]] ||
  fail "a resource group of Packer's is left"
