#!/bin/bash
# Expressions of deployment templates: how many are evaluated a second, on one thread
# (src/templates/expression_bench.cc). Usage: tools/bench_templates.sh [SECONDS]
set -euo pipefail
exec "$(dirname "$0")/../build/release/bench_expression" "$@"
