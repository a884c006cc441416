# For scripts that use az: sourced after server.sh, with a server started. Not a test.
#
#   az_login CONFIG CLIENT SECRET   registers the cloud and logs in, with settings of its own
#   sign_in CLIENT SECRET           only logs in
#   step WHAT...     runs az and shows how long it took; its output is in $work/out
#   is JQ WANTED     a value in the last answer
#   refused CODE WHAT...   az ends with an error that names the code
command -v az >/dev/null || skip "az is missing (./dev setup)"
export AZURE_CORE_COLLECT_TELEMETRY=no AZURE_CORE_NO_COLOR=1 REQUESTS_CA_BUNDLE=$work/ca.pem
credential() { jq -er ".$1" "$work/admin.json"; }
ca=$(credential ca)
[[ $ca == /* ]] || ca=$work/$ca
cp "$ca" "$work/ca.pem"

# For the table of what was seen: the command without its arguments, which may be secret.
tell() {  # ran|refused WHAT...
  local word words="$1 az"
  for word in "${@:2}"; do
    [[ $word =~ ^[a-z] ]] || break
    words+=" $word"
  done
  echo "$words" >>"$work/server.log"
}
step() {
  local begin=$SECONDS
  az "$@" -o json >"$work/out" 2>"$work/err" || { cat "$work/err"; fail "az $*"; }
  echo "ok: az ${*:1:4} ($((SECONDS - begin)) s)"
  tell ran "$@"
}
is() {
  local got
  got=$(jq -r "$1" "$work/out")
  [[ $got == "$2" ]] || { cat "$work/out"; fail "$1 is '$got', not '$2'"; }
}
refused() {
  local code=$1
  shift
  ! az "$@" >"$work/out" 2>"$work/err" || fail "az $* was not refused"
  grep -q "$code" "$work/err" || { cat "$work/err"; fail "az $*: no $code"; }
  echo "ok: $code from az ${*:1:3}"
  tell refused "$@"
}
get() { jq -er "$1" "$work/out"; }
sign_in() {
  step login --service-principal -u "$1" -p "$2" --tenant "$(credential tenant)" \
    --allow-no-subscriptions
}

# The Graph endpoint is in no flag of `az cloud register`: it takes the whole description.
write_cloud() {
  jq -n --arg u "$(credential endpoint)" '{
    endpoints: {
      management: "\($u)/", resourceManager: "\($u)/", gallery: "\($u)/",
      activeDirectory: "\($u)/adfs", activeDirectoryResourceId: "\($u)/",
      activeDirectoryGraphResourceId: "\($u)/", microsoftGraphResourceId: "\($u)/",
      vmImageAliasDoc: "\($u)/aliases.json"},
    suffixes: {storageEndpoint: ($u | ltrimstr("https://"))}}' >"$work/cloud.json"
}
az_login() {
  export AZURE_CONFIG_DIR=$work/$1
  write_cloud
  step cloud register -n Pinaco --cloud-config "@$work/cloud.json"
  step cloud set -n Pinaco
  sign_in "$2" "$3"
}
