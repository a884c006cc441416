# Runs tests of any kind and adds up how they ended. Sourced by ./dev.
#
# A test is a command: status 0 passes, 77 skips (a failure when CI is set: there, a missing tool
# must not pass for a test that ran), anything else fails. One whose last line says
# "N passed, N failed" counts for as many.

passed=0 failed=0 skipped=0
failures=()
test_seconds_max=${TEST_SECONDS_MAX:-1500}

note() { printf '\n== %s\n' "$*"; }

# run_test NAME COMMAND...
run_test() {
  local name=$1 log status=0 start=$SECONDS
  shift
  log=$(mktemp)
  note "$name"
  timeout -k 10 "$test_seconds_max" "$@" 2>&1 </dev/null | tee "$log" || status=${PIPESTATUS[0]}
  count_test "$name" "$status" "$log" $((SECONDS - start))
  rm -f "$log"
}

# count_test NAME STATUS LOG SECONDS: what it came to.
count_test() {
  local name=$1 status=$2 log=$3 seconds=$4 last skips
  last=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$log" | tail -n 1 || true)
  case $status in
    0) ;;
    77) skips=1 ;;
    124 | 137) echo "took more than $test_seconds_max s" ;;
  esac
  if [[ -n $last ]]; then
    add_counts "$name" "$status" $last
  elif ((status == 0)); then
    passed=$((passed + 1))
    echo "-- $name passed in $seconds s"
  elif [[ -n ${skips:-} && -z ${CI:-} ]]; then
    skipped=$((skipped + 1))
    echo "-- $name SKIPPED"
  else
    failed=$((failed + 1))
    failures+=("$name (status $status)")
    echo "-- $name FAILED (status $status)"
  fi
}

# run_tests_beside N SCRIPT...: as run_test of each, N at a time; what each printed comes whole, in
# their order. Of scripts with guests (machine_steps.sh) one at a time: a guest takes a processor.
run_tests_beside() {
  local at_once=$1 folder next index result seconds printed=0 running=0 guests=0 ended
  shift
  local -a scripts=("$@") results=() pids=()
  folder=$(mktemp -d)
  mkfifo "$folder/ended"
  exec {ended}<>"$folder/ended"
  trap 'kill "${pids[@]}" 2>/dev/null; rm -rf "$folder"; exit 130' INT TERM
  for index in "${!scripts[@]}"; do
    ! grep -q machine_steps.sh "${scripts[index]}" || touch "$folder/$index.guests"
  done
  while ((printed < ${#scripts[@]})); do
    while ((running < at_once)) && next=$(next_beside "$folder" "${#scripts[@]}" "$guests"); do
      [[ ! -e $folder/$next.guests ]] || guests=1
      touch "$folder/$next.begun"
      run_beside "${scripts[next]}" "$folder/$next.log" "$next" >&"$ended" &
      pids[next]=$! running=$((running + 1))
    done
    # A job that ended is not always one that `wait -n` still knows.
    read -r -t $((test_seconds_max + 60)) index result seconds <&"$ended" ||
      { echo "scripts did not end"; exit 1; }
    unset "pids[index]"
    running=$((running - 1)) results[index]="$result $seconds"
    [[ ! -e $folder/$index.guests ]] || guests=0
    while [[ -n ${results[printed]:-} ]]; do
      read -r result seconds <<<"${results[printed]}"
      note "${scripts[printed]}"
      cat "$folder/$printed.log"
      count_test "${scripts[printed]}" "$result" "$folder/$printed.log" "$seconds"
      printed=$((printed + 1))
    done
  done
  exec {ended}<&-
  trap - INT TERM
  rm -rf "$folder"
}

# next_beside FOLDER COUNT GUESTS: the number of the script to begin; those with guests take longest
# and go first, if none of them runs.
next_beside() {
  local index first=''
  for ((index = 0; index < $2; index++)); do
    [[ ! -e $1/$index.begun ]] || continue
    if [[ ! -e $1/$index.guests ]]; then
      first=${first:-$index}
    elif (($3 == 0)); then
      first=$index
      break
    fi
  done
  [[ -n $first ]] && echo "$first"
}

# run_beside SCRIPT LOG INDEX: prints "INDEX STATUS SECONDS" at its end.
run_beside() {
  local job status=0 start=$SECONDS
  trap 'kill "$job" 2>/dev/null' TERM
  timeout -k 10 "$test_seconds_max" "$1" >"$2" 2>&1 </dev/null &
  job=$!
  wait "$job" || status=$?
  echo "$3 $status $((SECONDS - start))"
}

# add_counts NAME STATUS N passed, N failed[, N skipped]
add_counts() {
  local name=$1 status=$2 good=$3 bad=$5 left=${7:-0}
  ((status == 0 || bad > 0)) || bad=1
  passed=$((passed + good)) failed=$((failed + bad)) skipped=$((skipped + left))
  ((bad == 0)) || failures+=("$name ($bad)")
}

# run_ctest PRESET [FILTER]: the unit tests of a build.
run_ctest() {
  local preset=$1 filter=${2:-.} report status=0 counts
  report=$(mktemp)
  note "unit tests, $preset"
  ctest --test-dir "build/$preset" --output-on-failure -j "$jobs" -R "$filter" --timeout 300 \
    --no-tests=ignore --output-junit "$report" || status=$?
  counts=$(python3 - "$report" <<'END'
import sys, xml.etree.ElementTree
suite = xml.etree.ElementTree.parse(sys.argv[1]).getroot()
total, bad, skips = (int(suite.get(k, 0)) for k in ("tests", "failures", "skipped"))
skips += int(suite.get("disabled", 0))
print(f"{total - bad - skips} passed, {bad} failed, {skips} skipped")
END
  ) || counts="0 passed, 1 failed"
  rm -f "$report"
  add_counts "unit tests, $preset" "$status" $counts
}

# need NAME TOOL...: whether the tools are there; loud when not.
need() {
  local name=$1 tool
  shift
  for tool in "$@"; do
    command -v "$tool" >/dev/null && continue
    run_test "$name" bash -c "echo 'SKIPPED: $tool is missing (./dev setup)'; exit 77"
    return 1
  done
}

# The closing line, and the exit code.
close_counts() {
  local line
  for line in "${failures[@]}"; do echo "FAILED: $line"; done
  printf '%d passed, %d failed' "$passed" "$failed"
  ((skipped == 0)) || printf ', %d skipped' "$skipped"
  printf '\n'
  ((failed == 0))
}
