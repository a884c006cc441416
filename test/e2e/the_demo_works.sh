#!/bin/bash
# ./dev demo --quick: push three versions of a tiny image and boot the last in another region.
set -euo pipefail
cd "$(dirname "$0")/../.."
exec tools/demo.sh --quick --exit --no-setup
