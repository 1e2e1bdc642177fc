#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Builds a guest for tools/guest/run.sh into build/guest/NAME, once; does nothing
# when it is there and made by these very scripts.
#
#   tools/guest/build.sh NAME...
#
#   debian12   kernel 6.1: vhost-net and tap
#   debian13   kernel 6.12: vDPA, with two devices: DPDK's testpmd over VDUSE,
#              and the kernel's vdpa_sim_net, which Debian does not build
#
# A guest is a kernel, an initramfs that mounts a disk image read-only, and that
# image: Debian packages, unpacked and not installed. Needs neither root nor
# anything but apt and what tools/packages.txt names for it.
set -euo pipefail

here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
root=$(cd "$here/../.." && pwd)
readonly here root guests=$root/build/guest

say() { echo "guest: $*" >&2; }

die() {
  say "$*"
  exit 1
}

# shellcheck source=tools/guest/debs.sh
. "$here/debs.sh"
# shellcheck source=tools/guest/modules.sh
. "$here/modules.sh"

# What only the installation or a shell for people would need.
readonly not_needed='(lib|linux-|zlib).*-dev(-bin)?|python3.*|libpython3.*|systemd.*|perl.*'\
'|libperl.*|debconf.*|dpkg|udev|initramfs-tools.*|pciutils|procps|dracut.*'

# What the initramfs loads before there is a disk.
readonly boot_modules=(virtio_pci virtio_blk crc32c_generic ext4 overlay)
# What tests ask for; what these need comes with them. No kernel has all.
readonly modules=("${boot_modules[@]}"
  af_packet tun dummy vhost_net vdpa vduse vhost_vdpa)

# Sets suite, packages, and files of the kernel's source to be built.
describe() {
  sources=()
  packages=(busybox-static dash iproute2 kmod strace util-linux)
  case $1 in
    debian12) suite=bookworm ;;
    debian13)
      suite=trixie
      packages+=(dpdk-dev '^librte-net-(vhost|virtio)[0-9]+$'
        '^librte-mempool-ring[0-9]+$')
      sources=(drivers/vhost/vringh.c
        drivers/vdpa/vdpa_sim/{vdpa_sim.c,vdpa_sim.h,vdpa_sim_net.c})
      ;;
    *) die "no guest '$1'; there are debian12 and debian13" ;;
  esac
}

# What the guest depends on, as one word.
stamp_of() {
  (echo "$1" && cat "$here"/{build,debs,modules}.sh "$here/init") |
    sha256sum | cut -d ' ' -f 1
}

