# For scripts with virtual machines: sourced after server.sh. Everything is in the group "pinaco",
# where `pinaco push` puts it; TYPE is below it, such as Microsoft.Compute/disks/NAME.
#
#   azure_image FILE                   tools/azure_image.sh, or skipped without what it needs
#   sign_in                            after start_server: a token for what follows
#   ask METHOD TYPE[?QUERY] [BODY]     the answer is in $work/answer; a refusal fails
#   settle TYPE                        waits for its operation, which must succeed
#   gone TYPE...                       deletes each and waits until it is not there
#   network NAME REGION                a network, a public address and a card that are called so
#   machine NAME REGION DEFINITION[/VERSION] [USER]   of $size, with the card NAME and the key $key
#   scale_set NAME COUNT REGION DEFINITION/VERSION USER   in the network NAME, with public addresses
#   addresses NAME                     those of a scale set, a line each
#   reach ADDRESS USER COMMAND...      by SSH, when it is up
#   capture NAME DEFINITION/VERSION    a version of that machine in both regions, complete
#   capture_disk SET/virtualMachines/N DEFINITION/VERSION   a specialized version of its OS disk
#   shows WORD...                      each is a line of $work/out
#   act NAME ACTION                    such as deallocate
#   power NAME                         its power state
#   is NAME STATE                      or fails
#   booted COUNT                       waits until the consoles of all guests say so often
#                                      PINACO-BOOT-OK, as the tiny image does
#   on NAME USER COMMAND...            reach, by the address NAME
#   timed WHAT COMMAND...              shows how long it took
#   guests                             the process ids of the supervisors

for tool in qemu-system-x86_64 jq curl openssl ssh ssh-keygen; do
  command -v $tool >/dev/null || skip "$tool is missing (./dev setup)"
done
! ss -Hltn 'sport = :22' 2>/dev/null | grep -qE '(0\.0\.0\.0|\*|\[::\]):22' ||
  skip "a server on port 22 of all addresses keeps machines from having theirs"
size=Standard_B2s key=$work/key
machines=Microsoft.Compute/virtualMachines
sets=Microsoft.Compute/virtualMachineScaleSets
images=Microsoft.Compute/galleries/g/images
# Addresses of this script's own: other servers on this host give theirs to their machines.
settings=$(printf '[machines]\naddresses = "127.%d.%d.0/24"' $((RANDOM % 100 + 100)) \
  $((RANDOM % 256)))
ssh-keygen -q -t ed25519 -N '' -C test -f "$key"
# Guests outlive the server, but not the script.
guests() { pgrep -f -- " machine $data/machines/guests/" || true; }
end_guests() { kill -KILL $(guests) 2>/dev/null || true; }
trap 'end_guests; stop_server KILL; rm -rf "$work"' EXIT

