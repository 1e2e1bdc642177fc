#!/bin/bash
# How fuzz/plain_driver.cc gives inputs to a target: plain_driver_test.sh TARGET,
# which is exact_target.cc.
set -uo pipefail
. tests/fuzz/expect.sh

target=$PWD/$1
cd "$(mktemp -d)" || exit 1
trap 'rm -rf "$PWD"' EXIT

mkdir inputs
head -c 4096 /dev/zero >inputs/1_long
echo a >inputs/2_short
: >inputs/3_empty

out=$("$target" inputs 2>&1)
expect "0: 3 inputs" "$?: $out"
out=$("$target" 2>&1)
expect "1: 0 inputs" "$?: $out"
out=$("$target" nothing 2>&1)
expect "1: nothing: cannot be read" "$?: $out"

exit "$wrong"
