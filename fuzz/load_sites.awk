# SPDX-License-Identifier: BSD-3-Clause
#
# A table by line of source of what peers did around loads.
#
#   awk -v lines=LINES -f load_sites.awk MET
#
# LINES are those of load_lines.sh. A line of MET is an instruction's line of
# source, its address, and how often the peer left the word alone, wrote before
# the load, and wrote after it. Exit code 1 if a line lacks one of the three, or
# if an instruction is of a line that LINES does not have.

BEGIN {
  count = split(lines, known, "\n")
  for (i = 1; i <= count; ++i) listed[known[i]] = 1
}

{
  sites[$1]++
  unchanged[$1] += $3
  before[$1] += $4
  after[$1] += $5
}

END {
  form = "%-34s %6s %12s %12s %12s%s\n"
  printf form, "load", "sites", "unchanged", "before", "after", ""
  for (i = 1; i <= count; ++i) {
    line = known[i]
    lacks = !(unchanged[line] && before[line] && after[line])
    lacking += lacks
    printf form, line, sites[line] + 0, unchanged[line] + 0, before[line] + 0,
      after[line] + 0, lacks ? "  lacking" : ""
  }
  for (line in sites) {
    if (line in listed) continue
    ++unknown
    printf form, line, sites[line], unchanged[line], before[line], after[line],
      "  not listed"
  }
  printf "verdict: %s: %d of %d lines met a peer that wrote before, one that" \
    " wrote after, and one that did not; %d lines are not listed\n",
    lacking || unknown || !count ? "fail" : "pass", count - lacking, count,
    unknown
  exit lacking || unknown || !count
}
