#!/bin/bash
# Line coverage of virtio_user/ by the tests; see `./vuser help`.
#
#   tools/coverage.sh [bazel arguments]
#
# Leaves coverage/html/index.html and prints a table. Fails when a test fails,
# when the total is below the limit, or when no test links a production source.
set -euo pipefail

readonly limit=95.0 # per cent of lines
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root out=$root/coverage
export USER="${USER:-$(id -un)}"

cd "$root"
tools/setup.sh build coverage
rm -rf "$out"
mkdir -p "$out/raw"

# Every test runs, without a sandbox, so that its profile can leave it. %m names
# the program: runs of the same one are merged in place.
test_code=0
bazel test --config=coverage --nocache_test_results --keep_going \
  --strategy=TestRunner=standalone --build_tests_only \
  --test_env=LLVM_PROFILE_FILE="$out/raw/%m.profraw" "$@" //... || test_code=$?

mapfile -t programs < <(
  bin=$(bazel info --config=coverage bazel-bin 2>/dev/null)
  bazel query --noshow_progress \
    'kind(cc_test, //...) except attr(tags, "\binterop\b", //...)' \
    2>/dev/null | sed -e "s|^//|$bin/|" -e 's|:|/|'
)
objects=()
for program in "${programs[@]}"; do
  [[ -x $program ]] || continue
  # The first one goes by position.
  [[ ${#objects[@]} == 0 ]] || objects+=(-object)
  objects+=("$program")
done
[[ ${#objects[@]} -gt 0 ]] || {
  echo "coverage: there is no test program" >&2
  exit 1
}

llvm-profdata-19 merge -sparse "$out"/raw/*.profraw -o "$out/all.profdata"
rm -rf "$out/raw"
# The compiler saw the tree under this name.
common=(-instr-profile="$out/all.profdata"
  -path-equivalence="/proc/self/cwd,$root" "${objects[@]}"
  -sources virtio_user)
llvm-cov-19 show -format=html -show-line-counts-or-regions \
  -show-branches=count -project-title="virtio_user" \
  -output-dir="$out/html" "${common[@]}"
llvm-cov-19 report -show-region-summary=false -show-branch-summary=false \
  "${common[@]}" >"$out/report.txt"

sources=$(find virtio_user -name '*.cc' | sort)
awk -v limit="$limit" -v sources="$sources" -v test_code="$test_code" \
  -f tools/coverage_report.awk "$out/report.txt"
