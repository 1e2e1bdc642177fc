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
# production source is in no program. A fuzz target that fails or does not end
# leaves no profile: the table is then called incomplete.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root
export USER="${USER:-$(id -un)}"

usage() {
  cat <<'END'
usage: ./vuser coverage [bazel arguments]
       ./vuser coverage --fuzz [--corpus FOLDER]

Line coverage of virtio_user/ by the tests; arguments are those of `bazel test`.
With --fuzz, by the fuzz targets alone: on fuzz/corpus, which has to reach 95 %,
or on FOLDER/TARGET/corpus or FOLDER/TARGET, which has to reach 85 %.
END
}

usage_error() {
  echo "coverage: $*; ./vuser coverage --help says what there is" >&2
  exit 2
}

fuzz=no corpora=none arguments=()
while [[ $# -gt 0 ]]; do
  case $1 in
    -h | --help)
      usage
      exit
      ;;
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
limit=95.0
if [[ $fuzz == yes ]]; then
  [[ ${#arguments[@]} == 0 ]] ||
    usage_error "${arguments[0]}: no such option of coverage --fuzz"
  if [[ $corpora == none ]]; then
    corpora=$root/fuzz/corpus
  else
    limit=85.0
  fi
  [[ -d $corpora ]] || usage_error "--corpus '$corpora': no such folder"
  corpora=$(readlink -f "$corpora")
  out=coverage/fuzz aside='^virtio_user/(os|dpdk)/'
else
  [[ $corpora == none ]] ||
    usage_error "--corpus '$corpora': only with --fuzz"
  out=coverage aside=
fi

# Refuses what Bazel would, before the last report is gone.
check_arguments() {
  local said
  # Labels are no options; it says so last.
  said=$(bazel canonicalize-flags --for_command=test -- "$@" 2>&1 >/dev/null) ||
    [[ $said == *"Unrecognized arguments"* ]] ||
    usage_error "$(sed -n 's/^ERROR: //p' <<<"$said")"
}

cd "$root"
tools/setup.sh build coverage
check_arguments "${arguments[@]}"
mkdir -p "$out"
exec 9>"$out/lock"
flock --nonblock 9 || {
  echo "coverage: another ./vuser coverage is at work in $root/$out: wait until" \
    "it has ended" >&2
  exit 1
}
rm -rf "$out"/{html,raw,all.profdata,report.txt,everything}
mkdir -p "$out/raw"
# %m names the program: runs of the same one are merged in place.
profile=$root/$out/raw/%m.profraw
# What a fuzz target may take for its corpus.
readonly most_seconds=600

bin_folder() { bazel info --config=coverage bazel-bin 2>/dev/null; }

labels_of() { bazel query --noshow_progress "$1" 2>/dev/null; }

# //folder:name as a file that was built, NAME beginning with PREFIX.
files_of() {
  sed -E "s|^//([^:]*):(.*)\$|$(bin_folder)/\1/${1:-}\2|"
}

# Every test runs, without a sandbox, so that its profile can leave it.
run_tests() {
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
  local program built libraries archives=()
  mapfile -t built < <(labels_of 'filter("_fuzz_bin$", //fuzz/...)')
  mapfile -t libraries < <(labels_of 'kind(cc_library, //virtio_user/...)
    except attr(tags, "\bmanual\b", //virtio_user/...)')
  [[ ${#built[@]} -gt 0 ]] || usage_error "there is no fuzz target"
  bazel build --config=coverage --noshow_progress \
    --ui_event_filters=-info,-stdout "${built[@]}" "${libraries[@]}"
  mapfile -t programs < <(printf '%s\n' "${built[@]}" | files_of)
  LLVM_PROFILE_FILE=$profile fuzz/replay_corpora.sh "$corpora" "$out" \
    "$most_seconds" "${programs[@]}" || failed=$(paste -sd' ' "$out/failed")
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

test_code=0 failed=
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
  -v aside="$aside" -v failed_targets="$failed" -v page="$out/html/index.html" \
  -f tools/coverage_report.awk "$out/report.txt"
