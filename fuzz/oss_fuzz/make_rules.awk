# SPDX-License-Identifier: BSD-3-Clause
#
# Rules of make that compile C++ files as --config=fuzz of .bazelrc does:
# language, defines, and what is asked for file by file. Left to the builder
# are the sanitizers, the optimisation, debug information and warnings.
#
#   awk -v sanitizer=SANITIZER -f make_rules.awk .bazelrc SOURCES
#
# SOURCES has a path a line; SANITIZER is OSS-Fuzz's word for the build.
#
# The variables of the rules are OBJ, the folder of the objects, CXX, CXXFLAGS
# and EXTRA; make runs at the root of the tree.

function wanted(flag) {
  if (flag ~ /^-(O|g|W)/) return 0
  return flag !~ /^-fsanitize=|^-fno-sanitize-recover/
}

# Takes the arguments of a line "build[:CONFIG] ARGUMENT...".
function take(line,    words, i, value, at, count, flags, j) {
  for (i = split(line, words); i > 1; --i) {
    value = words[i]
    sub(/^--[a-z_]+=/, "", value)
    if (words[i] ~ /^--(cxxopt|copt)=/ && wanted(value)) {
      common = common " " value
    }
    if (words[i] !~ /^--per_file_copt=/) continue
    # Before the @ regular expressions, after it flags, both with commas.
    at = index(value, "@")
    patterns[++rules] = substr(value, 1, at - 1)
    count = split(substr(value, at + 1), flags, ",")
    for (j = 1; j <= count; ++j) {
      if (wanted(flags[j])) added[rules] = added[rules] " " flags[j]
    }
  }
}

function matches(path, list,    expressions, count, i, verdict) {
  count = split(list, expressions, ",")
  for (i = 1; i <= count; ++i) {
    if (expressions[i] ~ /^-/) {
      if (path ~ substr(expressions[i], 2)) return 0
    } else if (path ~ expressions[i]) {
      verdict = 1
    }
  }
  return verdict
}

# Takes `build`, then the configs that fuzz is made of.
function take_configs(    queue, count, i, text, each, j) {
  queue[1] = "build"
  queue[count = 2] = "build:fuzz"
  for (i = 1; i <= count; ++i) {
    text = lines[queue[i]]
    while (match(text, /--config=[a-z0-9_]+/)) {
      queue[++count] = "build:" substr(text, RSTART + 9, RLENGTH - 9)
      text = substr(text, RSTART + RLENGTH)
    }
  }
  for (i = 1; i <= count; ++i) {
    j = split(lines[queue[i]], each, "\n")
    for (; j > 0; --j) take(each[j])
  }
}

NR == FNR {
  if ($1 ~ /^build(:[a-z0-9_]+)?$/) lines[$1] = lines[$1] "\n" $0
  next
}

FNR == 1 {
  take_configs()
  if (common !~ /-std=/) {
    print "make_rules: .bazelrc names no -std" > "/dev/stderr"
    exit 1
  }
}

{
  flags = common
  for (i = 1; i <= rules; ++i) {
    if (matches($0, patterns[i])) flags = flags added[i]
  }
  # clang passes over trace-loads where nothing of the kind is instrumented.
  if (sanitizer == "coverage" && flags ~ /trace-loads/) {
    flags = flags " -fsanitize-coverage=inline-8bit-counters,pc-table"
  }
  printf "$(OBJ)/%s.o: %s\n", $0, $0
  printf "\t@mkdir -p $(@D)\n"
  printf "\t@echo %s\n", $0
  printf "\t@$(CXX) $(CXXFLAGS)%s $(EXTRA) -I. -MMD -MP -c -o $@ $<\n", flags
}
