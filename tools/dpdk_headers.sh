#!/bin/bash
# Puts the headers that a driver outside DPDK's tree needs, and that Debian's
# libdpdk-dev leaves out, into build/dpdk/include, which git ignores.
#
#   tools/dpdk_headers.sh
#
# They come out of the Debian source package of exactly the libdpdk-dev that is
# installed, from the archives that this machine's apt knows. The machine's own
# sources and lists stay as they are: apt works on copies in build/dpdk. Needs no
# root. Does nothing when the headers are there.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root
readonly folder=$root/build/dpdk
readonly headers=(
  drivers/bus/vdev/bus_vdev_driver.h
  lib/eal/include/bus_driver.h
  lib/eal/include/dev_driver.h
  lib/ethdev/ethdev_driver.h
  lib/ethdev/ethdev_vdev.h
)

say() { echo "dpdk_headers: $*" >&2; }

die() {
  say "$*"
  exit 1
}

installed_version() {
  # shellcheck disable=SC2016
  dpkg-query -W -f='${source:Version}' libdpdk-dev 2>/dev/null ||
    die "libdpdk-dev is not installed: run ./vuser setup dpdk"
}

# The machine's Debian archives as source archives: entries of its release alone,
# since others have no sources, or none of DPDK.
write_sources() {
  local parts=$1 codename
  codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  [[ -n $codename ]] || die "/etc/os-release names no release"
  local deb822 lines
  mapfile -t deb822 < <(find /etc/apt/sources.list.d -name '*.sources')
  awk -v RS= -v ORS='\n\n' -v suite="(^|\n)Suites:[^\n]*[ \t]$codename" \
    '$0 ~ suite { sub(/(^|\n)Types:[^\n]*/, "\nTypes: deb-src")
                  sub(/^\n/, ""); print }' \
    /dev/null "${deb822[@]}" >"$parts/machine.sources"
  mapfile -t lines < <(find /etc/apt/sources.list /etc/apt/sources.list.d \
    -name '*.list' -type f 2>/dev/null)
  awk -v suite="[ \t]$codename" \
    '$1 == "deb" && $0 ~ suite { $1 = "deb-src"; print }' \
    /dev/null "${lines[@]}" >"$parts/machine.list"
  [[ -s $parts/machine.sources || -s $parts/machine.list ]] ||
    die "apt is configured for no archive of $codename"
}

# apt-get on the copies below $1.
apt_get() {
  local work=$1
  shift
  local options=(
    -o "Dir::Etc::SourceList=/dev/null"
    -o "Dir::Etc::SourceParts=$work/parts"
    -o "Dir::State::Lists=$work/lists"
    -o "Dir::Cache=$work/cache"
    # The folders are this user's.
    -o "APT::Sandbox::User=$(id -un)"
    # What the machine does after an update of its own.
    -o "APT::Update::Post-Invoke="
    -o "APT::Update::Post-Invoke-Success="
  )
  (cd "$work" && LC_ALL=C.UTF-8 apt-get -q -y "${options[@]}" "$@") \
    >>"$work/log" 2>&1 </dev/null
}

download() {
  local work=$1 version=$2
  mkdir -p "$work"/{parts,lists/partial,cache/archives/partial}
  write_sources "$work/parts"
  apt_get "$work" update || say "apt-get update had errors; going on"
  apt_get "$work" source --download-only "dpdk=$version" || {
    tail -n 5 "$work/log" >&2
    die "no source package dpdk $version was found; after an upgrade of the" \
      "archive: apt-get install libdpdk-dev"
  }
}

main() {
  local version
  version=$(installed_version)
  [[ $(cat "$folder/version" 2>/dev/null) != "$version" ]] || return 0
  say "fetching the source package of dpdk $version (once)"
  mkdir -p "$folder"
  work=$(mktemp -d "$folder/fetch.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  download "$work" "$version"
  local archives=("$work"/dpdk_*.orig.tar.*)
  [[ -f ${archives[0]} ]] || die "the source package has no upstream archive"
  mkdir "$work/include"
  tar -xf "${archives[0]}" -C "$work/include" --strip-components=1 --wildcards \
    "${headers[@]/#/*/}"
  mkdir -p "$folder/include"
  local header
  for header in "${headers[@]}"; do
    install -m 644 "$work/include/$header" "$folder/include/"
  done
  echo "$version" >"$folder/version"
  say "the headers are in $folder/include"
}

main "$@"
