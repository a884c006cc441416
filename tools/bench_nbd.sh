#!/bin/bash
# Compares our NBD server with nbdkit and qemu-nbd over the same file: sequential GB/s (nbdcopy to
# null and to a file in memory) and 4 KiB reads a second, one at a time. Usage: tools/bench_nbd.sh BENCH_NBD [MIB] [SECONDS]
set -eu
bench=$1 mib=${2:-2048} seconds=${3:-3}
folder=$(mktemp -d) pids=
trap 'kill $pids 2>/dev/null || true; rm -rf "$folder"' EXIT
head -c "${mib}M" /dev/urandom > "$folder/disk"

measure() {  # name socket
  for _ in $(seq 200); do [ -S "$2" ] && break; sleep 0.05; done
  local uri="nbd+unix:///?socket=$2" best=0
  for _ in 1 2 3; do
    local start=$(date +%s%N)
    nbdcopy "$uri" null:
    local took=$(( $(date +%s%N) - start ))
    best=$(awk "BEGIN {g = $mib * 1048576 / $took; print (g > $best) ? g : $best}")
  done
  printf '%-10s %6.2f GB/s sequential  %8s reads/s of 4 KiB at depth 1\n' "$1" "$best" \
    "$("$bench" load "$2" "$seconds")"
}

nbdkit -f -U "$folder/nbdkit" file "$folder/disk" & pids="$pids $!"
measure nbdkit "$folder/nbdkit"
qemu-nbd -r -t -f raw -e 16 --cache=writeback -k "$folder/qemu" "$folder/disk" & pids="$pids $!"
measure qemu-nbd "$folder/qemu"
mkfifo "$folder/input"
"$bench" "$folder/disk" "$folder/pinaco" < "$folder/input" > "$folder/out" & pids="$pids $!"
exec 9> "$folder/input"
measure pinaco "$folder/pinaco"
