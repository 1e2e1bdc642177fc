#!/bin/bash
# What fuzz/rate.sh makes of an engine's words, and that it keeps what is found;
# with programs that are not real.
set -uo pipefail
. tests/fuzz/expect.sh

rate=$PWD/fuzz/rate.sh
cd "$(mktemp -d)" || exit 1
trap 'rm -rf "$PWD"' EXIT

cat >fast <<'END_OF_ENGINE'
#!/bin/bash
# LLVMFuzzerRunDriver
[[ $* == *"-max_total_time=3 -max_len=12 -seed=1"* ]] || exit 2
echo "#2 INITED cov: 3 ft: 4 corp: $(ls corpus | wc -l)/5b exec/s: 0 rss: 30Mb"
echo "Done 602 runs in 3 second(s)"
echo "stat::number_of_executed_units: 602"
END_OF_ENGINE
cat >finds <<'END_OF_ENGINE'
#!/bin/bash
# LLVMFuzzerRunDriver
prefix=$(printf '%s\n' "$@" | sed -n 's/^-artifact_prefix=//p')
echo bad >"${prefix}crash-1"
exit 77
END_OF_ENGINE
cat >mute <<'END_OF_ENGINE'
#!/bin/bash
# LLVMFuzzerRunDriver
END_OF_ENGINE
printf '#!/bin/bash\n' >no_engine
chmod +x fast finds mute no_engine
printf '[libfuzzer]\nmax_len = 12\n' >options
mkdir -p corpus empty folder
echo seed >corpus/seed

# rate_of PROGRAM CORPUS: exit code and words.
rate_of() {
  local code=0 out
  out=$("$rate" demo "$1" options 3 "$PWD/folder" "$2" kept/findings 2>&1) ||
    code=$?
  echo "$code: $out"
}

expect "0: 200" "$(rate_of ./fast corpus)"
expect "1: *it does not say how many inputs it ran; no rate" \
  "$(rate_of ./mute corpus)"
expect "1: *built without libFuzzer*rate: demo: run.sh names no command" \
  "$(rate_of ./no_engine corpus)"
expect "1: rate: demo: there is no input in empty" "$(rate_of ./fast empty)"
expect "" "$(ls kept 2>/dev/null)"
expect "1: *: ./vuser fuzz demo kept/findings/crash-1
rate: demo: it ended with code 77; no rate" "$(rate_of ./finds corpus)"
expect "bad" "$(cat kept/findings/crash-1)"

exit "$wrong"
