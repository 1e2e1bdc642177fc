#!/bin/bash
# What fuzz/run.sh makes of its arguments, with a binary that is not real.
set -uo pipefail
. tests/fuzz/expect.sh

run=$PWD/fuzz/run.sh
cd "$(mktemp -d)" || exit 1
trap 'rm -rf "$PWD"' EXIT

names_in() { find "$1" -mindepth 1 -printf '%f\n' | sort | paste -sd' '; }

# Its words, each on a line of its own, and those of its folder.
cat >engine <<'END_OF_ENGINE'
#!/bin/bash
# LLVMFuzzerRunDriver
echo "in $(basename "$PWD"): $*"
END_OF_ENGINE
chmod +x engine
printf '#!/bin/bash\n' >no_engine
chmod +x no_engine
echo 1 >one
echo 2 >two
printf '[asan]\nmax_len = 1\n[libfuzzer]\nmax_len = 4096\ntimeout=10\n' >options
touch words.dict

out=$("$run" demo engine --dict=words.dict --options=options --seeds one two -- \
  --timeout_secs=7 --fuzzing_output_root="$PWD/out" -seed=3)
expect "in demo: -artifact_prefix=$PWD/out/demo/artifacts/ -max_total_time=7 \
-dict=$PWD/words.dict -max_len=4096 -timeout=10 -seed=3 corpus" "$out"
expect "one two" "$(names_in out/demo/corpus)"

# What was found stays, until --clean; findings are not forgotten.
mkdir out/demo/findings
touch out/demo/corpus/found
"$run" demo engine --seeds one two -- --fuzzing_output_root="$PWD/out" >/dev/null
expect "found one two" "$(names_in out/demo/corpus)"
"$run" demo engine --seeds one two -- --fuzzing_output_root="$PWD/out" --clean \
  >/dev/null
expect "one two" "$(names_in out/demo/corpus)"
"$run" demo engine --seeds one two -- --fuzzing_output_root="$PWD/out" --empty \
  >/dev/null
expect "" "$(names_in out/demo/corpus)"
[[ -d out/demo/findings ]] || expect "a folder of findings" "none"

out=$("$run" demo engine --seeds one -- --fuzzing_output_root="$PWD/out" --print |
  paste -sd' ')
expect "$PWD/engine -artifact_prefix=*/artifacts/ -max_total_time=0 corpus" "$out"
out=$("$run" demo engine --seeds one two -- --regression)
expect "in *: -runs=0 $PWD/one $PWD/two" "$out"

# Who asks for the command alone may not disturb a run.
echo mine >out/demo/corpus/mine
out=$("$run" demo engine --seeds one two -- --fuzzing_output_root="$PWD/out" \
  --print_only --clean | paste -sd' ')
expect "$PWD/engine -artifact_prefix=*/artifacts/ -max_total_time=0 corpus" "$out"
expect "mine one" "$(names_in out/demo/corpus)"
"$run" demo engine -- --fuzzing_output_root="$PWD/other" --print_only >/dev/null
[[ ! -e other ]] || expect "no folder" "other"

out=$("$run" demo engine --seeds one -- --fuzzing_output_root=out --print |
  paste -sd' ')
expect "$PWD/engine -artifact_prefix=$PWD/out/demo/artifacts/ *" "$out"
mkdir caller
out=$(BUILD_WORKING_DIRECTORY=$PWD/caller "$run" demo engine --seeds one -- \
  --fuzzing_output_root=out --print | paste -sd' ')
expect "* -artifact_prefix=$PWD/caller/out/demo/artifacts/ *" "$out"
out=$("$run" demo engine --seeds one -- --regression --empty 2>&1)
expect "2: run: demo: --regression runs the seeds, and there are none" "$?: $out"
out=$("$run" demo engine --seeds one -- --timeout_sec=60 2>&1)
expect "2: run: --timeout_sec=60: no such option" "$?: $out"

out=$("$run" demo no_engine --seeds one -- 2>&1)
expect "2: run: demo was built without libFuzzer*" "$?: $out"
out=$("$run" demo engine --seeds one -- --timeout_secs=x 2>&1)
expect "2: run: --timeout_secs=x: *" "$?: $out"
out=$("$run" demo engine --seeds one -- --timeout_secs=99999999999 2>&1)
expect "2: run: --timeout_secs=99999999999: *" "$?: $out"
out=$("$run" demo engine --seeds one -- word 2>&1)
expect "2: run: word: no such option" "$?: $out"

exit "$wrong"
