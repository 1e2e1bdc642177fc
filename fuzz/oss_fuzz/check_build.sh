#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Builds the fuzz targets in an emulation of OSS-Fuzz's builder and checks them
# as it does (check_targets.sh).
#
#   check_build.sh [SANITIZER...]     default: address undefined coverage
#
# What is built is a copy of what git knows here, with the changes that are not
# committed. Copies, objects and programs are kept in build/oss_fuzz_check, so
# that a second run compiles what changed. Before that, the check is shown
# builds that it has to refuse. The last line is `verdict: pass` (exit code 0) or
# `verdict: fail` (1).
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
readonly here root
# Objects are told apart by the paths of their sources, from the root of a tree.
readonly folder=$root/build/oss_fuzz_check
export USER="${USER:-$(id -un)}"

# The builder's flags, as far as Debian's clang 19 knows them.
readonly base="-O1 -fno-omit-frame-pointer -gline-tables-only\
 -DFUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION"
readonly checks=array-bounds,bool,builtin,enum,function,integer-divide-by-zero,\
null,object-size,return,returns-nonnull-attribute,shift,\
signed-integer-overflow,unreachable,vla-bound,vptr
declare -A flags=(
  [address]="-fsanitize=address -fsanitize-address-use-after-scope\
 -fsanitize=fuzzer-no-link"
  [undefined]="-fsanitize=$checks,unsigned-integer-overflow\
 -fno-sanitize-recover=$checks -fsanitize=fuzzer-no-link"
  [coverage]="-fprofile-instr-generate -fcoverage-mapping -pthread\
 -Wl,--no-as-needed -Wl,-ldl -Wl,-lm -Wno-unused-command-line-argument"
)

fail() {
  echo "check_build: $*" >&2
  echo "verdict: fail"
  exit 1
}

# Copies the tree to $1; times of change stay, so that make sees what changed.
copy_tree() {
  git -C "$root" rev-parse --git-dir >/dev/null ||
    fail "$root: git knows no tree here to copy"
  rm -rf "$1"
  mkdir -p "$1"
  (cd "$root" && git ls-files -z --cached --others --exclude-standard |
    while IFS= read -r -d '' path; do
      [[ ! -e $path ]] || printf '%s\0' "$path"
    done | tar --null --create --no-recursion --files-from=-) |
    tar --extract --directory="$1"
}

# Compares the sources that targets.py finds with those that Bazel does, where
# there is a Bazel. plain_driver.cc is for builds without an engine,
# empty_target.cc for counting what no target links.
compare_sources() {
  if ! command -v bazel >/dev/null; then
    echo "sources: not compared with Bazel's: there is no Bazel here"
    return
  fi
  local targets="attr(generator_function, '^cc_fuzz_test\$', \
kind(cc_binary, //fuzz:all)) except attr(tags, no-oss-fuzz, //fuzz:all)"
  (cd "$root" && bazel query --noshow_progress \
    "filter('^//.*\.cc\$', kind('source file', deps($targets)))" \
    2>"$folder/query.log") | sed 's|^//||; s|:|/|' |
    grep -vxE 'fuzz/(plain_driver|empty_target)\.cc' |
    LC_ALL=C sort >"$folder/bazel.list" ||
    fail "bazel query fails: $folder/query.log"
  "$here/targets.py" | awk '/^(library|object) / { print $NF }' |
    LC_ALL=C sort -u | diff "$folder/bazel.list" - ||
    fail "targets.py finds other sources than Bazel does"
  echo "sources: $(wc -l <"$folder/bazel.list"), the same as Bazel's"
}

# Makes the builder's folders for the sanitizer $1.
prepare() {
  local place=$folder/$1
  rm -rf "$place/out"
  mkdir -p "$place"/{out,work}
  copy_tree "$place/src/virtio_user"
  cp "$place/src/virtio_user/.clusterfuzzlite/build.sh" "$place/src/"
}

# Runs ClusterFuzzLite's build.sh, which is OSS-Fuzz's as well, as the builder
# does; nothing else of the environment gets in.
build() {
  local sanitizer=$1 place=$folder/$1
  (cd "$place/src/virtio_user" &&
    env -i PATH="$folder/toolchain/bin:/usr/bin:/bin" HOME="$place" \
      CC=clang CXX=clang++ CFLAGS="$base ${flags[$sanitizer]}" \
      CXXFLAGS="$base ${flags[$sanitizer]} -stdlib=libc++" \
      LIB_FUZZING_ENGINE=-fsanitize=fuzzer FUZZING_ENGINE=libfuzzer \
      FUZZING_LANGUAGE=c++ ARCHITECTURE=x86_64 SANITIZER="$sanitizer" \
      OUT="$place/out" SRC="$place/src" WORK="$place/work" \
      ${JOBS:+JOBS="$JOBS"} bash -eux "$place/src/build.sh")
}

# Sets `sanitizers`.
take_arguments() {
  local argument
  sanitizers=("$@")
  [[ $# -gt 0 ]] || sanitizers=(address undefined coverage)
  for argument in "${sanitizers[@]}"; do
    case $argument in
      -h | --help)
        echo "usage: fuzz/oss_fuzz/check_build.sh [SANITIZER...]"
        exit
        ;;
    esac
    [[ -n $argument && -n ${flags[$argument]:-} ]] || {
      echo "check_build: ${argument:-''}: no such sanitizer; there are: ${!flags[*]}" \
        >&2
      exit 2
    }
  done
}

main() {
  local sanitizer sanitizers code=0 targets tables=() table start
  take_arguments "$@"
  set -- "${sanitizers[@]}"
  "$root/tools/setup.sh" oss-fuzz fuzz-libraries
  mkdir -p "$folder"
  exec 9>"$folder/lock"
  flock --nonblock 9 || fail "another check_build.sh is at work in $folder:" \
    "wait until it has ended"
  "$here/toolchain.sh" "$folder/toolchain"
  PATH=$folder/toolchain/bin:$PATH "$here/self_test.sh" ||
    fail "the check does not refuse what it has to"
  compare_sources
  mapfile -t targets < <("$here/targets.py" --names)
  [[ ${#targets[@]} -gt 0 ]] || fail "fuzz/BUILD: no targets"
  for sanitizer in "$@"; do
    start=$SECONDS
    prepare "$sanitizer"
    build "$sanitizer" >"$folder/$sanitizer.log" 2>&1 || {
      tail -n 30 "$folder/$sanitizer.log" >&2
      fail "$sanitizer: the build fails; all of it: $folder/$sanitizer.log"
    }
    echo "$sanitizer: built in $((SECONDS - start)) s"
    table=$folder/$sanitizer.table
    "$here/check_targets.sh" "$folder/$sanitizer/out" "$sanitizer" \
      "${targets[@]}" | tee "$table" || code=1
    tables+=("$table")
  done
  if [[ ${#tables[@]} -gt 1 ]]; then
    echo
    awk 'FNR > 1 || NR == 1' "${tables[@]}"
  fi
  if [[ $code == 0 ]]; then
    echo "verdict: pass"
  else
    echo "verdict: fail"
  fi
  exit "$code"
}

main "$@"
