#!/bin/bash
# What tools/coverage_report.awk makes of llvm-cov's report.
set -uo pipefail

awk_program=$PWD/tools/coverage_report.awk
cd "$(mktemp -d)" || exit 1
trap 'rm -rf "$PWD"' EXIT
wrong=0

# Lines are columns 5 to 7; llvm-cov leaves out the folders that all share.
cat >report <<'END'
Filename            Functions  Missed  Executed  Lines  Missed  Cover
---------------------------------------------------------------------
device/device.cc            4       0   100.00%     90       9  90.00%
os/tap.cc                   4       4     0.00%    100     100   0.00%
ring/ring.h                 1       0   100.00%     10       1  90.00%
TOTAL                       9       4    55.56%    200     110  45.00%
END

# report LIMIT ASIDE SOURCES [TEST_CODE [FAILED_TARGETS]]: its words, then its exit code.
report() {
  local code=0
  awk -v limit="$1" -v aside="$2" -v sources="$3" -v test_code="${4:-0}" \
    -v failed_targets="${5:-}" -v page=page.html -f "$awk_program" report >out || code=$?
  echo "$(tr -s ' \n' ' ' <out) code $code"
}

# expect PATTERN TEXT
expect() {
  # shellcheck disable=SC2053
  [[ $2 == $1 ]] && return
  printf 'not "%s" but "%s"\n' "$1" "$2"
  wrong=1
}

all=$'virtio_user/device/device.cc\nvirtio_user/os/tap.cc'
aside='^virtio_user/(os|dpdk)/'

expect '* total 90 of 200 45.00 % page.html *code 0' "$(report 45 '' "$all")"
expect '*below 46 %*code 1' "$(report 46 '' "$all")"

# What is aside is shown and not counted.
out=$(report 90 "$aside" "$all")
expect '* virtio_user/os/tap.cc 0 of 100 *' "$out"
expect '* virtio_user/os/ (aside) 0 of 100 *' "$out"
expect '* total 90 of 100 90.00 % *code 0' "$out"
expect '*below 91 %*code 1' "$(report 91 "$aside" "$all")"

# A source that is in no program counts against it, if it counts at all.
expect '*virtio_user/net/vlan.cc: no test links it*code 1' \
  "$(report 45 '' "$all"$'\nvirtio_user/net/vlan.cc')"
expect '*code 0' "$(report 90 "$aside" "$all"$'\nvirtio_user/dpdk/pmd.cc')"

# Nor is a total one that lacks what a target would have covered.
expect '*total (incomplete) 90 of 200 *incomplete: *: a_fuzz b_fuzz  code 1' \
  "$(report 45 '' "$all" 0 'a_fuzz b_fuzz')"
expect '*tests failed (bazel exit code 3)*code 1' "$(report 45 '' "$all" 3)"
: >report
expect '*below 0 %*code 1' "$(report 0 '' '')"

exit "$wrong"
