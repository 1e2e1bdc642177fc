#!/bin/bash
# Runs the tests of tools/fuzz/*.py that lie here.
set -euo pipefail

here=$PWD/tests/fuzz
out=$(PYTHONPATH=$PWD/tools/fuzz PYTHONDONTWRITEBYTECODE=1 python3 -m unittest \
  discover --start-directory "$here" --pattern '*_test.py' 2>&1) || {
  echo "$out"
  exit 1
}
echo "$out"
# Of a file that was not found nothing fails.
tests=("$here"/*_test.py)
[[ ${#tests[@]} == 5 ]]
grep -qE '^Ran [1-9][0-9]+ tests' <<<"$out"
