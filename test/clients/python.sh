#!/bin/bash
# The Azure SDK for Python, unmodified, with both forms of its credential: from a group to machines
# and templates.
. "$(dirname "$0")/../server.sh"
python=/usr/bin/python3  # whose packages are the distribution's
"$python" -c 'import azure.identity, azure.mgmt.compute, azure.storage.blob' 2>/dev/null ||
  skip "python3-azure is missing (./dev setup)"
settings=$'\n[machines]\ndriver = "none"'
start_server
ca=$(jq -er .ca "$work/admin.json")
[[ $ca == /* ]] || ca=$work/$ca
random_disk "$work/disk.raw" 32 7
qemu-img convert -f raw -O vpc -o subformat=fixed,force_size=on "$work/disk.raw" "$work/disk.vhd"
cd "$top/test/clients/python"
for form in adfs tenant; do
  REQUESTS_CA_BUNDLE=$ca PYTHONDONTWRITEBYTECODE=1 "$python" lifecycle.py \
    "$work/admin.json" "$form" "$work/disk.vhd" || fail "lifecycle.py, $form"
done
