#!/bin/bash
# What access control costs a GET of an image version, beside the same GET with no check at all, in
# one run: src/app/access_bench.cc. Usage: tools/bench_access.sh [ROUNDS]
set -euo pipefail
exec "$(dirname "$0")/../build/release/bench_access" "$@"
