#!/bin/bash
# Shows that a fuzz target finds a bug that was planted for it, from nothing.
#
#   canary.sh TARGET ENGINE CANARY RUNS FINDING OPTIONS [DICTIONARY]
#
# CANARY is TARGET with the bug; ENGINE is without it. From an empty corpus and
# seed 1, with the options that the target fuzzes with, CANARY has to end within
# RUNS inputs with a line that matches FINDING, and ENGINE must run as many
# without any.
set -euo pipefail

target=$1 engine=$2 canary=$3 runs=$4 finding=$5 options=$6
dictionary=("${@:7:1}")
folder=$(mktemp -d -p "$TEST_TMPDIR")
trap 'rm -rf "$folder"' EXIT

# Makes the folder $1 for the program $2, and sets `command`.
prepare() {
  local words
  words=$(fuzz/run.sh "$target" "$2" "${dictionary[@]/#/--dict=}" \
    --options="$options" --seeds -- --empty --print \
    --fuzzing_output_root="$folder/$1" -seed=1 -runs="$runs" \
    -print_final_stats=1) || exit 1
  mapfile -t command <<<"$words"
}

# Addresses that are compared find their way into inputs: where the machine lets
# us have the same ones each time, each run takes nearly the same way.
fixed=()
! setarch --addr-no-randomize true 2>/dev/null ||
  fixed=(setarch --addr-no-randomize)

fuzz() {
  (cd "$folder/$1/$target" && "${fixed[@]}" "${command[@]}") \
    >"$folder/$1.log" 2>&1
}

# How many inputs it took; libFuzzer tells of those that it keeps.
inputs_of() {
  sed -n 's/^stat::number_of_executed_units: *//p' "$folder/$1.log" | tail -1
}

prepare canary "$canary"
if fuzz canary; then
  echo "$target: $runs inputs did not find the planted bug" >&2
  tail -3 "$folder/canary.log" >&2
  exit 1
fi
if ! grep -aqE "$finding" "$folder/canary.log"; then
  echo "$target: something else was found than \"$finding\":" >&2
  tail -40 "$folder/canary.log" >&2
  exit 1
fi
found=$(inputs_of canary)
[[ $found =~ ^[1-9][0-9]*$ ]] || {
  echo "$target: the program with the planted bug does not say how many inputs" \
    "it ran" >&2
  exit 1
}
echo "$target: found after $found of at most $runs inputs:" \
  "$(grep -m1 -aE "$finding" "$folder/canary.log")"
prepare engine "$engine"
if ! fuzz engine; then
  echo "$target: something is found without the planted bug, too:" >&2
  tail -40 "$folder/engine.log" >&2
  exit 1
fi
ran=$(inputs_of engine)
[[ ${ran:-0} -ge $runs ]] || {
  echo "$target: without the planted bug ${ran:-0} of $runs inputs were run" >&2
  exit 1
}
echo "$target: nothing in $ran inputs without it"
