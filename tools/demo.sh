#!/bin/bash
# The main job on real disks: publish an image, its successor and its rebuild in three regions, and
# boot the newest in a region that is not its home. See usage below.
set -euo pipefail
cd "$(dirname "$0")/.."
top=$PWD

usage() {
  cat <<'END'
usage: ./dev demo [options]

  --quick        tiny disks (a kernel and busybox) that boot in seconds; implies --exit
  --image FILE   a disk of yours instead: raw, VHD or QCOW2, bootable with BIOS, login on ttyS0
  --exit         end after the boot instead of leaving the server running
  --stay         leave it running even with --quick
  --no-setup     do not look for missing packages
  --until TEXT   what the console says when the boot is done (login:)

Without options a series of real Debian disks is built first, once, into .cache/images: some minutes
and 4 GiB. Everything else goes into a temporary folder that is removed at the end.
END
}

quick=no image='' stay='' setup=yes until_text='login:'
while (($#)); do
  case $1 in
    --quick) quick=yes ;;
    --image) image=$(realpath "${2:?--image needs a file}"); shift ;;
    --exit) stay=no ;;
    --stay) stay=yes ;;
    --no-setup) setup=no ;;
    --until) until_text=${2:?--until needs a text}; shift ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done
if [[ -z $stay ]]; then [[ $quick == yes ]] && stay=no || stay=yes; fi
[[ -z $image || -r $image ]] || { echo "demo: cannot read $image" >&2; exit 1; }

# --- what it stands on ----------------------------------------------------------------------------

bold='' faint='' plain=''
if [[ -t 1 ]]; then bold=$'\033[1m' faint=$'\033[2m' plain=$'\033[0m'; fi
step() { printf '\n%s== %s%s\n' "$bold" "$*" "$plain"; }
run() { printf '%s$ pinaco %s%s\n' "$faint" "$*" "$plain"; "$pinaco" "$@"; }

if [[ $setup == yes ]]; then
  step "packages"
  tools/setup.sh --no-clients
fi
step "build"
if [[ -z ${PINACO:-} && -t 1 ]]; then
  ./dev build release  # with progress
elif [[ -z ${PINACO:-} ]]; then
  log=$(mktemp)
  ./dev build release >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
  tail -n 1 "$log"
  rm -f "$log"
fi
pinaco=${PINACO:-$top/build/release/pinaco}

