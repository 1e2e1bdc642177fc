#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Builds the fuzz targets as OSS-Fuzz and ClusterFuzzLite want them, without
# Bazel: for each target the program, seeds, options and dictionary in $OUT.
#
#   build.sh [TARGET...]       default: all of fuzz/BUILD
#
# The tree is $SRC/virtio_user. Compiler, flags and engine come from the
# builder: CXX CXXFLAGS LIB_FUZZING_ENGINE SANITIZER OUT SRC WORK; objects stay
# in $WORK, so that a second build compiles what changed. No list of files or
# flags is kept here: targets and sources are those of the BUILD files
# (targets.py), flags those of .bazelrc (make_rules.awk).
set -euo pipefail

readonly tree=$SRC/virtio_user
readonly library=$WORK/libtargets.a
# What libc++ needs: {fmt} from its headers, for its library is built on
# libstdc++; the checks that _GLIBCXX_ASSERTIONS is for libstdc++; std::jthread,
# which libc++ 19 still calls experimental.
readonly extra="-pthread -DFMT_HEADER_ONLY -D_LIBCPP_ENABLE_EXPERIMENTAL\
 -D_LIBCPP_HARDENING_MODE=_LIBCPP_HARDENING_MODE_EXTENSIVE"
# In place of what a static libpcap asks for and Debian has not.
readonly without_capture=cli/no_capture_devices.cc

# The last words of targets.py's lines that begin with the words given.
known() { awk -v wanted="$* " 'index($0, wanted) == 1 { print $NF }' "$graph"; }

needs_libpcap() { [[ $(known external) == *libpcap* ]]; }

# Compiles the sources of the list $1.
compile() {
  local rules=$WORK/rules.mk
  # Objects of other flags are of no use.
  {
    "$CXX" --version
    echo "${SANITIZER:-}"
    echo "$CXXFLAGS" "$extra"
    cat .bazelrc fuzz/oss_fuzz/make_rules.awk
  } >"$WORK/flags.new"
  cmp -s "$WORK/flags.new" "$WORK/flags" || rm -rf "$WORK/obj"
  mv "$WORK/flags.new" "$WORK/flags"
  {
    awk -v sanitizer="${SANITIZER:-}" -f fuzz/oss_fuzz/make_rules.awk \
      .bazelrc "$1"
    sed "s|.*|all: $WORK/obj/&.o|" "$1"
    sed "s|.*|-include $WORK/obj/&.d|" "$1"
  } >"$rules"
  make -s -f "$rules" -j "${JOBS:-$(nproc)}" OBJ="$WORK/obj" EXTRA="$extra" all
}

link() {
  local target=$1 objects libraries=()
  mapfile -t objects < <(known object "$target")
  # The machine that runs it has libc and little else. Linked itself, the object
  # comes before libpcap's own wherever the linker looks first.
  ! needs_libpcap || {
    libraries=(-l:libpcap.a)
    objects+=("$without_capture")
  }
  objects=("${objects[@]/#/$WORK/obj/}")
  # shellcheck disable=SC2086  # Flags are several words.
  "$CXX" $CXXFLAGS -pthread "${objects[@]/%/.o}" $LIB_FUZZING_ENGINE \
    -Wl,--start-group "$library" "${libraries[@]}" -Wl,--end-group \
    -o "$OUT/$target"
}

# Puts seeds, options and dictionary of a target beside it.
package() {
  local target=$1 seeds dict
  mapfile -t seeds < <(known seed "$target")
  mapfile -t dict < <(known dict "$target")
  fuzz/package.sh "$target" "$OUT" "$OUT/$target" \
    "$(known options "$target")" "${dict[@]}" -- "${seeds[@]}"
}

main() {
  cd "$tree"
  mkdir -p "$OUT" "$WORK"
  readonly graph=$WORK/graph.list
  fuzz/oss_fuzz/targets.py "$@" >"$graph"
  local target
  # shellcheck disable=SC2046  # A name is a word.
  [[ $# -gt 0 ]] || set -- $(fuzz/oss_fuzz/targets.py --names)
  {
    known library
    ! needs_libpcap || echo "$without_capture"
    for target in "$@"; do known object "$target"; done
  } | LC_ALL=C sort -u >"$WORK/sources.list"
  compile "$WORK/sources.list"
  rm -f "$library"
  known library | sed "s|.*|$WORK/obj/&.o|" | xargs "${AR:-ar}" rcs "$library"
  for target in "$@"; do
    echo "linking $target"
    link "$target"
    package "$target"
  done
}

main "$@"
