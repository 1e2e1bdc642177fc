# Lines per file, per folder and in total out of `llvm-cov report` without
# regions and branches. Exits 1 below the limit, when a source is missing from
# the report, or when the tests had failed (test_code). What matches `aside`, if
# that is given, is shown and belongs to no total. What `failed_targets` would
# have covered is not there: the total is incomplete, and that is a failure.

function show(name, count, missed) {
  printf "  %-52s %6d of %6d  %6.2f %%\n", name, count - missed, count,
    count ? 100 * (count - missed) / count : 100
}

NF == 7 && /%/ {
  name = $1
  # llvm-cov cuts off whatever folders all names have in common.
  sub(/^.*virtio_user\//, "", name)
  name = "virtio_user/" name
  if ($1 != "TOTAL") {
    reported[name] = 1
    if (aside == "" || name !~ aside) {
      total += $5
      total_missed += $6
    }
    show(name, $5, $6)
    folder = name
    sub(/[^\/]*$/, "", folder)
    lines[folder] += $5
    missed_in[folder] += $6
  }
}

END {
  failed = 0
  count = split(sources, source, "\n")
  for (i = 1; i <= count; i++) {
    if (aside != "" && source[i] ~ aside) continue
    if (source[i] != "" && !(source[i] in reported)) {
      print "  " source[i] ": no test links it"
      failed = 1
    }
  }
  for (folder in lines) {
    note = aside != "" && folder ~ aside ? " (aside)" : ""
    show(folder note, lines[folder], missed_in[folder])
  }
  show("total" (failed_targets == "" ? "" : " (incomplete)"), total,
    total_missed)
  print "  " page " shows every line"
  if (total == 0 || 100 * (total - total_missed) / total < limit) {
    print "coverage: below " limit " %"
    failed = 1
  }
  if (failed_targets != "") {
    print "coverage: incomplete: nothing is in it of what failed: " \
      failed_targets
    failed = 1
  }
  if (test_code != 0) {
    print "coverage: tests failed (bazel exit code " test_code ")"
    failed = 1
  }
  exit failed
}