fail() {
  local log
  echo "FAILED: $*"
  for log in "$data"/machines/guests/*/console.log; do
    [[ ! -s $log ]] || { echo "== $log"; tail -n 25 "$log"; }
  done
  echo "== server"
  tail -n 30 "$work/server.log"
  exit 1
}
azure_image() {
  (($(id -u) == 0)) || skip "making the image needs root"
  for tool in debootstrap mkfs.vfat mcopy grub-mkimage; do
    command -v $tool >/dev/null || skip "$tool is missing (./dev setup)"
  done
  "$top/tools/azure_image.sh" "$1" || fail "no image"
}
field() { jq -er ".$1" "$work/admin.json"; }

sign_in() {
  local tenant
  ca=$(field ca) tenant=$(field tenant)
  token=$(curl -sS --cacert "$ca" "$endpoint/$tenant/oauth2/v2.0/token" \
    -d grant_type=client_credentials -d "client_id=$(field clientId)" \
    -d "scope=$endpoint/.default" --data-urlencode "client_secret=$(field clientSecret)" |
    jq -er .access_token)
  group=/subscriptions/$(field subscription)/resourceGroups/pinaco/providers
}

call() {  # METHOD TYPE[?QUERY] [BODY]: prints the status
  local version=2022-08-01 join='?'
  case $2 in
    Microsoft.Network/*) version=2022-07-01 ;;
    */publicipaddresses) version=2018-10-01 ;;
    Microsoft.Compute/disks* | Microsoft.Compute/snapshots*) version=2022-07-02 ;;
    Microsoft.Compute/galleries*) version=2022-03-03 ;;
    Microsoft.Resources/*) version=2021-04-01 ;;
  esac
  [[ $2 != *\?* ]] || join='&'
  curl -sS -m 60 --cacert "$ca" -X "$1" "$endpoint$group/$2${join}api-version=$version" \
    -H "Authorization: Bearer $token" -H 'Content-Type: application/json' \
    -o "$work/answer" -w '%{http_code}' -d "${3:-}"
}
ask() {
  local status
  status=$(call "$@") || fail "$1 $2: no answer"
  ((status < 400)) || fail "$1 $2: $status $(cat "$work/answer")"
}

settle() {
  local state
  while true; do
    ask GET "$1"
    state=$(jq -r '.properties.provisioningState' "$work/answer")
    case $state in
      Succeeded) return ;;
      Failed) fail "$1: $(cat "$work/answer")" ;;
    esac
    sleep 0.5
  done
}
gone() {
  local each status
  for each; do
    ask DELETE "$each"
    until status=$(call GET "$each") && ((status == 404)); do sleep 0.5; done
  done
}

network() {
  local net=Microsoft.Network/virtualNetworks/$1 subnet
  ask PUT "$net" '{"location": "'"$2"'", "properties": {"addressSpace": {"addressPrefixes":
    ["10.0.0.0/16"]}, "subnets": [{"name": "main", "properties": {"addressPrefix":
    "10.0.0.0/24"}}]}}'
  subnet=$(jq -er '.properties.subnets[0].id' "$work/answer")
  ask PUT "Microsoft.Network/publicIPAddresses/$1" '{"location": "'"$2"'", "sku": {"name":
    "Standard"}, "properties": {"publicIPAllocationMethod": "Static"}}'
  ask PUT "Microsoft.Network/networkInterfaces/$1" '{"location": "'"$2"'", "properties":
    {"ipConfigurations": [{"name": "main", "properties": {"subnet": {"id": "'"$subnet"'"},
    "publicIPAddress": {"id": "'"$group/Microsoft.Network/publicIPAddresses/$1"'"}}}]}}'
  settle "Microsoft.Network/publicIPAddresses/$1"
}

machine() {
  local profile='' image=$3
  [[ $image != */* ]] || image=${image%/*}/versions/${image#*/}
  [[ -z ${4:-} ]] || profile='"osProfile": {"computerName": "'"$1"'", "adminUsername": "'"$4"'",
    "linuxConfiguration": {"disablePasswordAuthentication": true, "ssh": {"publicKeys": [{"path":
    "/home/'"$4"'/.ssh/authorized_keys", "keyData": "'"$(cat "$key.pub")"'"}]}}},'
  ask PUT "Microsoft.Compute/virtualMachines/$1" '{"location": "'"$2"'", "properties":
    {"hardwareProfile": {"vmSize": "'"$size"'"}, '"$profile"'
    "storageProfile": {"imageReference": {"id":
      "'"$group/Microsoft.Compute/galleries/g/images/$image"'"},
      "osDisk": {"createOption": "FromImage", "deleteOption": "Delete"}},
    "networkProfile": {"networkInterfaces": [{"id":
      "'"$group/Microsoft.Network/networkInterfaces/$1"'"}]}}}'
}
scale_set() {
  local set=Microsoft.Compute/virtualMachineScaleSets/$1
  ask PUT "$set" '{"location": "'"$3"'", "sku": {"name": "'"$size"'", "capacity": '"$2"'},
    "properties": {"upgradePolicy": {"mode": "Manual"}, "virtualMachineProfile": {
    "osProfile": {"computerNamePrefix": "'"$1"'", "adminUsername": "'"$5"'",
    "linuxConfiguration": {"disablePasswordAuthentication": true, "ssh": {"publicKeys": [{"path":
    "/home/'"$5"'/.ssh/authorized_keys", "keyData": "'"$(cat "$key.pub")"'"}]}}},
    "storageProfile": {"imageReference": {"id":
      "'"$group/Microsoft.Compute/galleries/g/images/${4%/*}/versions/${4#*/}"'"}},
    "networkProfile": {"networkInterfaceConfigurations": [{"name": "main", "properties":
      {"primary": true, "ipConfigurations": [{"name": "main", "properties": {"subnet": {"id":
      "'"$group/Microsoft.Network/virtualNetworks/$1/subnets/main"'"},
      "publicIPAddressConfiguration": {"name": "main"}}}]}}]}}}}'
}
addresses() {
  ask GET "Microsoft.Compute/virtualMachineScaleSets/$1/publicipaddresses"
  jq -er '.value[].properties.ipAddress' "$work/answer"
}
capture() {
  local version=Microsoft.Compute/galleries/g/images/${2%/*}/versions/${2#*/}
  ask PUT "$version" '{"location": "westeurope", "properties": {"publishingProfile":
    {"targetRegions": [{"name": "westeurope"}, {"name": "northeurope"}]}, "storageProfile":
    {"source": {"id": "'"$group/Microsoft.Compute/virtualMachines/$1"'"}}}}'
  settle "$version"
}
capture_disk() {
  local definition=$images/${2%/*}
  ask GET "$sets/$1"
  local region disk
  region=$(jq -er .location "$work/answer")
  disk=$(jq -er .properties.storageProfile.osDisk.managedDisk.id "$work/answer")
  ask PUT "$definition" '{"location": "'"$region"'", "properties": {"osType": "Linux", "osState":
    "Specialized", "hyperVGeneration": "V1", "identifier": {"publisher": "p", "offer": "o", "sku":
    "'"${2%/*}"'"}}}'
  ask PUT "$definition/versions/${2#*/}" '{"location": "'"$region"'", "properties":
    {"storageProfile": {"osDiskImage": {"source": {"id": "'"$disk"'"}}}}}'
  settle "$definition/versions/${2#*/}"
}
shows() {
  local word
  for word; do
    grep -qx "$word" "$work/out" || fail "no '$word' in: $(cat "$work/out" "$work/ssh.err")"
  done
}
act() {
  ask POST "Microsoft.Compute/virtualMachines/$1/$2"
  settle "Microsoft.Compute/virtualMachines/$1"
}
power() {
  ask GET "Microsoft.Compute/virtualMachines/$1/instanceView"
  jq -r '.statuses[].code | select(startswith("PowerState/")) | sub(".*/"; "")' "$work/answer"
}

