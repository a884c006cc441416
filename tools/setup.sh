#!/bin/bash
# Installs what building, testing and the demo need on Debian 12, and nothing else. Quick when all
# is there. `--no-clients` leaves out clients of Azure, `--bench` adds what benches compare
# with.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive

build='g++ cmake ninja-build ccache mold pkg-config git python3 ca-certificates
  libboost1.81-dev libboost-json1.81-dev libboost-url1.81-dev libssl-dev libsqlite3-dev
  libcurl4-openssl-dev libzstd-dev zlib1g-dev libxxhash-dev libfmt-dev libcli11-dev
  libtomlplusplus-dev libslirp-dev libcrypt-dev libvirt-dev libgtest-dev libgmock-dev'
check='clang-format-19 clang-tidy-19 clang-19 libclang-rt-19-dev'
test='qemu-utils libnbd-dev libnbd-bin nbdkit sqlite3 openssl curl jq procps xorriso'
demo='qemu-system-x86 ovmf debootstrap busybox-static grub-pc-bin grub-common e2fsprogs fdisk cpio
  bsdextrautils dosfstools mtools openssh-client iproute2
  libvirt-daemon libvirt-daemon-driver-qemu libvirt-clients'
clients='azure-cli packer ansible'
# A Node.js from elsewhere brings its own npm, beside which Debian's cannot be installed.
command -v npm >/dev/null || clients+=' nodejs npm'
bench='borgbackup time liblz4-dev'

wanted="$build $check $test $demo $clients"
for option in "$@"; do
  case $option in
    --no-clients) wanted=${wanted/$clients/} ;;
    --bench) wanted+=" $bench" ;;
    *) echo "usage: ./dev setup [--no-clients] [--bench]" >&2; exit 2 ;;
  esac
done

missing=()
installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' 2>/dev/null)
for package in $wanted; do
  grep -qxF "installed $package" <<<"$installed" || missing+=("$package")
done
if ((${#missing[@]} == 0)); then
  echo "setup: all $(wc -w <<<"$wanted") packages are installed"
  exit 0
fi

root=()
if (($(id -u) != 0)); then
  command -v sudo >/dev/null || {
    echo "setup: not root and no sudo; install these and come back: ${missing[*]}" >&2
    exit 1
  }
  root=(sudo --preserve-env=DEBIAN_FRONTEND)
fi
update() { "${root[@]}" apt-get -q update; }
# A machine that is thrown away need not wait for its disk.
install() {
  "${root[@]}" apt-get -q -y ${CI:+-o Dpkg::Options::=--force-unsafe-io} \
    install --no-install-recommends "${missing[@]}"
}

echo "setup: installing ${missing[*]}"
# Lists that are older than a day name files that the mirror may no longer have.
if [[ -z $(find /var/lib/apt/lists -name '*Packages*' -mtime -1 -print -quit 2>/dev/null) ]]; then
  update
fi
install || { update && install; }
