#!/bin/bash
# Compares our NBD server with nbdkit and qemu-nbd over the same file of random bytes: sequential
# GB/s (nbdcopy to null, best of 5), the server's processor seconds for each GiB of that, and 4 KiB
# reads a second, one at a time (best of 3). The servers take turns, so that other work on the
# machine meets all of them. Usage: tools/bench_nbd.sh BENCH_NBD [MIB] [SECONDS]
set -eu
bench=$1 mib=${2:-1024} seconds=${3:-2}
folder=$(mktemp -d)
declare -A pid gbps cpu iops
trap 'kill "${pid[@]}" 2>/dev/null || true; rm -rf "$folder"' EXIT
head -c "${mib}M" /dev/urandom > "$folder/disk"

nbdkit -f -U "$folder/nbdkit" file "$folder/disk" &
pid[nbdkit]=$!
qemu-nbd -r -t -f raw -e 16 --cache=writeback -k "$folder/qemu-nbd" "$folder/disk" &
pid[qemu-nbd]=$!
mkfifo "$folder/input"
"$bench" "$folder/disk" "$folder/pinaco" < "$folder/input" > "$folder/out" &
pid[pinaco]=$!
exec 9> "$folder/input"

ticks() { awk '{print $14 + $15}' "/proc/${pid[$1]}/stat"; }
better() { awk "BEGIN {exit !($1 > $2)}"; }

for turn in 1 2 3 4 5; do
  for name in nbdkit qemu-nbd pinaco; do
    for _ in $(seq 200); do [ -S "$folder/$name" ] && break; sleep 0.05; done
    before=$(ticks $name) start=$(date +%s%N)
    nbdcopy "nbd+unix:///?socket=$folder/$name" null:
    took=$(( $(date +%s%N) - start )) used=$(( $(ticks $name) - before ))
    now=$(awk "BEGIN {printf \"%.2f\", $mib * 1048576 / $took}")
    if better "$now" "${gbps[$name]:-0}"; then gbps[$name]=$now; fi
    now=$(awk "BEGIN {printf \"%.2f\", $used / $(getconf CLK_TCK) * 1024 / $mib}")
    if better "${cpu[$name]:-999}" "$now"; then cpu[$name]=$now; fi
    [ $turn -le 3 ] || continue
    now=$("$bench" load "$folder/$name" "$seconds")
    if better "$now" "${iops[$name]:-0}"; then iops[$name]=$now; fi
  done
done
for name in nbdkit qemu-nbd pinaco; do
  printf '%-9s %5s GB/s sequential, %5s CPU s/GiB, %6s reads/s of 4 KiB at depth 1\n' \
    $name "${gbps[$name]}" "${cpu[$name]}" "${iops[$name]}"
done
