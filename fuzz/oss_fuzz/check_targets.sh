#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Checks a folder of built targets as OSS-Fuzz does before it takes a build,
# and what it asks of a target besides.
#
#   check_targets.sh OUT SANITIZER TARGET...
#
# SANITIZER is address, undefined or coverage. The targets named are all that
# may be in OUT, and all have to be. Columns of the table: edges that are
# instrumented (in a coverage build: regions); calls of the sanitizer's (in a
# coverage build: regions that the seeds reach); whether the target starts,
# runs its seeds with its options and dictionary, runs without /dev and in an
# empty read-only folder, and can start itself again by its argv[0], which
# merging needs. Exit code 1 if anything is wrong; what, follows the row.
set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=$(readlink -f "$1")
sanitizer=$2
shift 2
readonly here out sanitizer

# What OSS-Fuzz's own check asks for.
readonly least_edges=100 least_asan=1000 least_ubsan=168
# UBSan's calls in a build without it come from its run-time library.
readonly most_foreign_ubsan=200 most_foreign_msan=3
readonly runs=4

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
wrong=()

# Notes what is wrong with the target at hand.
wrong() { wrong+=("$*"); }

# The environment of a fuzzing machine.
export ASAN_OPTIONS=allocator_may_return_null=1:detect_leaks=1
ASAN_OPTIONS+=:detect_stack_use_after_return=1:handle_abort=1:symbolize=0
export UBSAN_OPTIONS=print_stacktrace=1:silence_unsigned_overflow=1:symbolize=0
export LLVM_PROFILE_FILE=/dev/null

# attempt COLUMN TEXT COMMAND...: sets COLUMN to ok if the command succeeds and
# its output has TEXT; else to NO, and notes its last lines.
attempt() {
  local column=$1 text=$2 code=0 log=$work/$1.log
  shift 2
  timeout --kill-after=5 300 "$@" >"$log" 2>&1 </dev/null || code=$?
  if [[ $code == 0 ]] && grep -q -- "$text" "$log"; then
    printf -v "$column" ok
    return
  fi
  printf -v "$column" NO
  wrong "$column: exit code $code, and at the end:"$'\n'"$(tail -n 6 "$log" |
    sed 's/^/    /')"
}

