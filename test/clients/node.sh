#!/bin/bash
# The Azure SDK for JavaScript, unmodified: who may see what, and publishing across tenants.
. "$(dirname "$0")/../server.sh"
command -v npm >/dev/null || skip "npm is missing (./dev setup)"
settings='issuer_hosts = ["127.0.0.1"]'  # an issuer that a script serves
start_server
folder=$top/test/clients/node
# Versions are those of the lock file; quick when they are there.
if ! cmp -s "$folder/package-lock.json" "$folder/node_modules/installed"; then
  npm --prefix "$folder" ci --ignore-scripts --no-audit --no-fund --loglevel=error \
    >"$work/npm" 2>&1 || { cat "$work/npm"; fail "npm ci"; }
  cp "$folder/package-lock.json" "$folder/node_modules/installed"
fi
# The newest SDK wants a global that Node.js 18 has only when it is told.
(($(node -p 'process.versions.node.split(".")[0]') >= 20)) ||
  export NODE_OPTIONS=--experimental-global-webcrypto
ca=$(jq -er .ca "$work/admin.json")
[[ $ca == /* ]] || ca=$work/$ca
cd "$folder"
for script in *.mjs; do
  [[ $script != lib.mjs && $script == "${ONLY:-$script}" ]] || continue
  NODE_EXTRA_CA_CERTS=$ca CREDENTIALS=$work/admin.json node "$script" || fail "$script"
done
