#!/bin/bash
# What fuzz/replay_corpora.sh makes of programs that fail or do not end.
set -uo pipefail
. tests/fuzz/expect.sh

replay=$PWD/fuzz/replay_corpora.sh
cd "$(mktemp -d)" || exit 1
trap 'rm -rf "$PWD"' EXIT

mkdir -p logs corpora/{good,bad,endless}_fuzz corpora/good_fuzz/corpus
cat >good_fuzz_bin <<'END_OF_PROGRAM'
#!/bin/bash
echo "runs on $1"
END_OF_PROGRAM
cat >bad_fuzz_bin <<'END_OF_PROGRAM'
#!/bin/bash
echo "input: $1/it" >&2
exit 77
END_OF_PROGRAM
cat >endless_fuzz_bin <<'END_OF_PROGRAM'
#!/bin/bash
trap 'echo "input: $1/it" >&2; exit 143' TERM
while true; do sleep 0.1; done
END_OF_PROGRAM
chmod +x ./*_bin

out=$("$replay" corpora logs 60 ./good_fuzz_bin)
expect "0:   good_fuzz *runs on corpora/good_fuzz/corpus" "$?: $out"
expect "" "$(cat logs/failed)"

out=$("$replay" corpora logs 1 ./bad_fuzz_bin ./endless_fuzz_bin ./good_fuzz_bin)
expect "1: *bad_fuzz *failed with code 77 on corpora/bad_fuzz; *logs/bad_fuzz.log
input: corpora/bad_fuzz/it
*endless_fuzz *did not end within 1 s on corpora/endless_fuzz; *
input: corpora/endless_fuzz/it
*good_fuzz *runs on *" "$?: $out"
expect "bad_fuzz endless_fuzz" "$(paste -sd' ' logs/failed)"

exit "$wrong"
