#!/bin/bash
# What fuzz/canary.sh makes of programs, with ones that are not real: they find
# something if their name says so, and only under the target's options.
set -uo pipefail
. tests/fuzz/expect.sh

export TEST_TMPDIR=${TEST_TMPDIR:-/tmp}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cat >"$folder/sound" <<'END_OF_ENGINE'
#!/bin/bash
# LLVMFuzzerRunDriver
echo "${@: -1}: $(ls -A "${@: -1}" | wc -l) files; $*"
case ${0##*/}:$* in
  *buggy:*"-max_len=12 "*"-seed=1 -runs=9"*)
    [[ $0 == *mute* ]] || echo "stat::number_of_executed_units: 7"
    echo "finding: it"
    exit 77
    ;;
  lazy:*) echo "stat::number_of_executed_units: 8" ;;
  mute:*) ;;
  *) echo "stat::number_of_executed_units: 9" ;;
esac
END_OF_ENGINE
for name in buggy mutebuggy lazy mute; do
  cp "$folder/sound" "$folder/$name"
done
sed '2d' "$folder/sound" >"$folder/no_engine"
chmod +x "$folder"/*
printf '[libfuzzer]\nmax_len = 12\n' >"$folder/options"
printf '[libfuzzer]\nmax_len = 13\n' >"$folder/other_options"

# canary ENGINE CANARY RUNS OPTIONS: exit code and words.
canary() {
  local code=0 out
  out=$(fuzz/canary.sh demo "$folder/$1" "$folder/$2" "$3" "finding: it" \
    "$folder/$4" 2>&1) || code=$?
  echo "$code: $out"
}

expect "0: demo: found after 7 of at most 9 inputs: finding: it
demo: nothing in 9 inputs without it" "$(canary sound buggy 9 options)"
expect "1: *demo: without the planted bug 8 of 9 inputs were run" \
  "$(canary lazy buggy 9 options)"
expect "1: *demo: without the planted bug 0 of 9 inputs were run" \
  "$(canary mute buggy 9 options)"
expect "1: demo: the program with the planted bug does not say how many*" \
  "$(canary sound mutebuggy 9 options)"
expect "1: demo: 9 inputs did not find the planted bug*" \
  "$(canary sound sound 9 options)"
expect "1: demo: 9 inputs did not find the planted bug*: 0 files; *" \
  "$(canary sound buggy 9 other_options)"
expect "1: demo: 8 inputs did not find the planted bug*" \
  "$(canary sound buggy 8 options)"
expect "1: *something is found without the planted bug, too*" \
  "$(canary buggy buggy 9 options)"
expect "1: *built without libFuzzer; build it with --config=fuzz*" \
  "$(canary sound no_engine 9 options)"

exit "$wrong"
