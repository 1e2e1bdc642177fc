#!/bin/bash
# Which loads of memory that a peer can write the corpora of control_queue_fuzz,
# rx_ring_fuzz and tx_ring_fuzz reach, and whether the peer left the word alone
# and changed it there, before and after.
#
#   fuzz/load_sites.sh [CORPORA]
#
# CORPORA/TARGET/ are the inputs (default: fuzz/corpus, and the seeds that it
# leaves out: who writes when is nothing that an engine sees). A table by line of
# source; ends with 1 if a line with such a load lacks one of the three, or if a
# load was met that is not listed (load_lines.sh).
set -euo pipefail

root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)
readonly root
readonly targets=(control_queue_fuzz rx_ring_fuzz tx_ring_fuzz)

usage() { echo "usage: fuzz/load_sites.sh [CORPORA]"; }

usage_error() {
  echo "load_sites: $*" >&2
  exit 2
}

case ${1:-} in
  -h | --help)
    usage
    exit
    ;;
  -*) usage_error "$1: no such option; $(usage)" ;;
esac
[[ $# -le 1 ]] || usage_error "$2: one word too many; $(usage)"
corpora=$(readlink -m "${1:-$root/fuzz/corpus}")
[[ -d $corpora ]] || usage_error "$corpora: no such folder; $(usage)"

cd "$root"
lines=$(fuzz/load_lines.sh)
tools/setup.sh build fuzz
labels=()
for target in "${targets[@]}"; do labels+=("//fuzz:${target}_bin"); done
tools/bazel build --config=fuzz --ui_event_filters=-info --noshow_progress \
  --noshow_loading_progress "${labels[@]}" >&2
programs=$(tools/bazel info --config=fuzz bazel-bin 2>/dev/null)/fuzz
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

for target in "${targets[@]}"; do
  folders=("$corpora/$target")
  if [[ $corpora == "$root/fuzz/corpus" && -e fuzz/left_out/$target.list ]]; then
    tools/bazel run --ui_event_filters=-info --noshow_progress \
      --noshow_loading_progress //fuzz:make_corpus -- "$target" \
      "$folder/$target.kept" "$folder/$target.left_out" >&2
    folders+=("$folder/$target.left_out")
  fi
  mapfile -t inputs < <(find "${folders[@]}" -type f | LC_ALL=C sort)
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

awk -v lines="$lines" -f fuzz/load_sites.awk "$folder/met"
