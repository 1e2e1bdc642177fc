# Tells from Bazel's build events (JSON, one event a line) which planted bugs
# were caught: a line for each of `targets`, and the sum as the last line.
#
#   awk -v bazel_exit=CODE -v targets="LABEL..." -f tools/mutants_report.awk EVENTS
#
# Exits 1 unless all were caught.

function field(line, name,    start, rest) {
  start = index(line, "\"" name "\":\"")
  if (start == 0) return ""
  rest = substr(line, start + length(name) + 4)
  return substr(rest, 1, index(rest, "\"") - 1)
}

# The judge's verdict is the last line of what it wrote.
function verdict(path,    line, last) {
  while ((getline line < path) > 0) if (line != "") last = line
  close(path)
  return last
}

function id(label) {
  sub(/.*:/, "", label)
  return label
}

/^\{"id":\{"testResult":/ {
  label = field($0, "label")
  if (match($0, /"name":"test\.log","uri":"file:\/\/[^"]*"/)) {
    path = substr($0, RSTART + 31, RLENGTH - 32)
    gsub(/%20/, " ", path)
    said[label] = verdict(path)
  }
}

/^\{"id":\{"testSummary":/ {
  status[field($0, "label")] = field($0, "overallStatus")
}

END {
  count = split(targets, labels, " ")
  for (i = 1; i <= count; i++) {
    label = labels[i]
    text = said[label]
    sub("^" id(label) ": ", "", text)
    if (status[label] == "PASSED" && text ~ /^caught by /) {
      sub(/^caught by /, "", text)
      word = "caught"
      caught++
    } else if (text ~ /^NOT CAUGHT: /) {
      sub(/^NOT CAUGHT: /, "", text)
      word = "NOT CAUGHT"
    } else {
      word = "error"
      sub(/^error: /, "", text)
      if (text == "") text = "did not build or run: see above"
    }
    printf "  %-6s %-10s  %s\n", id(label), word, text
  }
  printf "\n%d of %d caught\n", caught, count
  if (bazel_exit != 0 && caught == count)
    print "but bazel ended with exit code " bazel_exit
  exit bazel_exit != 0 || caught != count
}
