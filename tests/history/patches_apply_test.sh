#!/bin/bash
# Every patch still applies to the tree as it is, line by line: what does not
# plants nothing.
set -uo pipefail

root=$(dirname "$(readlink -f WORKSPACE)")
count=0 failed=0
for file in "$root"/{tests/history/patches,tests/canary,fuzz/canaries}/*.patch; do
  count=$((count + 1))
  patch --dry-run --batch --silent --strip=1 --fuzz=0 --directory="$root" \
    <"$file" && continue
  echo "${file#"$root"/} does not apply: make it anew"
  failed=$((failed + 1))
done
echo "$failed of $count patches do not apply"
[[ $count -gt 90 && $failed == 0 ]]
