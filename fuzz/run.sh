#!/bin/bash
# Fuzzes one target with libFuzzer.
#
#   run.sh TARGET BINARY [--dict=FILE] [--options=FILE] --seeds FILE... --
#          [--timeout_secs=N] [--clean | --empty] [--fuzzing_output_root=FOLDER]
#          [--regression | --print] [libFuzzer's]
#
# The corpus and what it finds are kept in FOLDER/TARGET (by default
# ${TMPDIR:-/tmp}/fuzzing), and the next run goes on from there; --clean forgets
# them first, --empty the seeds too. --regression runs the seeds and ends.
# --print makes the folder ready and prints the command, a word a line, instead
# of running it there; --print_only prints it and leaves the folder as it is.
set -euo pipefail

target=$1 binary=$2
shift 2
dict=() seeds=() engine=()

# The lines "name = value" of a file in the form of OSS-Fuzz.
read_options() {
  mapfile -t engine < <(awk -F ' *= *' '
    /^\[/ { ours = $0 == "[libfuzzer]"; next }
    ours && NF == 2 && $1 !~ /^#/ { print "-" $1 "=" $2 }' "$1")
}

while [[ $# -gt 0 && $1 != -- ]]; do
  case $1 in
    --dict=*) dict=(-dict="$(readlink -f "${1#*=}")") ;;
    --options=*) read_options "${1#*=}" ;;
    --seeds) ;;
    *) seeds+=("$(readlink -f "$1")") ;;
  esac
  shift
done
shift || true

seconds=0 clean=no regression=no print=no ready=yes
folder=${TMPDIR:-/tmp}/fuzzing
for argument in "$@"; do
  case $argument in
    --timeout_secs=*) seconds=${argument#*=} ;;
    --clean) clean=yes ;;
    --empty) clean=yes seeds=() ;;
    --print) print=yes ;;
    --print_only) print=yes ready=no ;;
    # As the caller means it, whom `bazel run` takes elsewhere.
    --fuzzing_output_root=*)
      folder=$(cd "${BUILD_WORKING_DIRECTORY:-.}" &&
        readlink -m -- "${argument#*=}")
      ;;
    --regression) regression=yes ;;
    --*)
      echo "run: $argument: no such option" >&2
      exit 2
      ;;
    -*) engine+=("$argument") ;;
    *)
      echo "run: $argument: no such option" >&2
      exit 2
      ;;
  esac
done
[[ $seconds =~ ^[0-9]{1,9}$ ]] || {
  echo "run: --timeout_secs=$seconds: seconds are a whole number up to" \
    "999999999" >&2
  exit 2
}
binary=$(readlink -f "$binary")
if ! grep -q LLVMFuzzerRunDriver "$binary"; then
  echo "run: $target was built without libFuzzer; build it with --config=fuzz" >&2
  exit 2
fi
if [[ $regression == yes ]]; then
  [[ ${#seeds[@]} -gt 0 ]] || {
    echo "run: $target: --regression runs the seeds, and there are none" >&2
    exit 2
  }
  exec "$binary" -runs=0 "${seeds[@]}"
fi

folder=$folder/$target
if [[ $ready == yes ]]; then
  [[ $clean == no ]] || rm -rf "$folder/corpus" "$folder/artifacts"
  mkdir -p "$folder/corpus" "$folder/artifacts"
  [[ ${#seeds[@]} == 0 ]] || cp -n -- "${seeds[@]}" "$folder/corpus/"
fi
command=("$binary" -artifact_prefix="$folder/artifacts/"
  -max_total_time="$seconds" "${dict[@]}" "${engine[@]}" corpus)
if [[ $print == yes ]]; then
  printf '%s\n' "${command[@]}"
  exit
fi
cd "$folder"
exec "${command[@]}"
