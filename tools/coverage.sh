#!/bin/bash
# Line coverage of virtio_user/ by the tests; see `./vuser help`.
#
#   tools/coverage.sh [bazel arguments]
#   tools/coverage.sh --fuzz [--corpus FOLDER]
#
# --fuzz: by the fuzz targets alone, each run on FOLDER/TARGET/corpus or, where
# there is none, FOLDER/TARGET (FOLDER: fuzz/corpus). os/ and dpdk/, which a
# fuzz target does not reach by design, are shown and not counted; what none of
# them links is counted as not covered.
#
# Leaves html/index.html in coverage/ or coverage/fuzz/ and prints a table.
# Fails when a test fails, when the total is below the limit, or when a
# production source is in no program.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root
export USER="${USER:-$(id -un)}"

usage_error() {
  echo "coverage: $*" >&2
  exit 2
}

fuzz=no corpora='' arguments=()
while [[ $# -gt 0 ]]; do
  case $1 in
    --fuzz) fuzz=yes ;;
    --corpus=*) corpora=${1#*=} ;;
    --corpus)
      [[ $# -gt 1 ]] || usage_error "--corpus: a folder is missing"
      corpora=$2
      shift
      ;;
    *) arguments+=("$1") ;;
  esac
  shift
done
if [[ $fuzz == yes ]]; then
  [[ ${#arguments[@]} == 0 ]] ||
    usage_error "${arguments[0]}: no such option of coverage --fuzz"
  corpora=${corpora:-$root/fuzz/corpus}
  [[ -d $corpora ]] || usage_error "--corpus $corpora: no such folder"
  corpora=$(readlink -f "$corpora")
  limit=85.0 out=coverage/fuzz aside='^virtio_user/(os|dpdk)/'
else
  [[ -z $corpora ]] || usage_error "--corpus $corpora: only with --fuzz"
  limit=95.0 out=coverage aside=
fi

cd "$root"
tools/setup.sh build coverage
rm -rf "$out"/{html,raw,all.profdata,report.txt,everything}
mkdir -p "$out/raw"
# %m names the program: runs of the same one are merged in place.
profile=$root/$out/raw/%m.profraw

bin_folder() { bazel info --config=coverage bazel-bin 2>/dev/null; }

labels_of() { bazel query --noshow_progress "$1" 2>/dev/null; }

# //folder:name as a file that was built, NAME beginning with PREFIX.
files_of() {
  sed -E "s|^//([^:]*):(.*)\$|$(bin_folder)/\1/${1:-}\2|"
}

# Every test runs, without a sandbox, so that its profile can leave it.
run_tests() {
  test_code=0
  bazel test --config=coverage --nocache_test_results --keep_going \
    --strategy=TestRunner=standalone --build_tests_only \
    --test_env=LLVM_PROFILE_FILE="$profile" "${arguments[@]}" //... ||
    test_code=$?
  mapfile -t programs < <(
    labels_of 'kind(cc_test, //...) except attr(tags, "\binterop\b", //...)' |
      files_of)
}

# Every target runs on its corpus. What is linked into none of them is in
# `everything`, a program that never runs.
run_corpora() {
  local program target folder built libraries archives=()
  test_code=0
  mapfile -t built < <(labels_of 'filter("_fuzz_bin$", //fuzz/...)')
  mapfile -t libraries < <(labels_of 'kind(cc_library, //virtio_user/...)
    except attr(tags, "\bmanual\b", //virtio_user/...)')
  [[ ${#built[@]} -gt 0 ]] || usage_error "there is no fuzz target"
  bazel build --config=coverage --noshow_progress \
    --ui_event_filters=-info,-stdout "${built[@]}" "${libraries[@]}"
  mapfile -t programs < <(printf '%s\n' "${built[@]}" | files_of)
  for program in "${programs[@]}"; do
    target=$(basename "$program" _bin)
    folder=$corpora/$target
    [[ ! -d $folder/corpus ]] || folder=$folder/corpus
    printf '  %-32s' "$target"
    LLVM_PROFILE_FILE=$profile "$program" "$folder" 2>"$out/$target.log" || {
      test_code=$?
      echo "failed with code $test_code on $folder:"
      tail -n 5 "$out/$target.log"
    }
  done
  # Linked whole, since llvm-cov refuses the archives themselves. Some libraries
  # have headers alone.
  for program in $(printf '%s\n' "${libraries[@]}" | files_of lib); do
    [[ ! -e $program.a ]] || archives+=("$program.a")
  done
  clang++-19 -fuse-ld=lld -fprofile-instr-generate -x c++ - -x none \
    -Wl,--whole-archive "${archives[@]}" -Wl,--no-whole-archive \
    -o "$out/everything" <<<'int main() {}'
  programs+=("$out/everything")
}

if [[ $fuzz == yes ]]; then run_corpora; else run_tests; fi

objects=()
for program in "${programs[@]}"; do
  [[ -e $program ]] || continue
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
  -v aside="$aside" -v page="$out/html/index.html" \
  -f tools/coverage_report.awk "$out/report.txt"
