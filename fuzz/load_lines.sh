#!/bin/bash
# Lines of production code that load memory which a peer can write, and that the
# fuzz targets of rings reach: FILE:LINE below virtio_user/, a line each.
#
#   load_lines.sh [ROOT]
#
# Ends with 1 if a file has such a load and is neither among those whose loads
# --config=fuzz counts nor among those that are left out (docs/fuzzing.md), or if
# a line has two loads, one of which would hide behind the other.
set -euo pipefail

cd "${1:-.}"
load='LoadRelaxed<|CopyFromShared\(|SharedWord<|std::atomic_ref<'
load+='|volatile SharedU32x4'
# A load that is acquired stands on a line of its own, those of 16 bytes behind
# their pointer; a store does not count.
line='LoadRelaxed<|CopyFromShared\(|\.load\(std::memory_order_acquire'
line+='|reinterpret_cast<U64x2>\(at\['
readonly load line
readonly counted='^virtio_user/((ring|net)/|device/control_(queue|command)\.cc)'
readonly left_out=(
  virtio_user/device/device_inflight.cc
  virtio_user/device/start_sequence.cc
  virtio_user/dpdk/control_commands.cc
  virtio_user/os/vdpa_control_queue.cc
  virtio_user/os/vhost_vdpa_vrings.cc
)

code=0
while read -r file; do
  [[ ! $file =~ $counted && " ${left_out[*]} " != *" $file "* ]] || continue
  echo "load_lines: $file: it loads what a peer can write, and nothing counts" \
    "it: name it in build:fuzz of .bazelrc and here, or here among what is" \
    "left out" >&2
  code=1
done < <(grep -rlE --include='*.h' --include='*.cc' "$load" virtio_user |
  LC_ALL=C sort)
grep -nE "$line" virtio_user/ring/*.{h,cc} virtio_user/net/*.{h,cc} \
  virtio_user/device/control_{queue,command}.cc |
  grep -vE '^virtio_user/ring/(shared_memory|ring_gate)\.h' |
  sed -E 's|^virtio_user/([^:]*:[0-9]+):.*|\1|'
two=$(grep -nE "($line).*($line)" virtio_user/ring/*.{h,cc} \
  virtio_user/net/*.{h,cc} virtio_user/device/control_{queue,command}.cc) || true
[[ -z $two ]] || {
  echo "load_lines: two loads in a line; give each its own: $two" >&2
  code=1
}
exit "$code"
