#!/bin/bash
# How many inputs a second a fuzz target runs: prints a whole number.
#
#   rate.sh TARGET PROGRAM OPTIONS SECONDS FOLDER CORPUS FINDINGS
#
# PROGRAM, built with libFuzzer, runs with the options of the file OPTIONS on a
# copy of CORPUS in FOLDER; inputs of the corpus itself do not count. What it
# says is in FOLDER/log. If it finds something, the input is kept in FINDINGS,
# which outlives FOLDER, and the exit code is 1; it is 1 as well if there is no
# rate for another reason.
set -euo pipefail

target=$1 program=$2 options=$3 seconds=$4 folder=$5 corpus=$6 findings=$7
log=$folder/log
here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)

fail() {
  echo "rate: $target: $*" >&2
  exit 1
}

# Keeps the inputs that ended the program.
keep_findings() {
  local artifact kept=no
  for artifact in "$folder/$target/artifacts"/*; do
    [[ -e $artifact ]] || continue
    mkdir -p "$findings"
    cp -- "$artifact" "$findings/"
    kept=yes
    printf 'rate: %s: a finding; again: ./vuser fuzz %s %q\n' "$target" \
      "$target" "$findings/${artifact##*/}" >&2
  done
  [[ $kept == yes ]] ||
    echo "rate: $target: no input was left behind" >&2
}

mapfile -t seeds < <(find "$corpus" -type f)
[[ ${#seeds[@]} -gt 0 ]] || fail "there is no input in $corpus"
words=$("$here/run.sh" "$target" "$program" --options="$options" \
  --seeds "${seeds[@]}" -- --print --clean --timeout_secs="$seconds" \
  --fuzzing_output_root="$folder" -seed=1 -print_final_stats=1) ||
  fail "run.sh names no command"
mapfile -t command <<<"$words"
code=0
(cd "$folder/$target" && env -u ASAN_OPTIONS -u LSAN_OPTIONS -u UBSAN_OPTIONS \
  VUSER_LIFE_COUNT=1 "${command[@]}") \
  >"$log" 2>&1 || code=$?
if [[ $code != 0 ]]; then
  tail -20 "$log" >&2
  keep_findings
  fail "it ended with code $code; no rate"
fi
awk '/INITED/ { sub("#", "", $1); before = $1 }
  /number_of_executed_units/ { runs = $2; known = 1 }
  /^Done .* in .* second/ { seconds = $5 }
  END {
    if (!known) exit 1
    printf "%.0f\n", (runs - before) / (seconds > 0 ? seconds : 1)
  }' "$log" || {
  tail -20 "$log" >&2
  fail "it does not say how many inputs it ran; no rate"
}
