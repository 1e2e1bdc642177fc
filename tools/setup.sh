#!/bin/bash
# Installs what is missing on a Debian 12 machine.
#
#   tools/setup.sh GROUP...     groups of tools/packages.txt
#
# Says what it installs, and nothing when nothing is missing. Needs nothing but
# bash, coreutils, awk and apt, which a minimal Debian has.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly here

say() { echo "setup: $*" >&2; }

die() {
  say "$*"
  exit 1
}

# What a command is run by, so that root runs it.
as_root=()

# Sets `as_root`. Asks for a password where there is somebody to ask, and only
# now: what installs has no standard input. $* is what it is for.
become_root() {
  [[ $(id -u) != 0 ]] || return 0
  command -v sudo >/dev/null ||
    die "these packages are missing, and neither root nor sudo is available" \
      "to install them: $*"
  as_root=(sudo -n)
  ! "${as_root[@]}" true 2>/dev/null || return 0
  [[ -t 0 ]] ||
    die "sudo wants a password, and there is no terminal here to ask for it;" \
      "install these packages first: $*"
  say "sudo wants a password, to install $*"
  as_root=(sudo)
  sudo -v || die "sudo wants a password and was given none that is right;" \
    "install these packages first: $*"
}

packages_of() {
  awk -v groups=" $* " \
    '!/^#/ && NF == 2 && index(groups, " " $1 " ") { print $2 }' \
    "$here/packages.txt" | sort -u
}

missing_of() {
  local package status
  for package in "$@"; do
    status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) ||
      true
    [[ $status == installed ]] || echo "$package"
  done
}

apt_get() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 \
    apt-get -q -y -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=600 "$@" \
    >>"$log" 2>&1 </dev/null
}

# True if apt's lists know every package.
lists_know() {
  local package
  for package in "$@"; do
    apt-cache show "$package" >/dev/null 2>&1 || return 1
  done
}

unknown_of() {
  local package
  for package in "$@"; do
    lists_know "$package" || echo "$package"
  done
}

install_packages() {
  local missing
  mapfile -t missing < <(missing_of "$@")
  [[ ${#missing[@]} -gt 0 ]] || return 0
  command -v apt-get >/dev/null ||
    die "these Debian packages are needed, and there is no apt-get here to" \
      "install them with: ${missing[*]}"
  become_root "${missing[@]}"
  log=$(mktemp "${TMPDIR:-/tmp}/vuser-setup.XXXXXX")
  say "installing ${missing[*]} (once; apt's output goes to $log)"
  local updated=no
  if ! lists_know "${missing[@]}"; then
    say "apt-get update"
    apt_get update || say "apt-get update had errors; going on"
    updated=yes
  fi
  local unknown
  mapfile -t unknown < <(unknown_of "${missing[@]}")
  [[ ${#unknown[@]} == 0 ]] ||
    die "apt knows no package ${unknown[*]}; is this Debian 12?" \
      "($(. /etc/os-release 2>/dev/null && echo "${PRETTY_NAME:-unknown}"))"
  if ! apt_get install --no-install-recommends "${missing[@]}"; then
    # Old lists name versions that the archive no longer has.
    if [[ $updated == yes ]] || ! apt_get update ||
      ! apt_get install --no-install-recommends "${missing[@]}"; then
      tail -n 20 "$log" >&2
      die "apt-get could not install ${missing[*]}"
    fi
  fi
  rm -f "$log"
  say "installed"
}

main() {
  local usage="usage: tools/setup.sh GROUP..., groups of tools/packages.txt"
  [[ $# -gt 0 ]] || die "$usage"
  case $1 in
    -h | --help)
      echo "$usage"
      exit
      ;;
  esac
  local packages group
  for group in "$@"; do
    [[ -n $(packages_of "$group") ]] || die "no package group '$group';" \
      "tools/packages.txt has them"
  done
  mapfile -t packages < <(packages_of "$@")
  install_packages "${packages[@]}"
}

main "$@"
