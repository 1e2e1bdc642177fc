#!/bin/bash
# What fuzz/oss_fuzz/targets.py reads out of the BUILD files, and that
# rules_fuzzing's cc_fuzz_test could stand in fuzz/BUILD. Reads the tree itself.
set -uo pipefail
. tests/fuzz/expect.sh

root=$(dirname "$(readlink -f WORKSPACE)")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

names=$("$root/fuzz/oss_fuzz/targets.py" --names)
expect "$(cd "$root/fuzz" && printf '%s\n' *_fuzz.cc | sed 's/\.cc$//')" \
  "$names"
graph=$("$root/fuzz/oss_fuzz/targets.py")
for target in $names; do
  for line in "object $target fuzz/$target.cc" "options $target fuzz/.*" \
    "seed $target fuzz/corpus/$target/.*"; do
    grep -qx "$line" <<<"$graph" || expect "$line" "nothing of the kind"
  done
  [[ ! -e $root/fuzz/$target.dict ]] ||
    grep -qx "dict $target fuzz/$target.dict" <<<"$graph" ||
    expect "$target's dictionary" "nothing of the kind"
done

# with_target ATTRIBUTES: what is said of a fuzz/BUILD with such a target.
with_target() {
  mkdir -p "$folder/fuzz/oss_fuzz"
  cp "$root"/fuzz/*.bzl "$folder/fuzz/"
  cp "$root/fuzz/oss_fuzz/targets.py" "$folder/fuzz/oss_fuzz/"
  printf 'load(":fuzz.bzl", "cc_fuzz_test")\ncc_fuzz_test(name = "it", %s)\n' \
    "$1" >"$folder/fuzz/BUILD"
  "$folder/fuzz/oss_fuzz/targets.py" --names 2>&1
}

expect "it" "$(with_target 'srcs = ["it.cc"], corpus = ["seed"]')"
expect "*it: rules_fuzzing's cc_fuzz_test has no attribute options*" \
  "$(with_target 'srcs = ["it.cc"], corpus = ["seed"], options = "x"')"
expect "*it: srcs are missing*" "$(with_target 'corpus = ["seed"]')"
expect "*it: a corpus is missing*" "$(with_target 'srcs = ["it.cc"]')"

exit "$wrong"
