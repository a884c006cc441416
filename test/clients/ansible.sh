#!/bin/bash
# Ansible's azure.azcollection: a gallery with an image is made, and made again without a change.
# Its module for versions sleeps for 60 s while one is being made.
. "$(dirname "$0")/../server.sh"
command -v ansible-playbook >/dev/null || skip "ansible is missing (./dev setup)"
start_server
credential() { jq -er ".$1" "$work/admin.json"; }
ca=$(credential ca)
[[ $ca == /* ]] || ca=$work/$ca
folder=$top/test/clients/ansible
export PYTHONPATH=$folder PYTHONDONTWRITEBYTECODE=1 REQUESTS_CA_BUNDLE=$ca HOME=$work
export AZURE_CLOUD_ENVIRONMENT AZURE_AUTHORITY_HOST AZURE_TENANT=adfs AZURE_CLIENT_ID AZURE_SECRET
export AZURE_SUBSCRIPTION_ID ANSIBLE_LOCALHOST_WARNING=false ANSIBLE_NOCOLOR=1
export ANSIBLE_LOCAL_TEMP=$work/local ANSIBLE_REMOTE_TEMP=$work/remote
AZURE_CLOUD_ENVIRONMENT=$(credential endpoint) AZURE_AUTHORITY_HOST=$(credential endpoint)
AZURE_CLIENT_ID=$(credential clientId) AZURE_SECRET=$(credential clientSecret)
AZURE_SUBSCRIPTION_ID=$(credential subscription)

play() {  # PLAYBOOK
  ansible-playbook -i localhost, "$folder/$1" >"$work/out" 2>"$work/err" ||
    { cat "$work/out" "$work/err"; fail "$1"; }
}
play playbook.yml
[[ $(grep -c '^changed:' "$work/out") == 9 ]] || { cat "$work/out"; fail "the first run"; }
sed -n 's/^TASK \[\([a-z_]*\)\] .*/ok: ansible azure_rm_\1/p' "$work/out" | tee "$work/modules"
sed 's/^ok:/ran/' "$work/modules" >>"$work/server.log"  # for the table of what was seen
# The module for deployments sends its template again and always says changed.
play playbook.yml
changed=$(grep -B1 '^changed:' "$work/out" | sed -n 's/^TASK \[\(.*\)\] .*/\1/p')
[[ $changed == deployment ]] || { cat "$work/out"; fail "the second run changed: $changed"; }
echo "ok: ansible again, without a change"
play away.yml
echo "ok: ansible azure_rm_galleryimageversion, azure_rm_resourcegroup, state: absent"
