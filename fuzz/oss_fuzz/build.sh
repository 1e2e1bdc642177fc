#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Builds the fuzz targets as OSS-Fuzz and ClusterFuzzLite want them, without
# Bazel: for each target the program, seeds, options and dictionary in $OUT.
#
#   build.sh [TARGET...]       default: all of fuzz/BUILD
#
# The tree is $SRC/virtio_user. Compiler, flags and engine come from the
# builder: CXX CXXFLAGS LIB_FUZZING_ENGINE FUZZING_ENGINE OUT SRC WORK; objects
# stay in $WORK, so that a second build compiles what changed. No list of files
# or flags is kept here: targets are those of fuzz/BUILD, flags those of
# .bazelrc, sources whole folders, out of which the linker takes what a target
# needs.
set -euo pipefail
shopt -s extglob

readonly tree=$SRC/virtio_user
readonly library=$WORK/libtargets.a
# What libc++ needs: {fmt} from its headers, for its library is built on
# libstdc++; the checks that _GLIBCXX_ASSERTIONS is for libstdc++; std::jthread,
# which libc++ 19 still calls experimental.
readonly extra="-pthread -DFMT_HEADER_ONLY -D_LIBCPP_ENABLE_EXPERIMENTAL\
 -D_LIBCPP_HARDENING_MODE=_LIBCPP_HARDENING_MODE_EXTENSIVE"

die() {
  echo "build: $*" >&2
  exit 1
}

# True if a target needs the command line's folder, and with it more libraries.
needs_cli() { grep -qs '^#include "cli/' fuzz/*.cc fuzz/*.h; }

# What targets are linked from, a path a line: all but programs of their own,
# targets, and the hooks that belong to one target.
library_sources() {
  local folders=(virtio_user backend_sim tests/fakes)
  ! needs_cli || folders+=(cli)
  {
    find "${folders[@]}" -name '*.cc' ! -path 'virtio_user/dpdk/*'
    find fuzz -maxdepth 1 -name '*.cc' ! -name '*_fuzz.cc' \
      ! -name '*_mutator.cc'
  } | LC_ALL=C sort | xargs grep -L '^int main('
}

# A source that BUILD does not know is one that is never run.
check_names() {
  local named=" $* " file
  for file in fuzz/*_fuzz.cc; do
    [[ $named == *" ${file#fuzz/} "* ]] || die "$file: no target of fuzz/BUILD"
  done
  for file in $(grep -l 'LLVMFuzzerCustom[MC]' fuzz/*.cc); do
    [[ $named == *" ${file#fuzz/} "* ]] ||
      die "$file has an engine's hooks; no target depends on it as :*_mutator"
  done
}

# Compiles the sources of the list $1.
compile() {
  local rules=$WORK/rules.mk flags
  flags=$("$CXX" --version; echo "$CXXFLAGS" "$extra")
  awk -f fuzz/oss_fuzz/make_rules.awk .bazelrc "$1" >"$rules"
  # Objects of other flags, or of other rules, are of no use.
  if [[ $(cat "$WORK/flags" "$WORK/rules.last" 2>/dev/null) != \
    "$(echo "$flags"; cat "$rules")" ]]; then
    rm -rf "$WORK/obj"
    echo "$flags" >"$WORK/flags"
    cp "$rules" "$WORK/rules.last"
  fi
  {
    sed "s|.*|all: $WORK/obj/&.o|" "$1"
    sed "s|.*|-include $WORK/obj/&.d|" "$1"
  } >>"$rules"
  make -s -f "$rules" -j "${JOBS:-$(nproc)}" OBJ="$WORK/obj" EXTRA="$extra" all
}

# Links the target $1 from the sources that follow.
link() {
  local target=$1 objects libraries=()
  shift
  objects=("${@/#/$WORK/obj/fuzz/}")
  # The machine that runs it has libc and little else.
  ! needs_cli || libraries=(-l:libpcap.a)
  # shellcheck disable=SC2086  # Flags are several words.
  "$CXX" $CXXFLAGS -pthread "${objects[@]/%/.o}" $LIB_FUZZING_ENGINE \
    -Wl,--start-group "$library" "${libraries[@]}" -Wl,--end-group \
    -o "$OUT/$target"
}

# Puts seeds, options and dictionary of the target $1 beside it.
package() {
  local target=$1 options=$2 seeds=() dict=()
  mapfile -t seeds < <(find "fuzz/corpus/$target" -type f | LC_ALL=C sort)
  [[ ${#seeds[@]} -gt 0 ]] || die "fuzz/corpus/$target: no seeds"
  [[ ! -e fuzz/$target.dict ]] || dict=("fuzz/$target.dict")
  fuzz/package.sh "$target" "$OUT" "$OUT/$target" "fuzz/$options" "${dict[@]}" \
    -- "${seeds[@]}"
}

# Sets `targets` to what targets.awk says of the named targets, or of all.
choose() {
  local name
  mapfile -t targets < <(awk -f fuzz/oss_fuzz/targets.awk fuzz/BUILD)
  [[ ${#targets[@]} -gt 0 ]] || die "fuzz/BUILD: no targets"
  # shellcheck disable=SC2048,SC2086  # A line is several words.
  check_names ${targets[*]}
  # The hooks are libFuzzer's; other engines have other ones.
  [[ ${FUZZING_ENGINE:-libfuzzer} == libfuzzer ]] ||
    targets=("${targets[@]// +([a-z0-9_])_mutator.cc/}")
  [[ $# -gt 0 ]] || return 0
  local all=("${targets[@]}")
  targets=()
  for name in "$@"; do
    mapfile -t -O "${#targets[@]}" targets < <(
      printf '%s\n' "${all[@]}" | grep "^$name " ||
        die "$name: no target of fuzz/BUILD"
    )
  done
}

main() {
  cd "$tree"
  mkdir -p "$OUT" "$WORK"
  local targets=() line words
  choose "$@"
  library_sources >"$WORK/library.list"
  {
    cat "$WORK/library.list"
    for line in "${targets[@]}"; do
      read -ra words <<<"$line"
      printf 'fuzz/%s\n' "${words[@]:2}"
    done
  } >"$WORK/sources.list"
  compile "$WORK/sources.list"
  rm -f "$library"
  sed "s|.*|$WORK/obj/&.o|" "$WORK/library.list" |
    xargs "${AR:-ar}" rcs "$library"
  for line in "${targets[@]}"; do
    read -ra words <<<"$line"
    echo "linking ${words[0]}"
    link "${words[0]}" "${words[@]:2}"
    package "${words[0]}" "${words[1]}"
  done
}

main "$@"
