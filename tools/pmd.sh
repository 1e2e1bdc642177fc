#!/bin/bash
# Builds the DPDK driver net_vuser, installs what is missing for that first, and
# says how testpmd loads it.
#
#   tools/pmd.sh            build and tell
#   tools/pmd.sh --setup    only make ready for building it
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root
readonly driver=$root/build/dpdk/librte_net_vuser.so

say() { echo "vuser: $*" >&2; }

setup() {
  "$root/tools/setup.sh" build dpdk
  "$root/tools/dpdk_headers.sh"
  # Bazel looks anew whether DPDK is there.
  bazel sync --only=dpdk --ui_event_filters=-info,-stdout --noshow_progress \
    >/dev/null 2>&1 || say "bazel sync failed; going on"
}

# DPDK loads no driver from below a folder that everybody may write to.
check_folders() {
  local folder
  folder=$(dirname "$(readlink -f "$driver")")
  while [[ $folder != / ]]; do
    if [[ $(stat -c %A "$folder") == ????????w? ]]; then
      say "everybody may write to $folder, so DPDK will refuse to load the" \
        "driver from here: copy it, as to /usr/local/lib"
    fi
    folder=$(dirname "$folder")
  done
}

cd "$root"
setup
[[ ${1:-} != --setup ]] || exit 0
bazel build --config=opt --ui_event_filters=-info,-stdout --noshow_progress \
  //virtio_user/dpdk:librte_net_vuser.so >&2
install -m 644 \
  "$(bazel info --config=opt bazel-bin 2>/dev/null)/virtio_user/dpdk/librte_net_vuser.so" \
  "$driver"
check_folders
cat <<END
$driver

With a back-end on the socket SOCKET (docs/dpdk.md has all arguments):

  dpdk-testpmd --no-pci --in-memory --single-file-segments -m 512 \\
    -d $driver \\
    --vdev net_vuser0,path=SOCKET -- -i --forward-mode=io

Without hugepages and root: --no-huge --no-shconf -m 256 in place of --in-memory
--single-file-segments -m 512, and --no-mlockall --total-num-mbufs=8192 at the end.
END
