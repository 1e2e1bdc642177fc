#!/bin/bash
# Instructions that receiving and sending one packet takes, by data path: own
# buffers, 64 bytes, bursts of 32, one thread, counted by callgrind.
#
#   bench/instructions.sh [--check]
#
# --check ends with 1 if a path takes more than it may (docs/performance.md).
set -euo pipefail

root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)
readonly root
readonly packets=65536
readonly paths=(split-mrg split-nomrg split-inorder-mrg split-inorder-nomrg
  packed-mrg packed-nomrg packed-inorder-mrg packed-inorder-nomrg)

check=no
case $* in
  "") ;;
  --check) check=yes ;;
  *)
    echo "usage: bench/instructions.sh [--check]" >&2
    exit 2
    ;;
esac

limit_of() {
  case $1 in
    packed-*) echo 90 ;;
    split-inorder-*) echo 100 ;;
    *) echo 120 ;;
  esac
}

# count FUNCTION PATH PACKETS [swapped]: instructions inside of FUNCTION.
count() {
  local log
  log=$(valgrind --tool=callgrind --callgrind-out-file=/dev/null \
    --cache-sim=no --toggle-collect="$1" "$program" "${@:2}" 2>&1) || {
    echo "$log" >&2
    return 1
  }
  awk '/ Collected +:/ { print $NF; found = 1 } END { exit !found }' \
    <<<"$log"
}

# The setting up falls out of the difference.
per_packet() {
  local once twice
  once=$(count "$1" "$2" "$packets" "${@:3}")
  twice=$(count "$1" "$2" $((2 * packets)) "${@:3}")
  awk -v once="$once" -v twice="$twice" -v n="$packets" \
    'BEGIN { printf "%.1f", (twice - once) / n }'
}

"$root/tools/setup.sh" build bench
cd "$root"
"$root/tools/bazel" build --config=opt --ui_event_filters=-info \
  --noshow_progress --noshow_loading_progress //bench:instructions >&2
program=$("$root/tools/bazel" info --config=opt bazel-bin \
  2>/dev/null)/bench/instructions
readonly program

verdict=0
printf '  %-20s  %6s  %6s  %6s  %5s\n' path RX TX both limit
for path in "${paths[@]}"; do
  rx=$(per_packet vuser_bench_receive "$path")
  tx=$(per_packet vuser_bench_send "$path")
  limit=$(limit_of "$path")
  both=$(awk -v a="$rx" -v b="$tx" 'BEGIN { printf "%.1f", a + b }')
  note=
  if awk -v a="$both" -v b="$limit" 'BEGIN { exit !(a > b) }'; then
    note='  above'
    verdict=1
  fi
  printf '  %-20s  %6s  %6s  %6s  %5s%s\n' "$path" "$rx" "$tx" "$both" \
    "$limit" "$note"
done

# A device that uses chains out of order, where it may.
echo
printf '  %-20s  %6s  %6s  %6s\n' 'out of order' RX TX both
for path in split-mrg split-nomrg packed-mrg packed-nomrg; do
  rx=$(per_packet vuser_bench_receive "$path" swapped)
  tx=$(per_packet vuser_bench_send "$path" swapped)
  printf '  %-20s  %6s  %6s  %6s\n' "$path" "$rx" "$tx" \
    "$(awk -v a="$rx" -v b="$tx" 'BEGIN { printf "%.1f", a + b }')"
done
[[ $check == no ]] || exit "$verdict"
