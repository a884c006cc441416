#!/bin/bash
# The commands of docs/limits.md, with its configuration; and what is beyond a limit.
. "$(dirname "$0")/../server.sh"
doc=$top/docs/limits.md
block() { awk -v lang="$1" '$0 == "```" {on = 0} on; $0 == "```" lang {on = 1}' "$doc"; }
settings=$(block toml)
start_server
cd "$work"
random_disk disk.raw 24 5
used() {  # NAME: prints used/limit
  "$pinaco" usage --region 'West Europe' -o json |
    jq -er --arg name "$1" '.[] | select(.name == $name) | "\(.used)/\(.limit)"'
}
is() { [[ $(used "$1") == "$2" ]] || fail "$1 is $(used "$1"), not $2"; }
run() { "$pinaco" "$@" >out 2>&1 </dev/null || { cat out; fail "pinaco $*"; }; }
push() { run push disk.raw --gallery "$1" --definition d --version 1.0.0 --location westeurope; }

is Galleries 0/2
while read -r command words; do
  [[ $command == pinaco ]] || fail "'$command $words' is no command of pinaco"
  run $words
  [[ $words != push* ]] || is GalleryImageVersions 1/10000
done < <(block sh)
[[ $(block sh | wc -l) -ge 5 ]] || fail "the commands of $doc were not found"
is Galleries 0/2

push one
push two
! "$pinaco" push disk.raw --gallery three --definition d --version 1.0.0 \
  --location westeurope >out 2>&1 || fail "a third gallery"
for words in OperationNotAllowed 'Current Limit: 2, Current Usage: 2' 'galleries = 3'; do
  grep -qF "$words" out || { cat out; fail "no '$words'"; }
done
stop_server KILL
start_server
is Galleries 2/2
is GalleryImageVersions 2/10000
run delete one --cascade --yes
push three
! "$pinaco" usage --region atlantis >out 2>&1 || fail "a region that is not there"
