#!/bin/bash
# Builds a series of real Debian disks, as a golden-image pipeline would publish them:
#
#   base-1.0.0   kernel, systemd, cloud tools; a login on the serial console (root, no password)
#   base-1.1.0   1.0.0 changed in place: nginx
#   base-1.2.0   1.1.0 changed in place: settings and a few tools
#   base-2.0.0   the packages of 1.2.0 built from scratch: other identifiers, inodes and layout
#
# "In place" keeps every block that the change does not touch where it was, as on a virtual machine
# that was deployed, changed and captured. The disks are BIOS, MBR, ext4, 2 GiB; about 4 minutes on
# 2 cores. Needs root (chroot) but no loop device. Packages come from this machine's apt sources.
set -euo pipefail
# The initial RAM disks take their times from SOURCE_DATE_EPOCH, so that they are the same twice.
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive SOURCE_DATE_EPOCH=1735689600
umask 022
. "$(dirname "$0")/disk.sh"
. "$(dirname "$0")/debian_tree.sh"

disk_mib=2048
packages='linux-image-cloud-amd64 systemd-sysv udev dbus kmod iproute2 iputils-ping procps less nano
  openssh-server cloud-init cloud-guest-utils sudo cron logrotate rsyslog ca-certificates curl
  locales python3 zstd'

out=${1:-} wanted=${2:-2.0.0}
[[ -n $out && $wanted =~ ^(1\.[012]|2\.0)\.0$ ]] || die "usage: ${0##*/} OUT_DIR [LAST_VERSION]"
mkdir -p "$out"
out=$(realpath "$out")
log=$out/build.log
: >"$log"
say() { printf '%s [%4d s] %s\n' "${0##*/}" "$SECONDS" "$*" >&2; }

work=$(mktemp -d "$out/work.XXXXXX")
trap 'rm -rf --one-file-system "$work"' EXIT
open_trees "$out/cache" "$log"

make_tree() {  # TREE WORD: packages and settings of 1.0.0
  local tree=$1 word=$2
  first_tree "$tree"
  echo debian >"$tree/etc/hostname"
  echo "UUID=$(fixed_uuid "$word/fs") / ext4 errors=remount-ro 0 1" >"$tree/etc/fstab"
  add_packages "$tree" $packages
  echo 'datasource_list: [ NoCloud, None ]' >"$tree/etc/cloud/cloud.cfg.d/90-none.cfg"
  inside "$tree" passwd -d root
  : >"$tree/etc/machine-id"
  rm -f "$tree"/etc/ssh/ssh_host_*
}

change() {  # TREE VERSION: what each version adds to the one before
  case $2 in
    1.1.0) add_packages "$1" nginx ;;
    1.2.0)
      echo 'net.core.somaxconn = 4096' >"$1/etc/sysctl.d/60-base.conf"
      sed -i 's/worker_connections .*/worker_connections 4096;/' "$1/etc/nginx/nginx.conf"
      add_packages "$1" jq htop
      ;;
  esac
}

