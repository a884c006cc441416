#!/bin/bash
# What an import costs beside a bare prototype ("the floor") and borg, and what the store promises:
#   tools/bench_store.sh [ROUNDS [IMAGES]]
# IMAGES holds base-1.0.0.raw, base-1.1.0.raw, base-1.2.0.raw, base-2.0.0.raw, db-1.0.0.raw.
# Needs a built bench_store (BENCH=path). The floor is taken from FLOOR=floor.cpp when it is there,
# borg when it is installed. Programs alternate, so that a busy machine is busy for all of them.
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-5}
images=${2:-${PINACO_IMAGES:-.cache/images}}
bench=${BENCH:-build/release/bench_store}
floor_source=${FLOOR:-../shared/data/floor.cpp}
image=$images/base-1.0.0.raw
work=$(mktemp -d "${TMPDIR:-/tmp}/bench_store.XXXXXX")
trap 'rm -rf "$work"' EXIT
[ -x "$bench" ] || { echo "no $bench: build it first, or set BENCH" >&2; exit 1; }
if [ ! -e "$image" ]; then
  echo "making the images in $images: some minutes" >&2
  if [ -x ../shared/images/build-images.sh ]; then
    ../shared/images/build-images.sh -o "$images"
  else
    tools/debian_image.sh "$images"
  fi
fi

floor=
if [ -e "$floor_source" ]; then
  floor=$work/floor_program
  g++ -O3 -march=native -std=c++20 "$floor_source" -o "$floor" -lzstd -llz4 -lcrypto -pthread
fi
borg=$(command -v borg || true)
export BORG_BASE_DIR=$work/borg_base BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes
[ -n "$floor" ] || echo "floor: skipped, no $floor_source"
[ -n "$borg" ] || echo "borg: skipped, not installed"

timed() {  # NAME COMMAND...: appends "cpu wall rss" to $work/NAME
  local name=$1
  shift
  /usr/bin/time -a -o "$work/$name" -f '%U %S %e %M' "$@" >"$work/out" 2>"$work/err" ||
    { cat "$work/err" >&2; exit 1; }
}
median() {
  sort -n | awk '{v[NR] = $1} END {print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2}'
}
column() { awk -v n="$2" '{print n == 0 ? $1 + $2 : $n}' "$work/$1" | median; }

cat "$image" >/dev/null  # the same warm cache for all
for _ in $(seq "$rounds"); do
  timed pinaco "$bench" --folder "$work" --imports-only "$image"
  if [ -n "$floor" ]; then
    rm -f "$work"/st.*
    timed floor "$floor" import "$work/st" "$image" 1
    rm -f "$work"/st.*
  fi
  if [ -n "$borg" ]; then
    rm -rf "$work/repo" "$work/borg_base"
    "$borg" init -e none "$work/repo" 2>/dev/null
    timed borg "$borg" create --chunker-params fixed,65536 -C zstd,1 "$work/repo::a" "$image"
    rm -rf "$work/repo"
  fi
done

echo "import of base-1.0.0, medians of $rounds, alternating"
printf '%-8s %8s %8s %9s\n' program 'CPU s' 'wall s' 'peak MiB'
for name in pinaco floor borg; do
  [ -e "$work/$name" ] || continue
  printf '%-8s %8.2f %8.2f %9.0f\n' "$name" "$(column $name 0)" "$(column $name 3)" \
    "$(column $name 4 | awk '{print $1 / 1024}')"
done
ratio() {  # TEXT VALUE BAR
  awk -v text="$1" -v value="$2" -v bar="$3" 'BEGIN {
    printf "%-52s %8.3f  bar %-6s %s\n", text, value, bar, value <= bar ? "held" : "MISSED"
  }'
}
cpu_ratio() { awk -v a="$(column pinaco 0)" -v b="$(column "$1" 0)" 'BEGIN {print a / b}'; }
[ -z "$floor" ] || ratio "CPU, pinaco / floor" "$(cpu_ratio floor)" 1.5
[ -z "$borg" ] || ratio "CPU, pinaco / borg fixed 64 KiB zstd,1" "$(cpu_ratio borg)" 0.8

series=("$images"/base-{1.0.0,1.1.0,1.2.0,2.0.0}.raw)
[ ! -e "$images/db-1.0.0.raw" ] || series+=("$images/db-1.0.0.raw")
"$bench" --folder "$work" "${series[@]}" |
  tee "$work/series"
first=$(awk -F'\t' '$1 == "copy" && $2 == "base-1.0.0.raw" {print $5}' "$work/series")
rebuilt=$(awk -F'\t' '$1 == "copy" && $2 == "base-2.0.0.raw" {print $5}' "$work/series")
ratio "moved for the rebuilt 2.0.0 / stored size of 1.0.0" \
  "$(awk -v a="$rebuilt" -v b="$first" 'BEGIN {print a / b}')" 0.02
found=$(awk -F'\t' '$1 == "dedup" && $2 == "all" {print $4}' "$work/series")
ratio "duplicates missed, share of what a full index finds" \
  "$(awk -v f="$found" 'BEGIN {print 1 - f / 100}')" 0.05
# Again with room for the indexes of 22 packs only: as in a store that is larger than its cache.
found=$("$bench" --folder "$work" --index-cache 4 "${series[@]}" |
  awk -F'\t' '$1 == "dedup" && $2 == "all" {print $4}')
ratio "the same with a cache for 22 packs" \
  "$(awk -v f="$found" 'BEGIN {print 1 - f / 100}')" 0.05
timed sparse "$bench" --folder "$work" --imports-only --synthetic 64
ratio "peak MiB importing a 64 GiB disk with 8 GiB of data" \
  "$(column sparse 4 | awk '{print $1 / 1024}')" 256
