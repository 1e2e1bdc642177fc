#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Runs a program of the folder OUT as a fuzzing machine would: everything is
# read-only but /tmp, /dev is empty, there is a shell, and of libraries there
# are libc's and libgcc's. OUT lies at /not-out, so that no path of the build is
# right.
#
#   jail.sh OUT CWD SCRATCH PROGRAM [ARGUMENT...]
#
# CWD is a folder in there, such as / or /empty; SCRATCH becomes /tmp, and
# SCRATCH.root is where the jail is built. Exit code 125: there is none to be
# had here.
set -euo pipefail

# The libraries that every machine has.
readonly runtime='^(lib(c|m|dl|rt|pthread|resolv|gcc_s))\.so\.'

no_jail() {
  echo "jail: $*" >&2
  exit 125
}

if [[ ${1:-} != --inside ]]; then
  flags=(--mount)
  [[ $(id -u) == 0 ]] || flags+=(--map-root-user)
  unshare "${flags[@]}" true 2>/dev/null ||
    no_jail "no mount namespace here: run as root, or in a container that may" \
      "(--cap-add=SYS_ADMIN)"
  exec unshare "${flags[@]}" "${BASH_SOURCE[0]}" --inside "$@"
fi

shift
out=$(readlink -f "$1") cwd=$2 scratch=$(readlink -f "$3")
shift 3
root=$scratch.root
mkdir -p "$root"
{
  mount -t tmpfs jail "$root"
  mkdir -p "$root"/{bin,dev,empty,not-out,proc,tmp}
  mount --rbind /proc "$root/proc"
  mount --bind "$scratch" "$root/tmp"
  mount --bind "$out" "$root/not-out"
  mount -o remount,bind,ro "$root/not-out"
} || no_jail "no mount can be made here"

# libFuzzer starts itself again through a shell.
cp -L /bin/sh "$root/bin/"
interpreter=$(readelf --program-headers --wide /bin/sh |
  sed -n 's/.*interpreter: \(.*\)\]/\1/p')
{
  echo "$interpreter"
  /sbin/ldconfig -p | awk -v wanted="$runtime" \
    '$1 ~ wanted && /x86-64|AArch64/ { print $NF }'
} | while read -r library; do
  mkdir -p "$root$(dirname "$library")"
  cp -L "$library" "$root$library"
done
mount -o remount,bind,ro "$root" ||
  no_jail "no read-only file system can be made"
exec unshare --root="$root" --wd="$cwd" "/not-out/$1" "${@:2}"
