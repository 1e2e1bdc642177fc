#!/bin/bash
# How many inputs a second the fuzz targets run on one core, with the checks that
# they fuzz with (fuzz/sanitizer_options.cc): 30 seconds each from the committed
# corpus, beside a target that does nothing in a program of the same size.
#
#   bench/fuzz_rates.sh [--seconds N] [--check] [TARGET...]
#
# --check ends with 1 if a target is slower than it may be (docs/fuzzing.md).
# What is found on the way is kept in build/fuzz/TARGET/findings, and the end is
# 1: there is no rate of a target that ends.
set -euo pipefail

root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)
readonly root

usage() {
  echo "usage: bench/fuzz_rates.sh [--seconds N] [--check] [TARGET...]"
}

usage_error() {
  echo "fuzz_rates: $*" >&2
  exit 2
}

# One file is one target.
mapfile -t known < <(basename -s .cc "$root"/fuzz/*_fuzz.cc)

seconds=30 check=no targets=()
while [[ $# -gt 0 ]]; do
  case $1 in
    -h | --help)
      usage
      exit
      ;;
    --seconds)
      [[ ${2:-} =~ ^[1-9][0-9]*$ ]] ||
        usage_error "--seconds ${2:-}: seconds are a whole number above 0"
      seconds=$2
      shift
      ;;
    --check) check=yes ;;
    -*) usage_error "$1: no such option; $(usage)" ;;
    *)
      printf '%s\n' "${known[@]}" | grep -qxF -- "$1" ||
        usage_error "$1: no such target; there are: ${known[*]}"
      targets+=("$1")
      ;;
  esac
  shift
done
[[ ${#targets[@]} -gt 0 ]] || targets=("${known[@]}")

# Inputs a second; 0: as many as there are.
limit_of() {
  case $1 in
    feature_mask_fuzz) echo 200000 ;;
    control_queue_fuzz) echo 60000 ;;
    vhost_user_reply_fuzz) echo 50000 ;;
    rx_ring_fuzz | tx_ring_fuzz) echo 40000 ;;
    start_stop_fuzz) echo 10000 ;;
    *) echo 0 ;;
  esac
}

cd "$root"
"$root/tools/setup.sh" build fuzz
labels=()
for target in "${targets[@]}"; do
  labels+=("//fuzz:${target}_bin" "//fuzz:${target}_empty_bin")
done
"$root/tools/bazel" build --config=fuzz --ui_event_filters=-info \
  --noshow_progress --noshow_loading_progress "${labels[@]}" >&2
programs=$("$root/tools/bazel" info --config=fuzz bazel-bin 2>/dev/null)/fuzz

# In memory where that is possible: what a file system takes for each input that
# is kept (up to an eighth of the time) is not the target's.
shelf=${TMPDIR:-/dev/shm}
[[ -w $shelf ]] || shelf=/tmp
folder=$(mktemp -d -p "$shelf")
trap 'rm -rf "$folder"' EXIT

# The file of the engine's options that go with the target.
options_of() {
  local label
  label=$("$root/tools/bazel" query --noshow_progress \
    "labels(srcs, //fuzz:$1_options)" 2>/dev/null)
  label=${label#//}
  echo "${label/://}"
}

# Inputs a second of the target $1, by the program $2, in $3 seconds.
rate() {
  fuzz/rate.sh "$1" "$2" "$(options_of "$1")" "$3" "$folder" \
    "fuzz/corpus/$1" "build/fuzz/$1/findings"
}

# What an input of start_stop_fuzz has, on the average.
operations() { sed -n 's/^life: \(.*\) operations.*/\1/p' "$folder/log"; }

slow=0 ended=0
printf '%-24s %12s %12s %12s\n' target exec/s required empty/s
for target in "${targets[@]}"; do
  limit=$(limit_of "$target")
  got=$(rate "$target" "$programs/${target}_bin" "$seconds") || {
    printf '%-24s %12s %12d\n' "$target" "no rate" "$limit"
    ended=$((ended + 1))
    continue
  }
  lives=$(operations)
  empty=$(rate "$target" "$programs/${target}_empty_bin" $((seconds / 5 + 1)))
  mark=
  ((got >= limit)) || { mark='  slow' slow=$((slow + 1)); }
  printf '%-24s %12d %12d %12d%s%s\n' "$target" "$got" "$limit" "$empty" \
    "${lives:+  $lives operations an input}" "$mark"
done
if ((ended > 0)); then
  echo "verdict: fail: $ended of ${#targets[@]} targets have no rate"
  exit 1
elif ((slow == 0)); then
  echo "verdict: pass"
elif [[ $check == no ]]; then
  echo "$slow of ${#targets[@]} targets are slower than they should be"
else
  echo "verdict: fail: $slow of ${#targets[@]} targets are too slow"
  exit 1
fi
