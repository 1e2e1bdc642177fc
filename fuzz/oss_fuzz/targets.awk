# SPDX-License-Identifier: BSD-3-Clause
#
# The targets of fuzz/BUILD, one a line: NAME OPTIONS SOURCE... Sources are the
# target's own and those of its dependencies :*_mutator, which hold an engine's
# hooks and so belong to one target each. A target tagged no-oss-fuzz is left
# out, as in rules_fuzzing.
#
#   awk -f targets.awk fuzz/BUILD

/^cc_fuzz_test\(/ {
  inside = 1
  name = tags = sources = mutators = ""
  options = "default.options"
  next
}

!inside { next }

/^\)/ {
  if (name == "") {
    print FILENAME ": a cc_fuzz_test without a name" > "/dev/stderr"
    exit 1
  }
  if (sources == "") sources = " " name ".cc"
  if (tags !~ / no-oss-fuzz /) print name, options sources mutators
  inside = 0
  next
}

{ sub(/#.*/, "") }

/^ +[a-z_]+ = / { attribute = $1 }

{
  rest = $0
  while (match(rest, /"[^"]*"/)) {
    text = substr(rest, RSTART + 1, RLENGTH - 2)
    rest = substr(rest, RSTART + RLENGTH)
    if (attribute == "name") name = text
    if (attribute == "options") options = text
    if (attribute == "srcs") sources = sources " " text
    if (attribute == "tags") tags = tags " " text " "
    if (attribute == "deps" && text ~ /^:[a-z0-9_]+_mutator$/) {
      mutators = mutators " " substr(text, 2) ".cc"
    }
  }
}