work=$(mktemp -d "${TMPDIR:-/tmp}/pinaco-demo.XXXXXX")
server=''
finish() {
  if [[ -n $server ]]; then
    kill "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
  fi
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM HUP

# --- the disks ------------------------------------------------------------------------------------

declare -A story=(
  [1.0.0]="the first"
  [1.1.0]="changed in place: more in it"
  [1.2.0]="changed in place: settings and updates"
  [2.0.0]="the same again, rebuilt from scratch"
)

# Makes the disks of the versions in ${versions[@]} and sets files.
series() {
  local folder=.cache/images version missing=no
  if [[ $quick == yes ]]; then
    for version in "${versions[@]}"; do
      tools/tiny_image.sh "$work/tiny-$version.raw" "$version"
      files+=("$work/tiny-$version.raw")
    done
    return
  fi
  for version in "${versions[@]}"; do
    files+=("$folder/base-$version.raw")
    [[ -s $folder/base-$version.raw ]] || missing=yes
  done
  [[ $missing == yes ]] || return 0
  if [[ -x ../shared/images/build-images.sh ]]; then
    ../shared/images/build-images.sh -o "$folder" -i 'base-1.0.0 base-1.1.0 base-1.2.0 base-2.0.0'
  else
    tools/debian_image.sh "$folder"
  fi
}

step "disks"
files=() versions=(1.0.0)
if [[ -n $image ]]; then
  files=("$image")
else
  [[ $quick == yes ]] && versions+=(1.1.0 2.0.0) || versions+=(1.1.0 1.2.0 2.0.0)
  series
  # Published as three formats, as they come in practice.
  qemu-img convert -f raw -O qcow2 -c "${files[1]}" "$work/successor.qcow2"
  qemu-img convert -f raw -O vpc -o subformat=dynamic,force_size=on \
    "${files[-1]}" "$work/rebuilt.vhd"
  files[1]=$work/successor.qcow2
  files[-1]=$work/rebuilt.vhd
fi
ls -lsh "${files[@]}" | awk '{print $1, $NF}'

# --- the server -----------------------------------------------------------------------------------

step "server: three regions, one of them with three zones"
credentials=$work/admin.json
"$pinaco" serve --data "$work/data" --port 0 --credentials-file "$credentials" \
  >"$work/server.log" 2>&1 &
server=$!
waited=0
until [[ -s $credentials ]]; do
  kill -0 $server 2>/dev/null && ((waited++ < 300)) || { cat "$work/server.log" >&2; exit 1; }
  sleep 0.1
done
export PINACO_LOGIN_FILE=$work/login.json
run login --credentials "$credentials"
run regions
mapfile -t regions < <("$pinaco" regions -o json | jq -r '.[] | .name')
home=${regions[0]} away=${regions[1]}

# --- publish, and boot ----------------------------------------------------------------------------

targets="$home=1,$away=2"
((${#regions[@]} < 3)) || targets+=",${regions[2]}=1"
for index in "${!files[@]}"; do
  step "publish ${versions[index]}: ${story[${versions[index]}]}"
  run push "${files[index]}" --gallery demo --definition debian --version "${versions[index]}" \
    --location "$home" --regions "$targets"
done

step "what each version cost"
size() { numfmt --to=iec-i --suffix=B --format=%.1f "$1"; }
{
  printf 'VERSION\tDATA\tNEW BLOCKS\tSTORED'
  printf '\tMOVED TO %s' "${regions[@]:1}"
  for index in "${!files[@]}"; do
    cost=$("$pinaco" show "demo/debian/${versions[index]}" -o json | jq .contents)
    printf '\n%s\t%s\t%s of %s\t%s' "${versions[index]}" \
      "$(size "$(jq '.dataBlocks * 4096' <<<"$cost")")" "$(jq .newBlocks <<<"$cost")" \
      "$(jq .dataBlocks <<<"$cost")" "$(size "$(jq .storedBytes <<<"$cost")")"
    for region in "${regions[@]:1}"; do
      printf '\t%s' "$(size "$(jq --arg region "$region" \
        '.regions[] | select(.name == $region) | .movedBytes' <<<"$cost")")"
    done
  done
  echo
} | column -t -s $'\t'
run list --all

step "boot the latest in $away, from a copy-on-write overlay over NBD"
run boot demo/debian --region "$away" --until "$until_text"

[[ $stay == yes ]] || { step "done in $SECONDS s"; exit 0; }

# --- yours now ------------------------------------------------------------------------------------

credential() { jq -r ".$1" "$credentials"; }
ca=$(credential ca)
[[ $ca == /* ]] || ca=$work/$ca
step "the server is yours until Ctrl-C"
cat <<END
  endpoint    $(credential endpoint)
  CA          $ca
  tenant      $(credential tenant)
  client      $(credential clientId)
  secret      $(credential clientSecret)

In another terminal, with the Azure command line (./dev setup installs it):

  export AZURE_CONFIG_DIR=$work/azure REQUESTS_CA_BUNDLE=$ca AZURE_CORE_COLLECT_TELEMETRY=no
  az cloud register -n Pinaco --endpoint-resource-manager $(credential endpoint)/
  az cloud set -n Pinaco
  az login --service-principal -u $(credential clientId) -p '$(credential clientSecret)' \\
    --tenant $(credential tenant)
  az sig list -o table
  az sig image-version list -g pinaco -r demo -i debian -o table
  az sig image-version show -g pinaco -r demo -i debian -e ${versions[-1]} \\
    --expand ReplicationStatus

or with its own:

  export PINACO_LOGIN_FILE=$PINACO_LOGIN_FILE
  $pinaco list --all
END
wait $server