# Sets `edges` and `calls` of an instrumented build.
count_instrumentation() {
  local target=$1 asan ubsan msan dfsan
  edges=$(sed -nE 's/^INFO: Loaded [0-9]+ modules? +\(([0-9]+) .*/\1/p' \
    "$work/start.log" | head -n 1)
  edges=${edges:-0}
  ((edges >= least_edges)) ||
    wrong "$edges edges; at least $least_edges are wanted"
  read -r asan ubsan msan dfsan < <(objdump -d "$out/$target" |
    awk '/(callq?|bl) .*<__asan/ { ++a } /(callq?|bl) .*<__ubsan/ { ++u }
      /(callq?|bl) .*<__msan/ { ++m } /(callq?|bl) .*<__dfsan/ { ++d }
      END { print a + 0, u + 0, m + 0, d + 0 }')
  ((msan <= most_foreign_msan && dfsan == 0)) ||
    wrong "$msan calls of MSan and $dfsan of DFSan in a build of $sanitizer"
  if [[ $sanitizer == address ]]; then
    calls=$asan
    ((asan >= least_asan)) ||
      wrong "$asan calls of ASan; at least $least_asan are wanted"
    ((ubsan <= most_foreign_ubsan)) ||
      wrong "$ubsan calls of UBSan in a build of address"
  else
    calls=$ubsan
    ((ubsan >= least_ubsan)) ||
      wrong "$ubsan calls of UBSan; at least $least_ubsan are wanted"
    ((asan == 0)) || wrong "$asan calls of ASan in a build of undefined"
  fi
}

# The same of a coverage build, out of what the seeds' run has written.
count_regions() {
  local target=$1 reached
  read -r edges reached < <({
    llvm-profdata-19 merge -sparse "$work"/scratch/*.profraw \
      -o "$work/profile" &&
      llvm-cov-19 report "$out/$target" -instr-profile="$work/profile" |
      awk '$1 == "TOTAL" { print $2, $2 - $3 }'
  } 2>"$work/coverage.log")
  edges=${edges:-0} calls=${reached:-0}
  ((edges >= least_edges)) || wrong \
    "$edges regions in its coverage map; at least $least_edges are wanted" \
    "$(tail -n 2 "$work/coverage.log")"
  ((calls > 0)) || wrong "no region is reached by the seeds"
}

# The seeds of the target $1, spread out; and its options as arguments.
prepare() {
  local target=$1
  rm -rf "$work/scratch"
  mkdir -p "$work"/scratch/{seeds,merged}
  unzip -q "$out/${target}_seed_corpus.zip" -d "$work/scratch/seeds" \
    >/dev/null 2>&1 || wrong "no seed corpus that unzip can read"
  options=()
  [[ -e $out/$target.options ]] || wrong "no options"
  mapfile -t options < <(sed -nE \
    '/^\[/h; G; s/^ *([a-z_]+) *= *([^ ]+)\n\[libfuzzer\]$/-\1=\2/p' \
    "$out/$target.options" 2>/dev/null)
  [[ ! -e $out/$target.dict ]] || options+=("-dict=$target.dict")
}

check_target() {
  local target=$1 edges=0 calls=0 start=- seeds=- dev=- cwd=- argv0=- options
  local jail=("$here/jail.sh" "$out")
  wrong=()
  if [[ ! -x $out/$target ]]; then
    wrong "there is no program of this name"
  else
    prepare "$target"
    local scratch=$work/scratch done="Done $runs runs"
    attempt start "$done" env -C / "$out/$target" -seed=1337 -runs=$runs
    attempt seeds "^#.*DONE" env LLVM_PROFILE_FILE=/tmp/%1m.profraw \
      "${jail[@]}" /not-out "$scratch" "$target" -runs=0 "${options[@]}" \
      /tmp/seeds
    attempt dev "$done" "${jail[@]}" / "$scratch" "$target" -seed=1337 \
      -runs=$runs
    attempt cwd "$done" "${jail[@]}" /empty "$scratch" "$target" \
      -seed=1337 -runs=$runs
    attempt argv0 "MERGE-OUTER: successful in 1 attempt" "${jail[@]}" /empty \
      "$scratch" "$target" -merge=1 /tmp/merged /tmp/seeds
    case $sanitizer in
      coverage) count_regions "$target" ;;
      *) count_instrumentation "$target" ;;
    esac
  fi
  printf '%-24s %-10s %7s %7s  %-5s  %-5s  %-7s  %-3s  %s\n' "$target" \
    "$sanitizer" "$edges" "$calls" "$start" "$seeds" "$dev" "$cwd" "$argv0"
  [[ ${#wrong[@]} == 0 ]] || failed=1
  [[ ${#wrong[@]} == 0 ]] || printf '  %s\n' "${wrong[@]}"
}

# What is in OUT beside the targets named.
check_others() {
  local file name expected=" $* "
  for file in "$out"/*; do
    name=${file##*/}
    if [[ ! $name =~ ^[A-Za-z0-9_.-]+$ ]]; then
      echo "  $name: a name has letters, digits, _ and -"
      failed=1
    fi
    [[ -f $file && -x $file && $name != *.* ]] || continue
    [[ $expected == *" $name "* ]] && continue
    echo "  $name: a program that is no target of fuzz/BUILD"
    failed=1
  done
}

case $sanitizer in
  address | undefined | coverage) ;;
  *)
    echo "check_targets: $sanitizer: no such sanitizer" >&2
    exit 2
    ;;
esac
[[ $# -gt 0 ]] || {
  echo "check_targets: no targets are named: nothing would be checked" >&2
  exit 2
}
printf '%-24s %-10s %7s %7s  %-5s  %-5s  %-7s  %-3s  %s\n' target sanitizer \
  edges calls start seeds no-/dev cwd argv0
for target in "$@"; do check_target "$target"; done
check_others "$@"
exit "$failed"
