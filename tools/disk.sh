# Functions for making bootable BIOS disks without loop devices, mounts or root's block devices.
# Sourced by tiny_image.sh and debian_image.sh; MiB offsets, one ext4 partition, GRUB in the gap
# before it.

die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

# fixed_uuid WORD: always the same UUID for the same word.
fixed_uuid() {
  local hex
  hex=$(printf 'pinaco/%s' "$1" | sha256sum)
  printf '%s-%s-4%s-8%s-%s' "${hex:0:8}" "${hex:8:4}" "${hex:12:3}" "${hex:16:3}" "${hex:20:12}"
}

# begin_disk FILE SIZE_MIB START_MIB GRUB_CONFIG: an MBR disk whose boot sector loads GRUB from the
# gap behind it, and GRUB runs the commands of GRUB_CONFIG. The file system comes later.
begin_disk() {
  local file=$1 size_mib=$2 start_mib=$3 config=$4 grub=/usr/lib/grub/i386-pc core
  core=$(mktemp)
  rm -f "$file"
  truncate -s "${size_mib}M" "$file"
  printf 'label: dos\nlabel-id: 0x50494e41\nstart=%sMiB, type=83, bootable\n' "$start_mib" |
    sfdisk --quiet --no-reread --no-tell-kernel "$file"
  grub-mkimage -O i386-pc -p '(hd0,msdos1)/boot/grub' -c "$config" -o "$core" \
    biosdisk part_msdos ext2 linux serial terminal
  # The boot sector reads one sector from sector 1 on, and that one reads the rest from sector 2
  # on: GRUB's defaults, so nothing needs patching. Bytes 440 on are the partition table's.
  dd if="$grub/boot.img" of="$file" bs=440 count=1 conv=notrunc status=none
  dd if="$core" of="$file" bs=512 seek=1 conv=notrunc status=none
  (($(stat -c %s "$core") < (start_mib << 20) - 512)) || die "GRUB is too large for the gap"
  rm -f "$core"
}

# make_root FILE SIZE_MIB START_MIB WORD [mke2fs options]: the file system of the partition.
make_root() {
  local file=$1 size_mib=$2 start_mib=$3 word=$4 extended
  shift 4
  extended=offset=$((start_mib << 20)),hash_seed=$(fixed_uuid "$word/hash"),root_owner=0:0
  mke2fs -q -F -t ext4 -b 4096 -L root -U "$(fixed_uuid "$word/fs")" -O ^metadata_csum,^64bit \
    -E "$extended,lazy_itable_init=0,lazy_journal_init=0,nodiscard" "$@" \
    "$file" "$(((size_mib - start_mib) * 1024))k"
}

# debugfs_do FILE START_MIB: runs the debugfs commands on standard input; any error fails.
debugfs_do() {
  local errors
  errors=$(debugfs -w -f - "$1?offset=$(($2 << 20))" 2>&1 >/dev/null |
    grep -v '^debugfs [0-9]' | head -n 5 || true)
  [[ -z $errors ]] || die "debugfs: $errors"
}

# put_tree TREE: debugfs commands that create what is in TREE, in the order of names, owned by root.
# debugfs looks names up from where it stands, so it is always led into the folder first.
put_tree() {
  local tree=$1 kind folder name
  find "$tree" -mindepth 1 -printf '%P\t%y\t%h\t%f\n' | LC_ALL=C sort |
  while IFS=$'\t' read -r _ kind folder name; do
    folder=${folder#"$tree"}
    printf 'cd "%s"\n' "${folder:-/}"
    case $kind in
      d) printf 'mkdir "%s"\n' "$name" ;;
      l) printf 'symlink "%s" "%s"\n' "$name" "$(readlink "$tree$folder/$name")" ;;
      f) printf 'write "%s" "%s"\n' "$tree$folder/$name" "$name" ;;
    esac
  done
}