unpack_packages() {
  local names name
  mapfile -t names < <(closure "$not_needed" "${packages[@]}")
  [[ ${#names[@]} -gt 0 ]] || exit 1
  download "${names[@]}" base-files
  for name in "$work"/debs/*.deb; do
    dpkg-deb --fsys-tarfile "$name" | tar -x -C "$tree" --no-same-owner \
      --exclude='./usr/share/*' --exclude='./usr/include'
  done
}

# depmod, which some users do not have in their $PATH.
table_modules() {
  PATH=$PATH:/usr/sbin:/sbin depmod -b "$1" "$release" 2>>"$work/log"
}

# The kernel, and those of its modules that are wanted.
unpack_kernel() {
  local image from name
  image=$(apt apt-cache depends linux-image-amd64 |
    sed -n 's/^ *Depends: //p' | head -n 1)
  [[ -n $image ]] || die "apt knows no kernel of $suite"
  download "$image"
  mkdir "$work/kernel"
  dpkg-deb --fsys-tarfile "$(deb_of "$image")" |
    tar -x -C "$work/kernel" --no-same-owner
  mv "$work"/kernel/boot/vmlinuz-* "$made/vmlinuz"
  # Some releases have /lib as a folder of its own, others as a link.
  [[ -e $work/kernel/lib ]] || ln -s usr/lib "$work/kernel/lib"
  from=$(echo "$work"/kernel/lib/modules/*)
  release=$(basename "$from")
  table_modules "$work/kernel"
  local to=$tree/usr/lib/modules/$release
  mkdir -p "$to"
  [[ -e $tree/lib/modules ]] ||
    ln -sr "$tree/usr/lib/modules" "$tree/lib/modules"
  cp "$from"/modules.{builtin,builtin.modinfo,order} "$to/"
  for name in "${modules[@]}"; do
    with_needed "$name" "$from"
  done | sort -u | (cd "$from" && xargs cp --parents -t "$to")
  find "$to" -name '*.ko.xz' -exec xz -d {} +
  [[ ${#sources[@]} == 0 ]] || build_modules "$to/extra" "${sources[@]}"
  table_modules "$tree"
}

# What module $1 needs, and itself, in the order in which they are loaded: paths
# below the folder $2.
with_needed() {
  awk -v name="$1" '
    { path = $1; sub(/:$/, "", path); base = path
      sub(/.*\//, "", base); sub(/\.ko.*$/, "", base); gsub(/-/, "_", base)
      if (base == name) {
        for (i = NF; i >= 2; --i) print $i
        print path } }' "$2/modules.dep"
}

# The programs of busybox in places where nothing else is.
add_busybox() {
  local name
  for name in $("$work/busybox" --list); do
    [[ -e $tree/usr/bin/$name || -e $tree/usr/sbin/$name ||
      -e $tree/bin/$name || -e $tree/sbin/$name ]] ||
      ln -s /busybox "$tree/bin/$name"
  done
  cp "$work/busybox" "$tree/busybox"
  mkdir -p "$tree"/{proc,sys,dev,run,tmp,job,root,etc}
  printf '%s\n' 'root:x:0:0::/root:/bin/sh' \
    'nobody:x:65534:65534::/:/bin/sh' >"$tree/etc/passwd"
  printf '%s\n' 'root:x:0:' 'nogroup:x:65534:' >"$tree/etc/group"
}

make_initramfs() {
  local early=$work/early name path
  mkdir -p "$early"/{bin,proc,sys,dev,disk,rw,new,modules}
  cp "$work/busybox" "$early/bin/busybox"
  install -m 755 "$here/init" "$early/init"
  # Loaded one after the other: busybox needs no tables so.
  for name in "${boot_modules[@]}"; do
    with_needed "$name" "$tree/usr/lib/modules/$release"
  done | awk '!seen[$0]++' | while read -r path; do
    cp "$tree/usr/lib/modules/$release/$path" "$early/modules/"
    basename "$path" >>"$early/modules/order"
  done
  (cd "$early" && find . | "$work/busybox" cpio -o -H newc 2>/dev/null) |
    gzip -1 >"$made/initrd"
  # What is put behind it begins at a multiple of four.
  truncate -s %4 "$made/initrd"
}

make_image() {
  local megabytes
  megabytes=$(($(du -sm "$tree" | cut -f 1) * 5 / 4 + 32))
  PATH=$PATH:/usr/sbin:/sbin mke2fs -q -t ext4 -O ^has_journal \
    -E root_owner=0:0 -d "$tree" "$made/root.img" "${megabytes}M" \
    >>"$work/log" 2>&1 || die "mke2fs failed: $(tail -n 3 "$work/log")"
}

build() {
  local name=$1 suite packages sources release
  describe "$name"
  local stamp
  stamp=$(stamp_of "$name")
  [[ $(cat "$guests/$name/stamp" 2>/dev/null) != "$stamp" ]] || return 0
  say "building the guest $name (once)"
  local start=$SECONDS
  work=$(mktemp -d "$guests/.work.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  local tree=$work/tree made=$work/made
  mkdir "$tree" "$made"
  open_release "$suite"
  unpack_packages
  cp "$(find "$tree" -name busybox -type f | head -n 1)" "$work/busybox"
  unpack_kernel
  add_busybox
  make_initramfs
  make_image
  cp "$work/busybox" "$made/busybox"
  echo "$release" >"$made/release"
  echo "$stamp" >"$made/stamp"
  # Whole or not at all.
  rm -rf "${guests:?}/$name"
  mv -T "$made" "$guests/$name"
  rm -rf "$work"
  say "$name: kernel $release, in $((SECONDS - start)) s"
}

main() {
  [[ $# -gt 0 ]] || die "usage: tools/guest/build.sh NAME..."
  mkdir -p "$guests"
  local name
  for name in "$@"; do
    describe "$name"
  done
  "$root/tools/setup.sh" guest
  # Of two at a time, the second finds the first one's work.
  exec 9>"$guests/.lock"
  flock 9
  # What builds that were killed left behind.
  rm -rf "$guests"/.work.*
  for name in "$@"; do
    build "$name"
  done
}

main "$@"
