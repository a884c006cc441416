#!/bin/bash
# docs/routes.md is what the table of routes says.
set -euo pipefail
cd "$(dirname "$0")/../.."
diff -u docs/routes.md <(build/release/pinaco routes) || {
  echo "docs/routes.md is stale: run ./dev routes"
  exit 1
}
