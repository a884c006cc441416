#!/bin/bash
# docs/compatibility.md is what the table of routes says.
set -euo pipefail
cd "$(dirname "$0")/../.."
diff -u docs/compatibility.md <(build/release/pinaco routes) || {
  echo "docs/compatibility.md is stale: run ./dev routes"
  exit 1
}
