#!/bin/bash
# Which loads of memory that a peer can write the corpora of control_queue_fuzz,
# rx_ring_fuzz and tx_ring_fuzz reach, and whether the peer left the word alone
# and changed it there, before and after.
#
#   fuzz/load_sites.sh [CORPORA]
#
# CORPORA/TARGET/ are the inputs (default: fuzz/corpus). A table by line of
# source; ends with 1 if a line with such a load lacks one of the three.
set -euo pipefail

root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)
readonly root
corpora=$(readlink -f "${1:-$root/fuzz/corpus}")
readonly targets=(control_queue_fuzz rx_ring_fuzz tx_ring_fuzz)

cd "$root"
tools/setup.sh build fuzz
labels=()
for target in "${targets[@]}"; do labels+=("//fuzz:${target}_bin"); done
tools/bazel build --config=fuzz --ui_event_filters=-info --noshow_progress \
  --noshow_loading_progress "${labels[@]}" >&2
programs=$(tools/bazel info --config=fuzz bazel-bin 2>/dev/null)/fuzz
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# Lines of source with a load of shared memory, as FILE:LINE.
source_lines() {
  grep -nE 'LoadRelaxed<|CopyFromShared\(|\.load\(std::memory_order_acquire' \
    virtio_user/ring/*.{h,cc} virtio_user/net/*.{h,cc} \
    virtio_user/device/control_queue.cc |
    grep -vE '^virtio_user/ring/(shared_memory|ring_gate)\.h' |
    sed -E 's|^virtio_user/([^:]*:[0-9]+):.*|\1|'
}

for target in "${targets[@]}"; do
  mapfile -t inputs < <(find "$corpora/$target" -type f | LC_ALL=C sort)
  [[ ${#inputs[@]} -gt 0 ]] || {
    echo "load_sites: there is no input in $corpora/$target" >&2
    exit 2
  }
  VUSER_LOAD_SITES=$folder/$target "$programs/${target}_bin" "${inputs[@]}" \
    >"$folder/log" 2>&1 || {
    tail -20 "$folder/log" >&2
    exit 1
  }
  # The innermost line that is not in shared_memory.h, for each instruction.
  cut -d' ' -f1 "$folder/$target" |
    llvm-symbolizer-19 --functions=none --inlines \
      --obj="$programs/${target}_bin" |
    awk '/^$/ { print line == "" ? "?" : line; line = ""; next }
      line == "" && match($0, /virtio_user\/(ring|net|device)\/[^:]*:[0-9]+/) {
        place = substr($0, RSTART + 12, RLENGTH - 12)
        if (place !~ /^ring\/shared_memory/) line = place
      }' | paste -d' ' - "$folder/$target"
done >"$folder/met"

awk -v lines="$(source_lines)" '
  { sites[$1]++; unchanged[$1] += $3; before[$1] += $4; after[$1] += $5 }
  END {
    printf "%-34s %6s %12s %12s %12s\n", "load", "sites", "unchanged",
      "before", "after"
    count = split(lines, known, "\n")
    for (i = 1; i <= count; ++i) {
      line = known[i]
      lacks = !(unchanged[line] && before[line] && after[line])
      lacking += lacks
      printf "%-34s %6d %12d %12d %12d%s\n", line, sites[line],
        unchanged[line], before[line], after[line], lacks ? "  lacking" : ""
    }
    if (count == 0) lacking = 1
    printf "verdict: %s: %d of %d lines met a peer that wrote before, one that wrote after, and one that did not\n",
      lacking ? "fail" : "pass", count - lacking, count
    exit lacking != 0
  }' "$folder/met"
