# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# Modules that a release's kernel leaves out, built from its own source against
# its own headers: sourced by build.sh, after debs.sh. What the kernel's build
# runs is of the release too, with the libraries of $tree; the compiler is this
# machine's.

# The programs of the kernel's build below the folder $1, by the release's own
# loader: they may be too new for this machine.
run_by_loader() {
  local program
  find "$1" -type f -perm -u+x | while read -r program; do
    [[ $(head -c 4 "$program" | tr -d '\0') == $'\x7fELF' ]] || continue
    mv "$program" "$program.elf"
    printf '#!/bin/sh\nexec %q --argv0 "$0" --library-path %q %q "$@"\n' \
      "$tree/usr/lib64/ld-linux-x86-64.so.2" \
      "$tree/usr/lib/x86_64-linux-gnu" "$program.elf" >"$program"
    chmod 755 "$program"
  done
}

# Files of the kernel's source into the folder $1; $2 is the archive.
take_source() {
  local to=$1 archive=$2 top path
  shift 2
  top=$(basename "${archive%%_*}")
  # tar leaves at the last one, so those before it end by SIGPIPE.
  { dpkg-deb --fsys-tarfile "$archive" | tar -xO "./usr/src/$top.tar.xz" |
    xz -dc | tar -x -C "$to" --occurrence=1 --transform='s,.*/,,' \
    "${@/#/$top/}"; } 2>>"$work/log" || true
  for path in "$@"; do
    [[ -s $to/$(basename "$path") ]] || die "$top has no $path"
  done
}

# Builds the kernel's source files given, each but a header a module of its
# name, into the folder $1.
build_modules() {
  local to=$1 version source name all=${release%-*} built=$work/built
  shift
  version=$(dpkg-deb -f "$(deb_of "linux-image-$release")" Version)
  source=linux-source-$(cut -d . -f 1,2 <<<"$release")
  local packages=("linux-headers-$release" "linux-headers-$all-common"
    "linux-kbuild-$all" "$source")
  download "${packages[@]/%/=$version}"
  mkdir "$work/headers" "$built"
  for name in "${packages[@]:0:3}"; do
    dpkg-deb --fsys-tarfile "$(deb_of "$name")" |
      tar -x -C "$work/headers" --no-same-owner
  done
  run_by_loader "$work/headers/usr/lib/linux-kbuild-$all"
  local headers=$work/headers/usr/src/linux-headers-$release
  sed -i "s,/usr/src/,$work/headers/usr/src/," "$headers/Makefile"
  take_source "$built" "$(deb_of "$source")" "$@"
  (cd "$built" && printf 'obj-m += %s\n' ./*.c | sed 's,\./,,; s,c$,o,') \
    >"$built/Kbuild"
  # The kernel was configured for a compiler that knows another way to align;
  # nothing here can describe types as BTF.
  make -C "$headers" M="$built" CC=gcc CONFIG_CC_HAS_MIN_FUNCTION_ALIGNMENT= \
    CONFIG_DEBUG_INFO_BTF_MODULES= modules >>"$work/log" 2>&1 ||
    die "the kernel's modules do not build: $(tail -n 5 "$work/log")"
  mkdir -p "$to"
  strip --strip-debug "$built"/*.ko
  cp "$built"/*.ko "$to/"
}