finish() {  # TREE VERSION: nothing that only the build needed goes into the disk
  rm -rf "$1"/var/cache/apt/*.bin "$1"/var/lib/apt/lists/*_* \
    "$1"/var/log/*.log "$1"/var/log/apt/* "$1"/var/cache/ldconfig/aux-cache
  printf 'base %s \\l\n\n' "$2" >"$1/etc/issue"
}

new_disk() {  # FILE TREE WORD START_MIB [mke2fs options]
  local file=$1 tree=$2 word=$3 start_mib=$4
  cat >"$work/grub.cfg" <<END
serial --unit=0 --speed=115200
terminal_output serial
linux (hd0,msdos1)/vmlinuz root=UUID=$(fixed_uuid "$word/fs") ro console=ttyS0 net.ifnames=0
initrd (hd0,msdos1)/initrd.img
boot
END
  begin_disk "$file" $disk_mib "$start_mib" "$work/grub.cfg"
  make_root "$file" $disk_mib "$start_mib" "$word" -d "$tree" "${@:5}"
}

# The debugfs commands that turn the file system of BEFORE (a list of paths) into that of TREE, of
# which every path that changed since STAMP was made is written anew.
difference() {  # TREE BEFORE STAMP
  local tree=$1 before=$2 stamp=$3 path kind mode owner group
  find "$tree" -mindepth 1 -printf '/%P\n' | sort >"$work/after"
  comm -23 "$before" "$work/after" | sort -r | while read -r path; do
    if grep -qxF "d$path" "$work/folders"; then printf 'rmdir "%s"\n' "$path"
    else printf 'rm "%s"\n' "$path"; fi
  done
  find "$tree" -mindepth 1 -cnewer "$stamp" -printf '%y %m %U %G /%P\n' | sort -k 5 |
  while read -r kind mode owner group path; do
    local known=no
    ! grep -qxF "$path" "$before" || known=yes
    printf 'cd "%s"\n' "$(dirname "$path")"
    case $kind$known in
      dyes) ;;
      dno) printf 'mkdir "%s"\n' "${path##*/}" ;;
      f*)
        [[ $known == no ]] || printf 'rm "%s"\n' "$path"
        printf 'write "%s" "%s"\n' "$tree$path" "${path##*/}"
        ;;
      l*)
        [[ $known == no ]] || printf 'rm "%s"\n' "$path"
        printf 'symlink "%s" "%s"\n' "${path##*/}" "$(readlink "$tree$path")"
        continue
        ;;
      *) continue ;;
    esac
    [[ $kind == d ]] && mode=04$(printf '%04o' "0$mode") || mode=010$(printf '%04o' "0$mode")
    printf 'sif "%s" mode %s\nsif "%s" uid %s\nsif "%s" gid %s\n' \
      "$path" "$mode" "$path" "$owner" "$path" "$group"
  done
}

derive() {  # VERSION PARENT TREE
  local version=$1 parent=$2 tree=$3 part=$work/disk.raw
  find "$tree" -mindepth 1 -printf '/%P\n' | sort >"$work/before"
  find "$tree" -mindepth 1 -type d -printf 'd/%P\n' >"$work/folders"
  touch "$work/stamp"
  cp -a "$work/lists/." "$tree/var/lib/apt/lists"
  change "$tree" "$version"
  finish "$tree" "$version"
  cp --sparse=always "$out/base-$parent.raw" "$part"
  difference "$tree" "$work/before" "$work/stamp" | debugfs_do "$part" 1
}

publish() {  # VERSION START_MIB: checked, sparse, in its place
  e2fsck -fn "$work/disk.raw?offset=$(($2 << 20))" >>"$log" 2>&1 || die "e2fsck: see $log"
  cp --sparse=always "$work/disk.raw" "$work/sparse.raw"
  mv "$work/sparse.raw" "$out/base-$1.raw"
  say "base-$1.raw, $(du -m "$out/base-$1.raw" | cut -f 1) MiB"
  [[ $1 != "$wanted" ]] || exit 0
}

make_tree "$work/tree" series-1
cp -a "$work/tree/var/lib/apt/lists" "$work/lists"
finish "$work/tree" 1.0.0
new_disk "$work/disk.raw" "$work/tree" series-1 1
publish 1.0.0 1
for step in 1.1.0:1.0.0 1.2.0:1.1.0; do
  derive "${step%:*}" "${step#*:}" "$work/tree"
  publish "${step%:*}" 1
done
rm -rf --one-file-system "$work/tree"
make_tree "$work/tree" series-2
change "$work/tree" 1.1.0
change "$work/tree" 1.2.0
finish "$work/tree" 2.0.0
new_disk "$work/disk.raw" "$work/tree" series-2 2 -i 32768
publish 2.0.0 2
