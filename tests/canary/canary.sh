#!/bin/bash
# A planted bug is found by chance and made short: canary.sh KIND VUSER PATCHED.
# PATCHED is `vuser` with the bug: it has to find a failing seed among the first
# 2000, shrink it to at most 10 operations, and fail on what is left, which
# VUSER, without the bug, has to pass.
set -uo pipefail

kind=$1 vuser=$2 patched=$3
readonly kind vuser patched seeds=2000 most=10
script=$(mktemp) log=$(mktemp)
trap 'rm -f "$script" "$log"' EXIT

fail() {
  cat "$log"
  echo "$kind: $*"
  exit 1
}

code=0
"$patched" simulate --seeds "$seeds" >"$log" 2>&1 || code=$?
[[ $code == 4 || $code == 5 || $code == 6 ]] ||
  fail "not found among $seeds seeds (exit code $code)"
seed=$(awk '/^seed [0-9]+: /{ print $2 + 0; exit }' "$log")
found=$(grep -m1 '^seed ' "$log")

code=0
"$patched" shrink "$seed" --output "$script" >"$log" 2>&1 || code=$?
[[ $code == 4 || $code == 5 || $code == 6 ]] ||
  fail "seed $seed was not shrunk (exit code $code)"
operations=$(grep -vcE '^(#|set |$)' "$script")
[[ $operations -le $most ]] ||
  fail "seed $seed takes $operations operations: $(cat "$script")"

code=0
"$patched" replay "$script" >"$log" 2>&1 || code=$?
[[ $code == 4 || $code == 5 || $code == 6 ]] ||
  fail "what was shrunk does not fail (exit code $code)"
"$vuser" replay "$script" >"$log" 2>&1 ||
  fail "the program without the bug fails on it too (exit code $?)"

echo "$kind: $found"
echo "$operations operations:"
cat "$script"
