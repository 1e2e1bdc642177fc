#!/bin/bash
# What //fuzz:NAME_oss_fuzz packs: the target of this configuration, and beside
# it all that OSS-Fuzz wants of one.
#
#   package_test.sh NAME TAR BINARY [SYMBOL...]
#
# Each SYMBOL has to be in the program: with --config=fuzz those of the engine
# and of AddressSanitizer.
set -uo pipefail

name=$1 tar=$PWD/$2 binary=$PWD/$3
shift 3
cd "$(mktemp -d)" || exit 1
trap 'rm -rf "$PWD"' EXIT
wrong=0

fail() {
  echo "$name: $*"
  wrong=1
}

tar --extract --file="$tar" || exit 1
cmp "$name" "$binary" || fail "the program packed is another one than $binary"
for symbol in "$@"; do
  grep -q "$symbol" "$name" || fail "the program packed has no $symbol"
done
for file in "$name.options" "${name}_seed_corpus.zip"; do
  [[ -s $file ]] || fail "$file is missing"
done

exit "$wrong"
