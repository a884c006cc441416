#!/bin/bash
# Sharing by the commands of docs/sharing.md: roles, groups, whole subscriptions, and the log.
. "$(dirname "$0")/../server.sh"
start_server
# as FILE COMMAND...: with another login.
as() { PINACO_LOGIN_FILE=$work/$1 "$pinaco" "${@:2}"; }
has() { grep -qF -- "$1" "$work/out" || { cat "$work/out"; fail "no '$1'"; }; }
run() { "$pinaco" "$@" >"$work/out" 2>&1 || { cat "$work/out"; fail "pinaco $*"; }; }
refused() { ! as "$@" >"$work/out" 2>&1 || fail "not refused: pinaco ${*:2}"; }

random_disk "$work/disk.raw" 24 5
run push "$work/disk.raw" --gallery golden --definition debian --version 1.0.0 \
  --location westeurope
run app create robot
run app secret add robot -o json
jq -s --slurpfile made "$work/out" '.[0] * {clientId: $made[0].appId,
  clientSecret: $made[0].secretText}' "$work/admin.json" >"$work/robot.json"
refused robot login --credentials "$work/robot.json"
run group create builders
run group add-member builders robot
run role assign Reader --to builders --on golden/debian
has 'builders is now Reader'
as robot login --credentials "$work/robot.json" >"$work/out" 2>&1 || fail "robot's login"
as robot show golden/debian/1.0.0 -o json >"$work/out" || fail "robot reads the version"
refused robot show golden
as robot pull golden/debian/1.0.0 -f "$work/back.raw" >"$work/out" 2>&1 || cat "$work/out"
cmp "$work/disk.raw" "$work/back.raw" || fail "robot got other bytes"
run role list --on golden/debian
has builders
run role remove Reader --to builders --on golden/debian
refused robot show golden/debian/1.0.0
run subscription create second
second=$("$pinaco" subscription list -o json | jq -er '.[] | select(.name == "second") |
  .subscription')
run share add golden --subscription "$second"
has "$second"
run share reset golden
run log
has golden
