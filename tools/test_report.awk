# Tells from Bazel's build events (JSON, one event a line) what a test run did:
# a line for each target, the names of what failed or was skipped, and the sum
# as the last line. Cases are counted out of the test.xml files that belong to
# this run, cached ones included.
#
#   awk -v bazel_exit=CODE -f tools/test_report.awk EVENTS
#
# Exits 1 if anything failed. A program that crashed or ran out of time is one
# failed case, a program without cases is one that passed or failed.

function field(line, name,    start, rest) {
  start = index(line, "\"" name "\":\"")
  if (start == 0) return ""
  rest = substr(line, start + length(name) + 4)
  return substr(rest, 1, index(rest, "\"") - 1)
}

# The value of an XML attribute.
function attribute(line, name,    start, rest) {
  start = index(line, " " name "=\"")
  if (start == 0) return ""
  rest = substr(line, start + length(name) + 3)
  return substr(rest, 1, index(rest, "\"") - 1)
}

function plain(text) {
  sub(/^[^&]*:[0-9]+&#x0A;/, "", text) # where in the source
  gsub(/&#x0A;/, " ", text)
  gsub(/&quot;/, "\"", text)
  gsub(/&apos;/, "'", text)
  gsub(/&lt;/, "<", text)
  gsub(/&gt;/, ">", text)
  gsub(/&amp;/, "\\&", text)
  return text
}

function note(label, text) {
  notes[label] = notes[label] "        " text "\n"
}

function read_xml(label, path,    line, name, told, skips) {
  while ((getline line < path) > 0) {
    if (line ~ /<testsuite /) {
      skips = attribute(line, "skipped") + attribute(line, "disabled")
      bad[label] += attribute(line, "failures") + attribute(line, "errors")
      skipped[label] += skips
      good[label] += attribute(line, "tests") - skips \
        - attribute(line, "failures") - attribute(line, "errors")
    }
    if (line ~ /<testcase /) {
      name = attribute(line, "classname") "." attribute(line, "name")
      told = 0
      if (line ~ / status="notrun"/) note(label, "skipped: " name " (disabled)")
    }
    if (line ~ /<failure / && !told) {
      note(label, "failed: " name)
      told = 1
    }
    if (line ~ /<skipped /)
      note(label, "skipped: " name ": " plain(attribute(line, "message")))
  }
  close(path)
}

function see(label) {
  if (label in seen) return
  seen[label] = 1
  labels[++label_count] = label
}

/^\{"id":\{"testResult":/ {
  label = field($0, "label")
  see(label)
  millis[label] += field($0, "testAttemptDurationMillis")
  if ($0 ~ /"cachedLocally":true/) cached[label] = 1
  if (match($0, /"name":"test\.xml","uri":"file:\/\/[^"]*"/)) {
    path = substr($0, RSTART + 31, RLENGTH - 32)
    gsub(/%20/, " ", path)
    read_xml(label, path)
  }
}

/^\{"id":\{"testSummary":/ {
  label = field($0, "label")
  see(label)
  status[label] = field($0, "overallStatus")
}

/^\{"id":\{"targetCompleted":/ && !/"success":true/ {
  label = field($0, "label")
  see(label)
  unbuilt[label] = 1
}

function sort_labels(    i, j, held) {
  for (i = 2; i <= label_count; i++) {
    held = labels[i]
    for (j = i - 1; j > 0 && labels[j] > held; j--) labels[j + 1] = labels[j]
    labels[j + 1] = held
  }
}

function describe(label,    counts) {
  if (label in unbuilt) return "did not build"
  counts = good[label] + 0 " passed"
  if (bad[label]) counts = counts ", " bad[label] " failed"
  if (skipped[label]) counts = counts ", " skipped[label] " skipped"
  if (status[label] == "TIMEOUT") counts = counts ", ran out of time"
  return counts
}

function settle(label) {
  if (label in unbuilt) {
    bad[label] = 1
  } else if (status[label] != "PASSED" && bad[label] == 0) {
    bad[label] = 1
    note(label, "the program ended badly: " tolower(status[label]))
  } else if (good[label] + bad[label] + skipped[label] == 0) {
    good[label] = 1
  }
}

END {
  sort_labels()
  print ""
  for (i = 1; i <= label_count; i++) {
    label = labels[i]
    settle(label)
    printf "  %s  %-44s %-32s %6.1f s%s\n", bad[label] ? "FAIL" : "ok  ",
      label, describe(label), millis[label] / 1000,
      label in cached ? "  (cached)" : ""
    printf "%s", notes[label]
    total_good += good[label]
    total_bad += bad[label]
    total_skipped += skipped[label]
  }
  if (bazel_exit != 0 && total_bad == 0) {
    why = "bazel ended with exit code " bazel_exit
    if (bazel_exit == 4) why = "there is no such test"
    print "  FAIL  " why
    total_bad = 1
  }
  printf "\n%d passed, %d failed, %d skipped\n", total_good, total_bad,
    total_skipped
  exit total_bad > 0
}
