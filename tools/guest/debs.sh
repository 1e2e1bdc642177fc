# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# Debian packages of any release, fetched and unpacked without being installed:
# sourced by build.sh. apt works on copies below $work, with the archives that
# this machine's own apt is configured for; needs no root.

# Writes apt sources for release $1: the machine's, of its own release alone,
# with the release's name replaced.
write_sources() {
  local suite=$1 codename deb822 lines
  codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  [[ -n $codename ]] || die "/etc/os-release names no release"
  mapfile -t deb822 < <(find /etc/apt/sources.list.d -name '*.sources')
  awk -v RS= -v ORS='\n\n' -v suite="$suite" \
    -v mine="(^|\n)Suites:([^\n]*[ \t])?$codename([ \t\n]|$)" \
    '$0 ~ mine { sub(/(^|\n)Suites:[^\n]*/, "\nSuites: " suite)
                 sub(/(^|\n)Types:[^\n]*/, "\nTypes: deb")
                 sub(/^\n/, ""); print }' \
    /dev/null "${deb822[@]}" >"$work/parts/machine.sources"
  mapfile -t lines < <(find /etc/apt/sources.list /etc/apt/sources.list.d \
    -name '*.list' -type f 2>/dev/null)
  awk -v suite="$suite" -v codename="$codename" '
    $1 == "deb" { for (i = 2; i <= NF; ++i)
                    if ($i == codename) { $i = suite; print; next } }' \
    /dev/null "${lines[@]}" >"$work/parts/machine.list"
  [[ -s $work/parts/machine.sources || -s $work/parts/machine.list ]] ||
    die "apt is configured for no archive of $codename"
}

# COMMAND... of apt on the copies; as if nothing were installed.
apt() {
  local command=$1
  shift
  (cd "$work/debs" && LC_ALL=C.UTF-8 "$command" -q \
    -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$work/parts" \
    -o Dir::State::Lists="$work/lists" -o Dir::State::status="$work/status" \
    -o Dir::Cache="$work/cache" -o APT::Sandbox::User="$(id -un)" \
    -o APT::Install-Recommends=false -o APT::Update::Post-Invoke= \
    -o APT::Update::Post-Invoke-Success= "$@" 2>>"$work/log" </dev/null)
}

# Makes ready for release $1.
open_release() {
  mkdir -p "$work"/{parts,lists/partial,cache/archives/partial,debs}
  : >"$work/status"
  write_sources "$1"
  apt apt-get update >>"$work/log" || say "apt-get update had errors; going on"
}

# Names of the packages given and of all that they need, one a line, less those
# whose name matches the extended regular expression $1.
closure() {
  local but=$1
  shift
  apt apt-get install -y --print-uris "$@" |
    sed -n "s,^'[^']*' \([^_ ]*\)_.*\.deb .*,\1,p" | grep -vE "^($but)$" ||
    die "apt finds no way to $*: $(tail -n 3 "$work/log")"
}

# Fetches packages into $work/debs.
download() {
  apt apt-get download "$@" >>"$work/log" ||
    die "cannot fetch $*: $(tail -n 3 "$work/log")"
}

# The fetched archive of package $1.
deb_of() {
  local found
  found=$(find "$work/debs" -name "$1_*.deb" | head -n 1)
  [[ -n $found ]] || die "the package $1 was not fetched"
  echo "$found"
}
