#!/bin/bash
# Many versions in one gallery, made, listed, looked up and counted over HTTPS on SQLite:
# src/app/model_bench.cc, which says what a version is there. Usage: tools/bench_model.sh [VERSIONS]
set -euo pipefail
exec "$(dirname "$0")/../build/release/bench_model" "$@"
