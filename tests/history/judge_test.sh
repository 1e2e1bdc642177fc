#!/bin/bash
# The judge's verdicts on programs that are not real.
set -uo pipefail

here=$PWD/tests/history
cd "$(mktemp -d)" || exit 1
trap 'rm -rf "$PWD"' EXIT
for how in passes skips fails dies hangs leaks none mute; do
  cp "$here/fake_program.sh" "program-$how"
  chmod +x "program-$how"
done
echo not a program >program-text

wrong=0

# expect CODE LAST_LINE ORIGINAL PATCHED [FILTER]
expect() {
  local code=0 last
  last=$("$here/judge.sh" X1 1 "./program-$3" "./program-$4" "${@:5}" |
    tail -n 1) || code=$?
  if [[ $code != "$1" || $last != $2 ]]; then
    echo "$3, then $4: $code, '$last'; not $1, '$2'"
    wrong=1
  fi
}

expect 0 "X1: caught by Suite.Name (failed)" passes fails
expect 0 "X1: caught by Other.Test (failed)" passes fails Other.Test
expect 0 "X1: caught by Suite.Name (signal 11)" passes dies
expect 0 "X1: caught by Suite.Name (runs for more than 1 s)" passes hangs
expect 0 "X1: caught by the program (sanitizer)" passes leaks

# A patch that does no harm.
expect 1 "X1: NOT CAUGHT: *" passes passes Suite.Name

# Nothing is known, and that is never "caught".
expect 2 "X1: error: no test ran: 'Nothing.*' matches none*" none none Nothing.*
expect 2 "X1: error: no test ran: *" skips fails
expect 2 "X1: error: the test fails without the bug*" fails fails
expect 2 "X1: error: the test fails without the bug*" hangs fails
expect 2 "X1: error: ends with exit code 3, and no test failed" passes mute
expect 2 "X1: error: *cannot be started" passes text
expect 2 "X1: error: *cannot be started" passes missing
expect 2 "X1: error: *cannot be started" missing fails

exit "$wrong"
