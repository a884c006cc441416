#!/bin/bash
# A disk pushed as raw, VHD (both kinds) or QCOW2 (plain and compressed) comes back bit for bit in
# every format, and has one image digest.
. "$(dirname "$0")/../server.sh"
command -v qemu-img >/dev/null || skip "qemu-img is missing"
random_disk "$work/disk.raw" 48 1
start_server

convert() { qemu-img convert -f raw -O "$1" ${2:+-o "$2"} ${4:-} "$work/disk.raw" "$work/$3"; }
convert vpc subformat=fixed,force_size=on fixed.vhd
convert vpc subformat=dynamic,force_size=on dynamic.vhd
convert qcow2 '' plain.qcow2
convert qcow2 compression_type=zstd packed.qcow2 -c

number=0 digests=''
for file in disk.raw fixed.vhd dynamic.vhd plain.qcow2 packed.qcow2; do
  version=1.0.$number number=$((number + 1))
  "$pinaco" push "$work/$file" --gallery g --definition d --version $version
  "$pinaco" pull g/d/$version -f "$work/back.raw"
  cmp "$work/disk.raw" "$work/back.raw" || fail "$file came back different"
  rm "$work/back.raw"
  digests+=$("$pinaco" show g/d/$version -o json | jq -r '.. | .imageDigest? // empty' | head -n 1)
  digests+=$'\n'
done
(($(sort -u <<<"${digests%$'\n'}" | wc -l) == 1)) || fail "several digests: $digests"

for format in vhd:vpc qcow2:qcow2; do
  "$pinaco" pull g/d -f "$work/back.${format%:*}" --format "${format%:*}"
  qemu-img compare -f raw -F "${format#*:}" "$work/disk.raw" "$work/back.${format%:*}"
done
