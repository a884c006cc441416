# For scripts that need a server: sourced. Everything is in $work, which goes with the script.
#
#   start_server [arguments]   on a free port, or the one it had before; logs in as administrator;
#                              $settings is more of [server]
#   stop_server [SIGNAL]       waits until it is gone
#   random_disk FILE MIB SEED  a raw disk: data that does not compress, text, and holes
#   skip REASON                ends the script as skipped
#
# With OBSERVED, a folder, the server's log stays there, with a line for each request.

set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
pinaco=${PINACO:-$top/build/release/pinaco}
work=$(mktemp -d "${TMPDIR:-/tmp}/pinaco-test.XXXXXX")
data=$work/data server='' port=0
export PINACO_LOGIN_FILE=$work/login.json
[[ -z ${OBSERVED:-} ]] || ln -s "$OBSERVED/$(basename "$0" .sh).log" "$work/server.log"
trap 'stop_server KILL; rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

skip() { echo "SKIPPED: $*"; exit 77; }
fail() { echo "FAILED: $*"; tail -n 30 "$work/server.log" 2>/dev/null; exit 1; }

start_server() {
  local waited=0 first=no
  [[ -s $work/admin.json ]] || first=yes
  printf '[server]\nport = %d\nnbd_port = 0\n%s\n' "$port" "${settings:-}" >"$work/pinaco.toml"
  "$pinaco" serve --data "$data" --config "$work/pinaco.toml" \
    --credentials-file "$work/admin.json" ${OBSERVED:+--log-level debug} "$@" \
    >>"$work/server.log" 2>&1 &
  server=$!
  until [[ -s $work/admin.json ]] && endpoint=$(jq -er .endpoint "$work/admin.json") &&
    curl -sk -m 5 -o "$work/metadata" "$endpoint/metadata/endpoints?api-version=2015-01-01"; do
    kill -0 "$server" 2>/dev/null || fail "the server ended"
    ((waited++ < 300)) || fail "the server did not start in 30 s"
    sleep 0.1
  done
  port=${endpoint##*:}
  [[ $first == yes ]] || return 0
  "$pinaco" login --credentials "$work/admin.json" >>"$work/server.log" 2>&1 || fail "no login"
}

stop_server() {
  [[ -n $server ]] || return 0
  kill "-${1:-TERM}" "$server" 2>/dev/null || true
  wait "$server" 2>/dev/null || true
  server=''
}

random_disk() {
  local mib=$2
  rm -f "$1"
  truncate -s "${mib}M" "$1"
  openssl enc -aes-128-ctr -nosalt -pass "pass:$3" -in /dev/zero 2>/dev/null |
    head -c "$((mib * 1048576 / 4))" | dd of="$1" bs=1M conv=notrunc status=none || true
  seq "$3" 100000 | head -c "$((mib * 1048576 / 8))" |
    dd of="$1" bs=1M seek="$((mib / 2))" conv=notrunc status=none || true
}
