#!/bin/bash
# Passes only if a test notices a bug.
#
#   judge.sh ID SECONDS ORIGINAL PATCHED [FILTER]
#
# ORIGINAL, a GoogleTest program, has to pass with the filter; PATCHED, the same
# program with the bug in it, has to fail: by a test that fails, by a crash, or
# by running for longer than SECONDS. The last line tells how it was caught.
set -uo pipefail

id=$1 limit=$2 original=$3 patched=$4 filter=${5:-}
readonly id limit original patched filter

# What Bazel tells a test about its report is not meant for these programs.
unset XML_OUTPUT_FILE TEST_PREMATURE_EXIT_FILE
unset TEST_SHARD_INDEX TEST_TOTAL_SHARDS TEST_SHARD_STATUS_FILE TESTBRIDGE_TEST_ONLY
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Nothing can be said about the test.
broken() {
  cat "$log"
  echo "$id: error: $*"
  exit 2
}

run() {
  local options=()
  [[ -z $filter ]] || options+=("--gtest_filter=$filter")
  timeout --kill-after=5 "$limit" "$1" "${options[@]}" >"$log" 2>&1 </dev/null
}

# How many tests there were with an outcome: RUN, OK or FAILED.
count() { grep -cE "^\[ +$1 +\] [^ ]+\.[^ ]+( |\$)" "$log"; }

# The test that began and did not end.
unfinished() {
  awk '/^\[ RUN /{ name = $4 } /^\[ +(OK|FAILED|SKIPPED) /{ name = "" }
       END { print name == "" ? "the program" : name }' "$log"
}

: >"$log"
for program in "$original" "$patched"; do
  [[ -x $program ]] || broken "$program cannot be started"
done

code=0
run "$original" || code=$?
[[ $code == 0 ]] ||
  broken "the test fails without the bug (exit code $code): mend it first"
[[ $(count OK) -gt 0 ]] ||
  broken "no test ran: '$filter' matches none, or all are skipped here"

code=0
run "$patched" || code=$?
failed=$(awk '/^\[  FAILED  \] [^ ]+\.[^ ]+/{ sub(/,$/, "", $4); print $4; exit }' \
  "$log")
case $code in
  0)
    cat "$log"
    echo "$id: NOT CAUGHT: every test of $original passes with the bug"
    exit 1
    ;;
  124 | 137) echo "$id: caught by $(unfinished) (runs for more than $limit s)" ;;
  126 | 127) broken "$patched cannot be started" ;;
  *)
    if [[ -n $failed ]]; then
      echo "$id: caught by $failed (failed)"
    elif [[ $code -gt 128 ]]; then
      echo "$id: caught by $(unfinished) (signal $((code - 128)))"
    elif grep -qE '^(==[0-9]+==)?(ERROR|SUMMARY|WARNING): .*Sanitizer' "$log"; then
      echo "$id: caught by $(unfinished) (sanitizer)"
    else
      broken "ends with exit code $code, and no test failed"
    fi
    ;;
esac
