#!/bin/bash
# Has enough free hugepages for the tests that need some, as far as this machine
# allows, while a command runs; then there are as many as before.
#
#   tools/hugepages.sh COMMAND [arguments]
#
# Needs root or sudo to change anything, says so where it cannot, and runs the
# command in any case. Its exit code is the command's.
set -uo pipefail

# Of testpmd, and of an EAL that grows; these tests run one at a time.
readonly wanted_megabytes=512
readonly setting=/proc/sys/vm/nr_hugepages

say() { echo "hugepages: $*" >&2; }

# A number of /proc/meminfo; 0 where there is no such line.
meminfo() {
  awk -v name="$1:" '$1 == name { n = $2 } END { print n + 0 }' /proc/meminfo
}

set_pages() {
  if [[ $(id -u) == 0 ]]; then
    echo "$1" >"$setting"
  else
    sudo -n tee "$setting" <<<"$1" >/dev/null
  fi
} 2>/dev/null

# Sets `before` if it changed the setting.
before=
add_pages() {
  local size_kb free missing now
  size_kb=$(meminfo Hugepagesize)
  free=$(meminfo HugePages_Free)
  [[ $size_kb -gt 0 && -e $setting ]] || {
    say "this kernel has none; tests that need them are skipped"
    return
  }
  missing=$(((wanted_megabytes * 1024 + size_kb - 1) / size_kb - free))
  [[ $missing -gt 0 ]] || return
  # Memory that others need is not taken away.
  if [[ $((missing * size_kb * 2)) -gt $(meminfo MemAvailable) ]]; then
    say "too little memory is available for $missing more; tests that need" \
      "them may be skipped"
    return
  fi
  now=$(cat "$setting")
  if ! set_pages "$((now + missing))"; then
    say "only root may add $missing (sysctl vm.nr_hugepages=$((now + missing)));" \
      "tests that need them may be skipped"
    return
  fi
  before=$now
  [[ $(meminfo HugePages_Free) -ge $((free + missing)) ]] ||
    say "the kernel found $(($(meminfo HugePages_Free) - free)) of $missing"
}

# shellcheck disable=SC2317
give_back() {
  [[ -z $before ]] || set_pages "$before" || say "cannot set $setting back"
}

add_pages
trap give_back EXIT
trap 'exit 130' INT TERM
"$@"
