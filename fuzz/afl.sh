#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Fuzzes one target with AFL++, in the address sanitizer's build.
#
#   fuzz/afl.sh TARGET [SECONDS] [--clean]   SECONDS: 60 if nothing else is said
#
# AFL++'s own compiler is a clang 14 in Debian 12, which lacks std::expected:
# the build is that of OSS-Fuzz (oss_fuzz/build.sh) with clang 19, whose
# trace-pc-guard calls AFL++'s run-time library serves. What is found is kept in
# build/afl/TARGET, and the next run goes on from there; --clean forgets it
# first. The last line says what came out of this run; exit code 1: there were
# crashes or hangs, or nothing ran.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root
# Objects are told apart by the paths of their sources, from the root of a tree.
readonly folder=$root/build/afl
readonly runtime=/usr/lib/afl

usage() { echo "usage: fuzz/afl.sh TARGET [SECONDS] [--clean]"; }

die() {
  echo "afl: $*" >&2
  exit 1
}

usage_error() {
  echo "afl: $*" >&2
  exit 2
}

build() {
  local base="-O1 -fno-omit-frame-pointer -gline-tables-only\
 -fsanitize=address -fsanitize-coverage=trace-pc-guard"
  mkdir -p "$folder/src"
  ln -sfn "$root" "$folder/src/virtio_user"
  CC=clang-19 CXX=clang++-19 CFLAGS=$base CXXFLAGS=$base SANITIZER=address \
    FUZZING_ENGINE=afl \
    LIB_FUZZING_ENGINE="$runtime/libAFLDriver.a $runtime/afl-compiler-rt.o" \
    OUT=$folder/out SRC=$folder/src WORK=$folder/work \
    "$root/fuzz/oss_fuzz/build.sh" "$1"
}

# The inputs of the kind $1 that this run has found.
found() {
  find "$folder/$target/default" -path "*/$1/id:*" -newer "$folder/start"
}

# The value of $1 in AFL++'s account of the run.
stat_of() {
  sed -nE "s/^$1 *: *([^ ]+)$/\1/p" "$folder/$target/default/fuzzer_stats"
}

fuzz() {
  local target=$1 seconds=$2 dict=() log=$folder/$1.log
  [[ ! -e $folder/out/$target.dict ]] || dict=(-x "$folder/out/$target.dict")
  rm -f "$folder/$target/default/fuzzer_stats"
  touch "$folder/start"
  # Without a terminal, without a say in the machine's settings, and with ASan,
  # which has to abort for a crash to be seen.
  env AFL_NO_UI=1 AFL_SKIP_CPUFREQ=1 AFL_NO_AFFINITY=1 AFL_AUTORESUME=1 \
    AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 AFL_FORKSRV_INIT_TMOUT=30000 \
    AFL_EXIT_ON_SEED_ISSUES=1 \
    ASAN_OPTIONS=abort_on_error=1:symbolize=0:detect_leaks=0:\
detect_odr_violation=0 \
    afl-fuzz -i "$root/fuzz/corpus/$target" -o "$folder/$target" \
    -V "$seconds" -m none -t 5000+ "${dict[@]}" -- "$folder/out/$target" \
    >"$log" 2>&1 </dev/null || {
    tail -n 20 "$log" >&2
    die "afl-fuzz failed; all of it: $log"
  }
  [[ -s $folder/$target/default/fuzzer_stats ]] ||
    die "afl-fuzz left no account of the run, which is" \
      "$folder/$target/default/fuzzer_stats; all that it said: $log"
}

# Says where what this run found lies and how it is run again, a kind $1 of
# file a line.
tell() {
  local path
  while read -r path; do
    echo "$1: ./vuser fuzz $target '$path'"
  done
}

# Sets `target`, `seconds` and `clean`.
take_arguments() {
  local argument names words=()
  clean=no
  for argument in "$@"; do
    case $argument in
      -h | --help)
        usage
        exit
        ;;
      --clean) clean=yes ;;
      -*) usage_error "$argument: no such option; $(usage)" ;;
      *) words+=("$argument") ;;
    esac
  done
  target=${words[0]:-} seconds=${words[1]:-60}
  # One file is one target.
  names=$(basename -s .cc "$root"/fuzz/*_fuzz.cc)
  grep -qxF -- "$target" <<<"$names" ||
    usage_error "${target:-''}: no such target; there are:" $names
  [[ $seconds =~ ^[1-9][0-9]*$ ]] ||
    usage_error "$target $seconds: seconds are a whole number above 0"
  [[ ${#words[@]} -le 2 ]] || usage_error "${words[2]}: one word too many;" \
    "$(usage)"
}

main() {
  take_arguments "$@"
  "$root/tools/setup.sh" afl fuzz-libraries
  mkdir -p "$folder"
  exec 9>"$folder/lock"
  flock --nonblock 9 || die "another fuzz/afl.sh is at work in $folder:" \
    "wait until it has ended"
  echo "afl: building $target" >&2
  build "$target" >"$folder/build.log" 2>&1 || {
    tail -n 20 "$folder/build.log" >&2
    die "the build fails; all of it: $folder/build.log"
  }
  [[ $clean == no ]] || rm -rf "${folder:?}/$target"
  echo "afl: $target for $seconds s" >&2
  fuzz "$target" "$seconds"
  local execs crashes hangs
  execs=$(stat_of execs_done)
  mapfile -t crashes < <(found crashes)
  mapfile -t hangs < <(found hangs)
  found crashes | tell crash
  found hangs | tell hang
  echo "$target: ${execs:-0} execs in $(stat_of run_time) s," \
    "$(stat_of edges_found) of $(stat_of total_edges) edges" \
    "($(stat_of bitmap_cvg)), $(stat_of corpus_count) inputs," \
    "${#crashes[@]} crashes, ${#hangs[@]} hangs"
  [[ ${#crashes[@]} == 0 && ${#hangs[@]} == 0 && ${execs:-0} -gt 0 ]] || exit 1
}

main "$@"
