#!/bin/bash
# Runs one libFuzzer target for a while, with address and undefined-behaviour sanitizers. What it
# learns stays in .cache/fuzz/NAME; an input that breaks it is left there as crash-*.
set -euo pipefail
cd "$(dirname "$0")/.."
name=${1:-} seconds=${2:-60}
source=$(find src -name "${name:-none}_fuzz.cc")
if [[ -z $source || ! $seconds =~ ^[0-9]+$ ]]; then
  echo "usage: ./dev fuzz NAME [SECONDS], where NAME is one of:" >&2
  find src -name '*_fuzz.cc' | sed 's/.*\/\(.*\)_fuzz\.cc/  \1/' | sort >&2
  exit 2
fi
command -v clang++-19 >/dev/null || { echo "clang++-19 is missing: ./dev setup" >&2; exit 1; }

# fuzzer-no-link: the libraries report their coverage, too.
cmake -G Ninja -S . -B build/fuzz -DCMAKE_CXX_COMPILER=clang++-19 -DCMAKE_BUILD_TYPE=Sanitize \
  -DPINACO_FUZZ=ON -DPINACO_SANITIZE=address,undefined \
  -DCMAKE_CXX_FLAGS=-fsanitize=fuzzer-no-link >/dev/null
cmake --build build/fuzz -j "${JOBS:-$(nproc)}" --target "fuzz_$name"
corpus=.cache/fuzz/$name
mkdir -p "$corpus"
exec "build/fuzz/fuzz_$name" -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=10 \
  -print_final_stats=1 -artifact_prefix="$corpus/" "$corpus"
