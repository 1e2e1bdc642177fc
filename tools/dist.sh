#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Builds the program as one statically linked file, for machines that have
# neither Bazel nor our libraries, and proves that it is one.
#
#   tools/dist.sh [FILE]     default: build/dist/vuser
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root
export USER="${USER:-$(id -un)}"

die() {
  echo "vuser: $*" >&2
  exit 1
}

main() {
  [[ $# -le 1 && ${1:-} != -* ]] || {
    echo "usage: ./vuser dist [FILE]" >&2
    exit 2
  }
  local file
  file=$(realpath -m -- "${1:-$root/build/dist/vuser}")
  [[ ! -d $file ]] || die "$file is a folder; name the file to write"
  mkdir -p "$(dirname "$file")" ||
    die "cannot make the folder of $file; name another file"
  cd "$root"
  tools/setup.sh build
  bazel build --config=opt --ui_event_filters=-info,-stdout --noshow_progress \
    --noshow_loading_progress //cli:vuser_static >&2
  local built
  built=$(bazel info --config=opt bazel-bin 2>/dev/null)/cli/vuser_static
  # An interpreter is what a program has that needs shared libraries.
  ! readelf --program-headers --wide "$built" | grep -q INTERP ||
    die "$built came out dynamically linked"
  # In one step, so that what is there is never half a program.
  install -m 755 "$built" "$file.new.$$" && mv -fT "$file.new.$$" "$file" ||
    die "cannot write $file"
  echo "$file"
}

main "$@"
