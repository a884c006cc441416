#!/bin/bash
# Makes a Debian disk that works like Azure's own images: cloud-init with the Azure data source,
# waagent and openssh as Debian ships them, a serial console. It boots with BIOS and with UEFI (shim
# and GRUB signed), generalized: whom to become it is told at its first start.
#
#   1 MiB   14  BIOS boot partition: GRUB
#   4 MiB   15  EFI system partition
#   36 MiB   1  ext4, the rest of 4 GiB; about 500 MiB are allocated
#
# Needs root (chroot) but no loop device or mount; about 2 minutes on 2 cores. The finished disk is
# kept in .cache/azure/; a changed script makes it anew. The same packages give the same bytes.
set -euo pipefail
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive
export SOURCE_DATE_EPOCH=1735689600 E2FSPROGS_FAKE_TIME=1735689600
umask 022
here=$(cd "$(dirname "$0")" && pwd)
. "$here/disk.sh"
. "$here/debian_tree.sh"
disk_mib=4096 root_mib=36
packages='linux-image-cloud-amd64 systemd-sysv systemd-resolved udev dbus kmod iproute2 procps
  openssh-server cloud-init cloud-guest-utils waagent sudo ca-certificates python3 zstd'

out=${1:-}
[[ -n $out && $# == 1 ]] || die "usage: ${0##*/} OUT.raw"
for tool in debootstrap mkfs.vfat mcopy sfdisk grub-mkimage mke2fs; do
  command -v $tool >/dev/null || die "$tool is missing; ./dev setup installs it"
done
folder=${PINACO_CACHE:-$here/../.cache}/azure
mkdir -p "$folder"
folder=$(realpath "$folder")
exec {turn}>"$folder/lock"
flock "$turn"
made=$folder/$(cat "$0" "$here/disk.sh" "$here/debian_tree.sh" | sha256sum | cut -c 1-16).raw

# Only what the build needed, and what a new machine must make for itself, goes: it is taken for
# the same machine as others otherwise.
finish() {  # TREE
  rm -f "$1/usr/sbin/policy-rc.d" "$1/etc/apt/apt.conf.d/00build" "$1"/etc/ssh/ssh_host_* \
    "$1/var/lib/dbus/machine-id" "$1/etc/resolv.conf.bak" "$1/var/lib/systemd/random-seed"
  rm -rf "$1"/var/cache/apt/*.bin "$1"/var/lib/apt/lists/*_* "$1"/var/log/*.log "$1"/var/log/apt/* \
    "$1/var/cache/ldconfig/aux-cache" "$1"/var/cache/debconf/*-old "$1"/var/lib/dpkg/*-old \
    "$1"/usr/share/{doc,man,info,locale}/* "$1"/tmp/* "$1/var/lib/cloud"
  : >"$1/etc/machine-id"
  ln -sf ../run/systemd/resolve/stub-resolv.conf "$1/etc/resolv.conf"
}

make_tree() {  # TREE
  local tree=$1
  first_tree "$tree"
  echo "UUID=$(fixed_uuid azure/fs) / ext4 errors=remount-ro 0 1" >"$tree/etc/fstab"
  echo localhost >"$tree/etc/hostname"
  printf '127.0.0.1 localhost\n' >"$tree/etc/hosts"
  add_packages "$tree" $packages
  # Keys of one kind, for emulated processors; NoCloud is only taken when there is a disc of it.
  cat >"$tree/etc/cloud/cloud.cfg.d/90-azure.cfg" <<'END'
datasource_list: [ NoCloud, Azure, None ]
manage_etc_hosts: true
ssh_genkeytypes: [ ed25519 ]
locale: "false"
END
  inside "$tree" systemctl enable systemd-networkd systemd-resolved ssh
  inside "$tree" systemctl disable apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer
  finish "$tree"
}

# What is booted, as GRUB's commands.
boot_commands() {
  cat <<END
search --no-floppy --fs-uuid --set=root $(fixed_uuid azure/fs)
linux /vmlinuz root=UUID=$(fixed_uuid azure/fs) ro console=tty0 console=ttyS0,115200 \
net.ifnames=0 loglevel=4 no_timer_check
initrd /initrd.img
boot
END
}

partitions() {
  local efi=C12A7328-F81F-11D2-BA4B-00A0C93EC93B bios=21686148-6449-6E6F-744E-656564454649
  local root=0FC63DAF-8483-4772-8E79-3D69D8477DE4
  printf 'label: gpt\nlabel-id: %s\n' "$(fixed_uuid azure/disk)"
  printf '14: start=1MiB, size=3MiB, type=%s, uuid=%s\n' $bios "$(fixed_uuid azure/14)"
  printf '15: start=4MiB, size=32MiB, type=%s, uuid=%s\n' $efi "$(fixed_uuid azure/15)"
  printf '1: start=%dMiB, type=%s, uuid=%s\n' $root_mib $root "$(fixed_uuid azure/1)"
}

# GRUB's boot sector, told that its core is in the partition at 1 MiB (sector 0x800).
put_bios() {  # FILE
  local grub=/usr/lib/grub/i386-pc core=$work/core.img
  boot_commands >"$work/grub.cfg"
  grub-mkimage -O i386-pc -p '(hd0,gpt1)/boot/grub' -c "$work/grub.cfg" -o "$core" \
    biosdisk part_gpt ext2 linux search_fs_uuid
  (($(stat -c %s "$core") < 3 << 20)) || die "GRUB is too large for its partition"
  dd if=$grub/boot.img of="$1" bs=440 count=1 conv=notrunc status=none
  dd if="$core" of="$1" bs=1M seek=1 conv=notrunc status=none
  printf '\x00\x08' | dd of="$1" bs=1 seek=$((0x5c)) conv=notrunc status=none
  printf '\x01\x08' | dd of="$1" bs=1 seek=$(((1 << 20) + 500)) conv=notrunc status=none
}

put_efi() {  # FILE
  local efi=$work/efi.img debs=$work/debs package
  mkdir "$debs"
  for package in shim-signed shim-helpers-amd64-signed grub-efi-amd64-signed; do
    (cd "$debs" && apt-get -q -o APT::Sandbox::User=root download $package >>"$log")
  done
  for package in "$debs"/*.deb; do dpkg-deb -x "$package" "$debs"; done
  truncate -s 32M "$efi"
  mkfs.vfat --invariant -n EFI "$efi" >>"$log"
  boot_commands >"$work/grub.cfg"
  touch -d @$SOURCE_DATE_EPOCH "$work/grub.cfg"
  mmd -i "$efi" ::/EFI ::/EFI/BOOT ::/EFI/debian
  mcopy -m -i "$efi" "$debs/usr/lib/shim/shimx64.efi.signed" ::/EFI/BOOT/BOOTX64.EFI
  mcopy -m -i "$efi" "$debs/usr/lib/shim/mmx64.efi.signed" ::/EFI/BOOT/mmx64.efi
  mcopy -m -i "$efi" "$debs/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed" \
    ::/EFI/BOOT/grubx64.efi
  mcopy -m -i "$efi" "$work/grub.cfg" ::/EFI/debian/grub.cfg
  dd if="$efi" of="$1" bs=1M seek=4 conv=notrunc,sparse status=none
}

if [[ ! -s $made ]]; then
  work=$(mktemp -d "$folder/work.XXXXXX")
  trap 'rm -rf --one-file-system "$work"' EXIT
  : >"$folder/build.log"
  open_trees "$folder/packages" "$folder/build.log"
  make_tree "$work/tree"
  find "$work/tree" -newermt @$SOURCE_DATE_EPOCH -exec touch -h -d @$SOURCE_DATE_EPOCH {} +
  part=$work/disk.raw
  truncate -s ${disk_mib}M "$part"
  partitions | sfdisk --quiet --no-reread --no-tell-kernel "$part"
  put_bios "$part"
  put_efi "$part"
  make_root "$part" $((disk_mib - 1)) $root_mib azure -d "$work/tree"
  # mke2fs leaves the time at which a file got its last attribute.
  find "$work/tree" -printf 'sif "/%P" ctime @'$SOURCE_DATE_EPOCH'\n' | debugfs_do "$part" $root_mib
  e2fsck -fn "$part?offset=$((root_mib << 20))" >>"$log" 2>&1 || die "e2fsck: see $log"
  rm -f "$folder"/*.raw
  cp --sparse=always "$part" "$made.part"
  mv "$made.part" "$made"
fi
cp --sparse=always "$made" "$out.part"
mv "$out.part" "$out"
