#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Shows that check_targets.sh refuses what it has to, each for its own reason,
# and takes what is right. Needs the clang++ of toolchain.sh in PATH.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly here
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
readonly asan=(-fsanitize=address -fsanitize=fuzzer-no-link)

# A target of many branches and accesses; START is what it does first.
write_source() {
  {
    echo '#include <cstdint>'
    echo '#include <cstdio>'
    echo '#include <cstdlib>'
    echo '#include <fcntl.h>'
    echo '#include <unistd.h>'
    echo 'static uint8_t table[4096];'
    echo 'extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {'
    echo '  (void)argc; (void)argv;'
    echo '#ifdef START'
    echo '  START;'
    echo '#endif'
    echo '  return 0;'
    echo '}'
    echo 'extern "C" int LLVMFuzzerTestOneInput(const uint8_t* d, size_t n) {'
    echo '  if (n == 0) return 0;'
    local i
    for ((i = 0; i < 600; ++i)); do
      echo "  if (d[$i % n] == $((i % 251))) table[d[0] + $i] += d[n - 1];"
    done
    echo '  return 0;'
    echo '}'
  } >"$work/target.cc"
  echo 'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*,' \
    'unsigned long) { return 0; }' >"$work/tiny.cc"
}

# build SOURCE CASE [FLAG...]: a folder for the check with the target `it`.
build() {
  local source=$1 out=$work/$2
  shift 2
  mkdir -p "$out"
  clang++ -O1 -stdlib=libc++ "$@" -c "$work/$source" -o "$work/object"
  clang++ -stdlib=libc++ "$@" "$work/object" -fsanitize=fuzzer -o "$out/it"
  echo seed >"$work/seed"
  (cd "$work" && zip -q "$out/it_seed_corpus.zip" seed)
  printf '[libfuzzer]\nmax_len = 64\n' >"$out/it.options"
}

verdicts=0 bad=0

# judge CASE 0|1 TEXT SANITIZER TARGET...: the check of the folder CASE has to
# end with that code, and say TEXT.
judge() {
  local name=$1 wanted=$2 text=$3 code=0
  shift 3
  "$here/check_targets.sh" "$work/$name" "$@" >"$work/said" 2>&1 || code=$?
  verdicts=$((verdicts + 1))
  [[ $code != "$wanted" ]] || ! grep -q -- "$text" "$work/said" || return 0
  echo "self-test: $name: exit code $code, not $wanted, or not a word of" \
    "'$text':"
  sed 's/^/  /' "$work/said"
  bad=$((bad + 1))
}

# A build of address that does at its start what $2 says.
starts_with() { build target.cc "$1" "${asan[@]}" "-DSTART=$2"; }

main() {
  write_source
  build target.cc good "${asan[@]}"
  build target.cc bare
  build tiny.cc tiny "${asan[@]}"
  build target.cc no_asan -fsanitize=fuzzer-no-link
  build target.cc good_coverage -fprofile-instr-generate -fcoverage-mapping
  build target.cc needs_library "${asan[@]}" -Wl,--no-as-needed \
    -l:libstdc++.so.6
  starts_with exits 'std::exit(0)'
  starts_with needs_dev 'if (open("/dev/null", O_RDWR) < 0) std::abort()'
  starts_with writes_cwd 'if (creat("it.log", 0600) < 0) std::abort()'
  starts_with renames 'static char it[] = "/it"; (*argv)[0] = it'
  cp -r "$work/good" "$work/crowded"
  cp "$work/good/it" "$work/crowded/other"
  cp -r "$work/good" "$work/misnamed"
  cp "$work/good/it" "$work/misnamed/it=2"
  cp -r "$work/good" "$work/no_seeds"
  rm "$work/no_seeds/it_seed_corpus.zip"
  cp -r "$work/good" "$work/bad_dict"
  echo 'no="dictionary' >"$work/bad_dict/it.dict"

  judge good 0 it address it
  judge good_coverage 0 it coverage it
  judge bare 1 'edges; at least 100' address it
  judge tiny 1 'edges; at least 100' address it
  judge no_asan 1 'calls of ASan; at least 1000' address it
  judge good 1 'calls of ASan in a build of undefined' undefined it
  judge good 1 'in its coverage map' coverage it
  judge exits 1 'start: exit code' address it
  judge needs_dev 1 'dev: exit code' address it
  judge writes_cwd 1 'cwd: exit code' address it
  judge renames 1 'argv0: exit code' address it
  judge needs_library 1 'cannot open shared object' address it
  judge good 1 'no program of this name' address it missing
  judge crowded 1 'other: a program that is no target' address it
  judge misnamed 1 'a name has letters' address it
  judge no_seeds 1 'no seed corpus' address it
  judge bad_dict 1 'seeds: exit code' address it
  echo "self-test: $((verdicts - bad)) of $verdicts builds judged as they are"
  [[ $bad == 0 ]]
}

main "$@"
