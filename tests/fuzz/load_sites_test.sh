#!/bin/bash
# Which loads fuzz/load_lines.sh knows, and what fuzz/load_sites.awk makes of
# those that were met. Reads the tree itself.
set -uo pipefail
. tests/fuzz/expect.sh

root=$(dirname "$(readlink -f WORKSPACE)")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# No file of the tree is forgotten, and those that are left out are there.
out=$("$root/fuzz/load_lines.sh" "$root" 2>&1)
expect "0: *ring/split_device_queue.cc:*" "$?: $out"
expect "0: *device/control_queue.cc:*" "0: $out"
while read -r file; do
  [[ -e $root/$file ]] || expect "$file" "no such file"
  grep -q "${file#virtio_user/}" "$root/docs/fuzzing.md" ||
    expect "a reason in docs/fuzzing.md for $file" "none"
done < <(sed -n '/^readonly left_out=/,/^)/s/^  //p' "$root/fuzz/load_lines.sh")

# --config=fuzz counts the loads of the same files.
grep -qF "counted='^virtio_user/((ring|net)/|device/control_(queue|command)\.cc)'" \
  "$root/fuzz/load_lines.sh" || expect "two folders, two files" "something else"
grep -qF 'build:fuzz --per_file_copt=^virtio_user/(ring|net)/.*\.cc$,^virtio_user/device/control_(queue|command)\.cc$,^fuzz/unlaned_pool\.cc$@-fsanitize-coverage=trace-loads' \
  "$root/.bazelrc" || expect "the same in .bazelrc" "something else"

# A new file with such a load is refused.
mkdir -p "$folder"/virtio_user/{ring,net,device,os}
for file in ring/a.h ring/a.cc net/a.h net/a.cc device/control_queue.cc \
  device/control_command.cc; do
  echo '  a = LoadRelaxed<uint8_t>(b);' >"$folder/virtio_user/$file"
done
out=$("$root/fuzz/load_lines.sh" "$folder" 2>&1 | paste -sd' ')
expect "ring/a.h:1 ring/a.cc:1 net/a.h:1 net/a.cc:1 device/control_queue.cc:1 \
device/control_command.cc:1" "$out"
echo '  f(LoadRelaxed<uint8_t>(b), LoadRelaxed<uint8_t>(c));' \
  >"$folder/virtio_user/net/a.cc"
out=$("$root/fuzz/load_lines.sh" "$folder" 2>&1 >/dev/null)
expect "1: load_lines: two loads in a line; *net/a.cc:1:*" "$?: $out"
echo '  b = SharedWord<uint16_t>(c)' >"$folder/virtio_user/os/new.cc"
out=$("$root/fuzz/load_lines.sh" "$folder" 2>&1)
expect "1: load_lines: virtio_user/os/new.cc: *" "$?: $out"

# table LINES: exit code, and the table of what stands in `met`.
table() {
  local code=0 out
  out=$(awk -v lines="$1" -f "$root/fuzz/load_sites.awk" "$folder/met") ||
    code=$?
  echo "$code: $out" | tr -s ' \n' ' '
}

printf '%s\n' 'ring/a.h:1 0x1 3 0 1' 'ring/a.h:1 0x2 0 2 0' \
  'ring/a.h:9 0x3 1 1 1' >"$folder/met"
expect "0: *ring/a.h:1 2 3 2 1 *ring/a.h:9 1 1 1 1 verdict: pass: 2 of 2 *" \
  "$(table $'ring/a.h:1\nring/a.h:9')"
expect "1: *ring/a.h:9 1 1 1 1 not listed verdict: fail: 1 of 1 *1 lines are*" \
  "$(table 'ring/a.h:1')"
expect "1: *net/b.h:2 0 0 0 0 lacking verdict: fail: 2 of 3 *" \
  "$(table $'ring/a.h:1\nring/a.h:9\nnet/b.h:2')"
expect "1: * verdict: fail: 0 of 0 *" "$(table '')"

exit "$wrong"
