#!/bin/bash
# How many inputs a second the fuzz targets run on one core, with all checks
# on: 30 seconds each from the committed corpus, beside a target that does
# nothing in a program of the same size.
#
#   bench/fuzz_rates.sh [--seconds N] [--check] [TARGET...]
#
# --check ends with 1 if a target is slower than it may be (docs/fuzzing.md).
set -euo pipefail

root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)
readonly root

usage() {
  echo "usage: bench/fuzz_rates.sh [--seconds N] [--check] [TARGET...]" >&2
  exit 2
}

seconds=30 check=no targets=()
while [[ $# -gt 0 ]]; do
  case $1 in
    --seconds)
      [[ ${2:-} =~ ^[1-9][0-9]*$ ]] || usage
      seconds=$2
      shift
      ;;
    --check) check=yes ;;
    -*) usage ;;
    *) targets+=("$1") ;;
  esac
  shift
done

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
mapfile -t known < <("$root/tools/bazel" query --noshow_progress \
  'attr(generator_function, "^cc_fuzz_test$", attr(tags, "fuzz-test", //fuzz/...))' \
  2>/dev/null | sed 's|.*:||' | LC_ALL=C sort)
[[ ${#targets[@]} -gt 0 ]] || targets=("${known[@]}")
labels=()
for target in "${targets[@]}"; do
  [[ " ${known[*]} " == *" $target "* ]] || {
    echo "fuzz_rates: no target is called $target; there are: ${known[*]}" >&2
    exit 2
  }
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

# Runs a program on a copy of the target's corpus, for so many seconds; inputs
# a second, without those of the corpus itself.
rate() {
  local program=$1 corpus=$2 log=$folder/log options seeds command
  options=$(options_of "$corpus")
  mapfile -t seeds < <(find "$root/fuzz/corpus/$corpus" -type f)
  mapfile -t command < <(fuzz/run.sh "$corpus" "$program" \
    --options="$options" --seeds "${seeds[@]}" -- --print --clean \
    --timeout_secs="$3" --fuzzing_output_root="$folder" \
    -seed=1 -print_final_stats=1)
  (cd "$folder/$corpus" && VUSER_LIFE_COUNT=1 "${command[@]}") \
    >"$log" 2>&1 || {
    tail -20 "$log" >&2
    echo "fuzz_rates: $corpus: a finding; no rate" >&2
    return 1
  }
  awk '/INITED/ { sub("#", "", $1); before = $1 }
    /number_of_executed_units/ { runs = $2 }
    /^Done .* in .* second/ { seconds = $5 }
    END { printf "%.0f", (runs - before) / (seconds > 0 ? seconds : 1) }' "$log"
}

# What an input of start_stop_fuzz has, on the average.
operations() { sed -n 's/^life: \(.*\) operations.*/\1/p' "$folder/log"; }

slow=0
printf '%-24s %12s %12s %12s\n' target exec/s required empty/s
for target in "${targets[@]}"; do
  limit=$(limit_of "$target")
  got=$(rate "$programs/${target}_bin" "$target" "$seconds")
  lives=$(operations)
  empty=$(rate "$programs/${target}_empty_bin" "$target" $((seconds / 5 + 1)))
  mark=
  ((got >= limit)) || { mark='  slow' slow=$((slow + 1)); }
  printf '%-24s %12d %12d %12d%s%s\n' "$target" "$got" "$limit" "$empty" \
    "${lives:+  $lives operations an input}" "$mark"
done
if ((slow == 0)); then
  echo "verdict: pass"
else
  echo "verdict: fail: $slow of ${#targets[@]} targets are too slow"
  [[ $check == no ]] || exit 1
fi
