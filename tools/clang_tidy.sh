#!/bin/bash
# clang-tidy over the files that differ from the main branch that this work is based on (or from the
# last commit), or with --all over all. Needs build/release/compile_commands.json. What was found
# clean is remembered in .cache/clang-tidy by content, headers included.
set -euo pipefail
cd "$(dirname "$0")/.."
database=build/release/compile_commands.json
clean=.cache/clang-tidy
[[ -e $database ]] || { echo "no $database; run ./dev build" >&2; exit 1; }
mkdir -p "$clean"
# The build's precompiled headers are the compiler's own, so clang reads their text instead; and it
# does not know all of the warnings that are off.
sed -E 's/ -Winvalid-pch| -Wno-[^ "]+//g; s/ -include /-Wno-ignored-gch&/; s/-Wno-ignored-gch/ &/' \
  "$database" \
  >"$clean/compile_commands.json"

changed() {
  local base
  base=$(git merge-base HEAD origin/main 2>/dev/null || true)
  if [[ -z $base || $base == "$(git rev-parse HEAD)" ]]; then
    base=$(git rev-parse -q --verify HEAD~1 || true)
  fi
  if [[ -z $base ]]; then
    find src -name '*.cc'
  else
    git diff --name-only --diff-filter=d "$base" -- 'src/*.cc'
    git ls-files -o --exclude-standard 'src/*.cc'
  fi
}

# Fuzz targets are not in the build that the database describes.
if [[ ${1:-} == --all ]]; then find src -name '*.cc'; else changed; fi |
  grep -v '_fuzz\.cc$' | LC_ALL=C sort -u >"$clean/files" || true
headers=$(cat .clang-tidy $(find src -name '*.h' | LC_ALL=C sort) | sha256sum | cut -c 1-64)

one() {
  local file=$1 stamp start=$SECONDS
  stamp=$clean/$(printf '%s %s\n' "$headers" "$(sha256sum "$file")" | sha256sum | cut -c 1-64)
  [[ ! -e $stamp ]] || return 0
  clang-tidy-19 --quiet -p "$clean" "$file" 2>/dev/null || return 1
  touch "$stamp"
}
export -f one
export clean headers

echo "clang-tidy: $(wc -l <"$clean/files") files"
xargs -a "$clean/files" -r -P "${JOBS:-$(nproc)}" -I{} bash -c 'one {}'