is() { [[ $(power "$1") == "$2" ]] || fail "$1 is not $2: $(cat "$work/answer")"; }
booted() {
  local tries=0
  until (($(cat "$data"/machines/guests/*/console.log | grep -c PINACO-BOOT-OK) >= $1)); do
    ((tries++ < 900)) && sleep 0.1 || fail "not booted $1 times"
  done
}

on() {
  ask GET "Microsoft.Network/publicIPAddresses/$1"
  reach "$(jq -er .properties.ipAddress "$work/answer")" "${@:2}"
}
reach() {
  local address=$1 user=$2 tries=0 status
  shift 2
  # Ready comes before sshd does; status 255 is SSH's own.
  while true; do
    status=0
    ssh -F none -i "$key" -o BatchMode=yes -o ConnectTimeout=10 -o StrictHostKeyChecking=no \
      -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR "$user@$address" "$@" \
      </dev/null 2>"$work/ssh.err" || status=$?
    ((status == 255)) || return $status
    ((tries++ < 400)) || fail "no SSH at $address: $(cat "$work/ssh.err")"
    sleep 1
  done
}

timed() {
  local what=$1 begin
  begin=$(date +%s%N)
  shift
  "$@"
  printf '%6d ms  %s\n' $((($(date +%s%N) - begin) / 1000000)) "$what" >&2
}
