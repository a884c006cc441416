#!/bin/bash
# Debian's Ansible with the lines of `pinaco cloud ansible`: a group and a gallery, made twice (the
# second time nothing changes), looked at, and deleted. Then the lines for Python's SDK.
. "$(dirname "$0")/../server.sh"
command -v ansible-playbook >/dev/null || skip "ansible is missing (./dev setup)"
/usr/bin/python3 -c 'import azure.mgmt.compute' 2>/dev/null || skip "python3-azure is missing"
settings=$'[machines]\ndriver = "none"'
start_server
export HOME=$work ANSIBLE_LOCALHOST_WARNING=false ANSIBLE_NOCOLOR=1
export PATH=$(dirname "$(realpath "$pinaco")"):$PATH
cd "$work"
pinaco cloud ansible >lines
cat >play.yml <<'END'
- hosts: localhost
  connection: local
  gather_facts: false
  vars: {ansible_python_interpreter: /usr/bin/python3}
  tasks:
    - azure_rm_resourcegroup: {name: rg, location: westeurope}
    - azure_rm_gallery: {resource_group: rg, name: made, location: westeurope, description: hello}
    - azure_rm_gallery_info: {resource_group: rg, name: made}
      register: seen
    - assert: {that: "seen.galleries.description == 'hello'"}
END
play() {
  bash -euc ". ./lines; ansible-playbook $1" >ansible.log 2>&1 || fail "$(cat ansible.log)"
}
play play.yml
grep -q 'changed=2 ' ansible.log || fail "not made: $(cat ansible.log)"
play play.yml
grep -q 'changed=0 ' ansible.log || fail "made again: $(cat ansible.log)"
echo "ok: ansible makes a gallery once"
pinaco cloud python >python
[[ $(bash -eu python) == rg ]] || fail "Python's SDK does not see the group"
echo "ok: Python's SDK lists groups"
cat >end.yml <<'END'
- hosts: localhost
  connection: local
  gather_facts: false
  vars: {ansible_python_interpreter: /usr/bin/python3}
  tasks:
    - azure_rm_resourcegroup: {name: rg, state: absent, force_delete_nonempty: true}
END
play end.yml
[[ -z $(bash -eu python) ]] || fail "the group is still there"
echo "ok: ansible deletes a group with all in it"
