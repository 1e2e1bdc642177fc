#!/bin/bash
# Runs fuzz targets, built without an engine, on their corpora, one after the
# other.
#
#   replay_corpora.sh CORPORA LOGS SECONDS PROGRAM...
#
# TARGET_bin runs on CORPORA/TARGET/corpus or, where there is none,
# CORPORA/TARGET, and has ended after SECONDS; if not, it is ended. What it says
# is in LOGS/TARGET.log. Exit code 1 if one failed; which, is in LOGS/failed, a
# name a line.
set -uo pipefail

corpora=$1 logs=$2 seconds=$3
shift 3
: >"$logs/failed" || exit 1
failures=0

# What is printed of a target whose exit code is $2.
tell_failure() {
  local target=$1 code=$2 folder=$3 why
  why="failed with code $code"
  # 137: it did not heed SIGTERM, either.
  [[ $code != 124 && $code != 137 ]] || why="did not end within $seconds s"
  echo "$why on $folder; all that it said: $logs/$target.log"
  tail -n 5 "$logs/$target.log"
  failures=$((failures + 1))
  echo "$target" >>"$logs/failed"
}

for program in "$@"; do
  target=$(basename "$program" _bin)
  folder=$corpora/$target
  [[ ! -d $folder/corpus ]] || folder=$folder/corpus
  printf '  %-32s' "$target"
  # On SIGTERM plain_driver.cc says which input it was.
  timeout --kill-after=10 "$seconds" "$program" "$folder" \
    2>"$logs/$target.log" || tell_failure "$target" $? "$folder"
done
[[ $failures == 0 ]]
