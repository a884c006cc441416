#!/bin/bash
# Makes a tiny disk that boots: Debian's cloud kernel and busybox, 64 MiB, BIOS, a serial console
# that ends at "pinaco login:" (root, no password). It comes in versions like a real image series:
#
#   1.0.0   the first
#   1.1.0   1.0.0 changed in place: a web page more, another version
#   2.0.0   the files of 1.1.0 on a disk made anew: other identifiers, offsets and layout
#
# The same packages give the same bytes. Needs no root, loop device or mount; downloads the kernel's
# package once into .cache/.
set -euo pipefail
export LC_ALL=C E2FSPROGS_FAKE_TIME=1700000000 SOURCE_DATE_EPOCH=1700000000
umask 022
here=$(cd "$(dirname "$0")" && pwd)
. "$here/disk.sh"
cache=${PINACO_CACHE:-$here/../.cache}/tiny
disk_mib=64
modules='virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk'

usage() { echo "usage: ${0##*/} OUT.raw [1.0.0|1.1.0|2.0.0]" >&2; exit 2; }
out=${1:-} version=${2:-1.0.0}
[[ -n $out && $# -le 2 ]] || usage
case $version in
  1.*) start_mib=1 word=tiny-1 options=(-i 16384) ;;
  2.0.0) start_mib=2 word=tiny-2 options=(-i 8192 -g 8192) ;;
  *) usage ;;
esac
[[ $version == 1.[01].0 || $version == 2.0.0 ]] || usage

# The newest cloud kernel of this machine's apt sources, unpacked in the cache.
get_kernel() {
  local package file
  package=$(apt-cache depends linux-image-cloud-amd64 |
    sed -n 's/.*Depends: \(linux-image-[^ ]*\)$/\1/p')
  [[ -n $package ]] || die "no linux-image-cloud-amd64 in the package lists; run apt-get update"
  kernel=$cache/$package
  [[ ! -d $kernel ]] || return 0
  mkdir -p "$cache"
  rm -rf "$cache/part"
  mkdir "$cache/part"
  (cd "$cache/part" && apt-get -q -o APT::Sandbox::User=root download "$package" >/dev/null)
  file=$(echo "$cache"/part/*.deb)
  dpkg-deb -x "$file" "$cache/part/root"
  mv "$cache/part/root" "$kernel"
  rm -rf "$cache/part"
}

install_busybox() {  # DIR: busybox under the names that these scripts use
  local name
  mkdir -p "$1"/{bin,dev,etc,proc,sys,tmp,root,mnt}
  cp "$(command -v busybox)" "$1/bin/busybox"
  for name in sh cat dd echo getty halt hostname init insmod login ls mount poweroff ps reboot \
    sha256sum switch_root; do
    ln -s busybox "$1/bin/$name"
  done
}

# The first stage: only what finds the root file system on the first virtio disk.
make_initrd() {  # OUT
  local tree=$work/initrd module
  install_busybox "$tree"
  for module in $modules; do
    cp "$(find "$kernel/lib/modules" -name "$module.ko")" "$tree/$module.ko"
  done
  cat >"$tree/init" <<END
#!/bin/sh
mount -t devtmpfs dev /dev
for module in $modules; do insmod /\$module.ko; done
if ! mount -t ext4 -o ro /dev/vda1 /mnt; then
  echo "tiny image: no root file system on the first virtio disk"
  poweroff -f
fi
mount --move /dev /mnt/dev
exec switch_root /mnt /bin/init
END
  chmod 755 "$tree/init"
  find "$tree" -exec touch -h -d @$SOURCE_DATE_EPOCH {} +
  (cd "$tree" && find . -print0 | sort -z | cpio -0 -o -H newc -R 0:0 --reproducible --quiet) |
    gzip -n -1 >"$1"
}

make_tree() {  # the root file system of 1.0.0
  local tree=$work/tree folder
  install_busybox "$tree"
  mkdir -p "$tree/boot" "$tree/srv"
  cp "$kernel"/boot/vmlinuz-* "$tree/boot/vmlinuz"
  make_initrd "$tree/boot/initrd"
  # Weight like that of a real system: modules that nothing here loads.
  for folder in fs drivers/virtio drivers/block; do
    mkdir -p "$tree/lib/modules/$folder"
    cp -r "$kernel"/lib/modules/*/kernel/$folder/. "$tree/lib/modules/$folder"
  done
  echo 'root::0:0:root:/root:/bin/sh' >"$tree/etc/passwd"
  echo 'root:x:0:' >"$tree/etc/group"
  cat >"$tree/etc/inittab" <<'END'
::sysinit:/etc/rc
ttyS0::respawn:/bin/getty -L -I "" ttyS0 115200 vt100
::ctrlaltdel:/bin/reboot
END
  cat >"$tree/etc/rc" <<'END'
#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs tmp /tmp
hostname pinaco
echo "PINACO-BOOT-OK tiny $(cat /etc/version)"
END
  chmod 755 "$tree/etc/rc"
  write_version "$tree" 1.0.0
}

write_version() {  # TREE VERSION
  mkdir -p "$1/etc" "$1/srv"
  echo "$2" >"$1/etc/version"
  printf 'Pinaco tiny image %s\n\n' "$2" >"$1/etc/issue"
  [[ $2 == 1.0.0 ]] || echo "<h1>pinaco</h1>" >"$1/srv/index.html"
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
get_kernel
make_tree
cat >"$work/grub.cfg" <<'END'
serial --unit=0 --speed=115200
terminal_output serial
linux (hd0,msdos1)/boot/vmlinuz console=ttyS0 no_timer_check quiet panic=-1 tsc=reliable
initrd (hd0,msdos1)/boot/initrd
boot
END
[[ $version != 2.0.0 ]] || write_version "$work/tree" 2.0.0
part=$work/disk.raw
begin_disk "$part" $disk_mib $start_mib "$work/grub.cfg"
make_root "$part" $disk_mib $start_mib $word "${options[@]}"
put_tree "$work/tree" | debugfs_do "$part" $start_mib
if [[ $version == 1.1.0 ]]; then
  write_version "$work/change" 1.1.0
  {
    printf 'rm /etc/version\nrm /etc/issue\n'
    put_tree "$work/change" | grep -v ^mkdir
  } | debugfs_do "$part" $start_mib
fi
e2fsck -fn "$part?offset=$((start_mib << 20))" >"$work/fsck" 2>&1 || die "$(cat "$work/fsck")"
cp --sparse=always "$part" "$out.part"
mv "$out.part" "$out"
