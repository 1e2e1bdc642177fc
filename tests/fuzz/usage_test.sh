#!/bin/bash
# Scripts say how they are called, and refuse what they do not know before they
# install, build or remove anything. Reads the tree itself.
set -uo pipefail

root=$(dirname "$(readlink -f WORKSPACE)")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
wrong=0

# What would install or build leaves a note. Bazel may be asked about options.
mkdir "$folder/bin"
cat >"$folder/bin/noting" <<END_OF_SCRIPT
#!/bin/bash
[[ \${1:-} != canonicalize-flags ]] || {
  echo "ERROR: Unrecognized option: \${@: -1}" >&2
  exit 2
}
echo "\${0##*/} \$*" >>"$folder/notes"
exit 1
END_OF_SCRIPT
chmod +x "$folder/bin/noting"
for name in apt-get bazel bazel-4 sudo make clang++-19; do
  ln -s noting "$folder/bin/$name"
done
PATH=$folder/bin:$PATH

# expect CODE PATTERN SCRIPT ARGUMENT...
expect() {
  local code=$1 pattern=$2 out got=0
  shift 2
  rm -f "$folder/notes"
  out=$(cd "$folder" && timeout 30 "$root/$1" "${@:2}" 2>&1) || got=$?
  # shellcheck disable=SC2053
  [[ $got == "$code" && $out == $pattern && ! -e $folder/notes ]] && return
  printf '%s: exit code %d, not %d, or not "%s" but "%s"\n' "$*" "$got" \
    "$code" "$pattern" "$out"
  [[ ! -e $folder/notes ]] || cat "$folder/notes"
  wrong=1
}

for script in tools/coverage.sh tools/setup.sh fuzz/afl.sh fuzz/load_sites.sh \
  fuzz/oss_fuzz/check_build.sh bench/fuzz_rates.sh; do
  expect 0 "usage: *" "$script" --help
done
expect 2 "coverage: *--fuz;*" tools/coverage.sh --fuz
expect 2 "coverage: --what: no such option*" tools/coverage.sh --fuzz --what
expect 2 "coverage: --corpus '': no such folder*" tools/coverage.sh --fuzz \
  --corpus ''
expect 2 "coverage: --corpus 'x': only with --fuzz*" tools/coverage.sh \
  --corpus x
expect 1 "setup: no package group 'nothing'*" tools/setup.sh nothing
expect 2 "afl: nothing_fuzz: no such target; *pcap_fuzz*" fuzz/afl.sh \
  nothing_fuzz
expect 2 "afl: pcap_fuzz 1m: *" fuzz/afl.sh pcap_fuzz 1m
expect 2 "load_sites: --what: no such option*" fuzz/load_sites.sh --what
expect 2 "load_sites: y: *" fuzz/load_sites.sh "$folder" y
expect 2 "load_sites: *nothing: no such folder*" fuzz/load_sites.sh nothing
expect 2 "fuzz_rates: nothing: no such target; *pcap_fuzz*" \
  bench/fuzz_rates.sh nothing
expect 2 "fuzz_rates: --seconds 0: *" bench/fuzz_rates.sh --seconds 0
expect 2 "check_build: memory: no such sanitizer; *" \
  fuzz/oss_fuzz/check_build.sh memory

exit "$wrong"
