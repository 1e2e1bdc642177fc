#!/bin/bash
# The same seeds have the same hashes, whatever builds the simulator: g++ -O3,
# clang -O3, no optimisation, and the address and undefined-behaviour checks.
#
#   tools/compare_hashes.sh [SEEDS] [STEPS]
set -euo pipefail

root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)
readonly root seeds=${1:-100} steps=${2:-400}
export USER="${USER:-$(id -un)}"

# NAME and Bazel's options, a line each. At -O3 g++ 12 warns of two things in
# the standard library that are not so.
builds() {
  cat <<'END'
g++-O3 -c opt --copt=-O3 --copt=-g0 --copt=-Wno-stringop-overread --copt=-Wno-maybe-uninitialized --platform_suffix=-o3
clang-O3 --config=clang19 -c opt --copt=-O3 --copt=-g0 --platform_suffix=-clang-o3
g++-O0 --copt=-O0 --platform_suffix=-o0
asan --config=asan
END
}

"$root/tools/setup.sh" build clang
cd "$root"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

first=
while read -r name options; do
  # shellcheck disable=SC2086  # Options are words.
  bazel build $options --noshow_progress --ui_event_filters=-info,-stdout \
    //cli:vuser >&2
  # shellcheck disable=SC2086
  bin=$(bazel info $options bazel-bin 2>/dev/null)/cli/vuser
  "$bin" simulate --seeds "$seeds" --steps "$steps" \
    --hashes "$work/$name" >"$work/$name.log" || {
    tail -n 5 "$work/$name.log"
    echo "$name: vuser simulate failed"
    exit 1
  }
  lines=$(wc -l <"$work/$name")
  [[ $lines == "$seeds" ]] || {
    echo "$name: $lines hashes instead of $seeds"
    exit 1
  }
  echo "$name: $lines hashes, $(cksum <"$work/$name")"
  if [[ -z $first ]]; then
    first=$name
  elif ! diff "$work/$first" "$work/$name" >"$work/diff"; then
    head -n 4 "$work/diff"
    echo "$first and $name differ in $(grep -c '^>' "$work/diff") of $seeds seeds"
    exit 1
  fi
done < <(builds)
echo "equal: $seeds seeds of $steps steps in $(builds | wc -l) builds"
