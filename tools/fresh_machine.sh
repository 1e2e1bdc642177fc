#!/bin/bash
# Proves that this tree needs nothing but a minimal Debian 12: makes one in a
# temporary folder, puts the tree in, and runs the two commands there.
#
#   tools/fresh_machine.sh [--keep] [COMMAND...]
#
# COMMANDs are run in turn, in the tree, by the new machine's shell; without
# any, `./vuser run`, `./vuser test` and, for the time of a second run,
# `./vuser test` again. --keep leaves the folder. Packages come from where this machine's own
# apt gets them. Needs root, debootstrap and about 4 GB.
set -euo pipefail

readonly suite=bookworm
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root

say() { echo "fresh_machine: $*"; }

die() {
  say "$*" >&2
  exit 1
}

# Lines "URI SUITE" of the Debian archives that apt is configured with.
archives() {
  apt-get indextargets --format '$(REPO_URI) $(RELEASE)' \
    'Created-By: Packages' |
    awk -v suite="$suite" '$2 ~ "^" suite "(-security|-updates)?$"' | sort -u
}

# How apt reaches them from here, and what it was told to put up with.
apt_options() {
  apt-config dump |
    grep -E '^Acquire::(.*[Pp]roxy|.*CaInfo|Check-(Valid-Until|Date))' ||
    true
}

make_machine() {
  local uri
  uri=$(archives | awk -v suite="$suite" '$2 == suite { print $1; exit }')
  [[ -n $uri ]] || die "this machine's apt has no archive of $suite"
  debootstrap --variant=minbase "$suite" "$machine" "$uri" >"$machine.log" ||
    die "debootstrap failed: $(tail -n 3 "$machine.log")"
  archives | sed -e 's/^/deb /' -e 's/$/ main/' \
    >"$machine/etc/apt/sources.list"
  apt_options >"$machine/etc/apt/apt.conf.d/99machine"
  cp -L /etc/resolv.conf "$machine/etc/resolv.conf"
  cp -L /etc/hosts "$machine/etc/hosts"
}

# What git tracks or would track, as it is now.
copy_tree() {
  mkdir "$machine/tree"
  git -C "$root" ls-files -co --exclude-standard -z |
    (cd "$root" && while IFS= read -r -d '' file; do
      [[ ! -e $file ]] || printf '%s\0' "$file"
    done) |
    tar -C "$root" --null -T - -c | tar -C "$machine/tree" -x
}

# Runs a shell script in the machine, in namespaces that take the mounts and
# every process along when it ends.
inside() {
  unshare --mount --pid --fork bash -c '
    mount -t proc proc "$1/proc"
    mount --rbind /sys "$1/sys"
    mount --rbind /dev "$1/dev"
    exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
      chroot "$1" /bin/bash -c "$2"' inside "$machine" "$1"
}

main() {
  local keep=no
  if [[ ${1:-} == --keep ]]; then
    keep=yes
    shift
  fi
  [[ $# -gt 0 ]] || set -- './vuser run' './vuser test' './vuser test'
  [[ $(id -u) == 0 ]] || die "needs root, for chroot and mount"
  command -v debootstrap >/dev/null || die "needs the package debootstrap"

  machine=$(mktemp -d "${TMPDIR:-/var/tmp}/fresh-machine.XXXXXX")
  [[ $keep == yes ]] ||
    trap 'rm -rf --one-file-system "$machine" "$machine.log"' EXIT
  say "making a minimal Debian ($suite) in $machine"
  make_machine
  copy_tree
  say "$(chroot "$machine" dpkg-query -W | wc -l) packages, made in $SECONDS s"

  # One script, so that what the first command leaves running serves the next.
  local script='
    cd /tree
    failed=0
    summary=
    try() {
      local start=$SECONDS code=0
      echo "fresh_machine: running $1"
      bash -c "$1" </dev/null || code=$?
      [[ $code == 0 ]] || failed=1
      summary+="fresh_machine: $1: exit code $code, $((SECONDS - start)) s"
      summary+=$(printf "\nx")
      summary=${summary%x}
    }
    '
  local command
  for command in "$@"; do
    script+="try $(printf '%q' "$command");"
  done
  script+='echo; printf "%s" "$summary"; exit $failed'
  if inside "$script"; then
    say "verdict: pass"
  else
    say "verdict: FAIL"
    exit 1
  fi
}

main "$@"
