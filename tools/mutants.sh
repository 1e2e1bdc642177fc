#!/bin/bash
# Plants the bugs of docs/history.md again, one at a time, and tells whether the
# tests notice.
#
#   tools/mutants.sh [ID...] [bazel options]
#   tools/mutants.sh --systematic ...     see tools/systematic_mutants.sh
#
# Exits 0 only if every one was caught, 2 for an id that nobody knows.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root
export USER="${USER:-$(id -un)}"

# Not the bugs of the past but every small change there is.
if [[ ${1:-} == --systematic ]]; then
  exec "$root/tools/systematic_mutants.sh" "${@:2}"
fi
cd "$root"

ids=() options=()
for argument in "$@"; do
  case $argument in
    -*) options+=("$argument") ;;
    *) ids+=("$argument") ;;
  esac
done

groups=(build)
[[ ! "${options[*]}" =~ --config=(asan|tsan|clang) ]] || groups+=(clang)
tools/setup.sh "${groups[@]}"

all=$(bazel query --noshow_progress \
  'attr(tags, "\bmutant\b", //tests/history/...)' 2>/dev/null | sort -V) ||
  { echo "mutants: bazel cannot read tests/history/BUILD" >&2; exit 1; }
targets=() unknown=()
for id in "${ids[@]}"; do
  if found=$(grep -E "^//tests/history(/[a-z_/]+)?:$id\$" <<<"$all"); then
    targets+=("$found")
  else
    unknown+=("$id")
  fi
done
if [[ ${#unknown[@]} -gt 0 ]]; then
  echo "mutants: unknown: ${unknown[*]} (docs/history.md has the ids; not" \
    "every one has a patch)" >&2
  exit 2
fi
[[ ${#targets[@]} -gt 0 ]] || mapfile -t targets <<<"$all"

[[ -t 2 ]] || options+=(--noshow_progress --noshow_loading_progress)
events=$(mktemp)
trap 'rm -f "$events"' EXIT
code=0
bazel test --keep_going --test_tag_filters= --test_summary=none \
  --test_output=summary --build_event_json_file="$events" "${options[@]}" \
  "${targets[@]}" || code=$?
awk -v bazel_exit="$code" -v targets="${targets[*]}" \
  -f tools/mutants_report.awk "$events"
