#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Boots a guest under QEMU's software emulation, runs commands in it as root, one
# shell each, and prints what they say and their exit codes.
#
#   tools/guest/run.sh [options] NAME COMMAND...
#
#   --file PATH[=NAME]  puts a file into /job of the guest, which is in its
#                   $PATH; everything of tools/guest/inside is there already
#   --deadline S    for the guest as a whole (300)
#   --patience S    for each command (60)
#   --memory MB     (512)
#   --cpus N        (1: with several, the emulation has been seen to lock up)
#   --console FILE  keeps what the kernel said
#
# NAME is a guest of tools/guest/build.sh, which is built when it is not there.
# Standard output has, for each command, a line "guest: command N: ...", its two
# outputs, and "guest: exit CODE" (124 or 137: it took too long). Exit code: 0 if
# all of them passed, 1 if one did not, 2 for wrong usage, 3 if the guest did
# not come to its end, in which case the console's last lines go to standard
# error, and 77 where no guest can run.
set -euo pipefail

here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
root=$(cd "$here/../.." && pwd)
readonly here root

say() { echo "guest: $*" >&2; }

usage() {
  say "$*; see the beginning of tools/guest/run.sh"
  exit 2
}

# A number without sign of at most six digits.
number() {
  [[ $2 =~ ^[1-9][0-9]{0,5}$ ]] || usage "$1 $2: not a number from 1 on"
  echo "$2"
}

deadline=300 patience=60 memory=512 cpus=1 console= files=()
while [[ ${1:-} == --* ]]; do
  [[ $# -ge 2 ]] || usage "$1 takes a value"
  case $1 in
    --file) files+=("$2") ;;
    --deadline) deadline=$(number "$1" "$2") ;;
    --patience) patience=$(number "$1" "$2") ;;
    --memory) memory=$(number "$1" "$2") ;;
    --cpus) cpus=$(number "$1" "$2") ;;
    --console) console=$2 ;;
    *) usage "no option $1" ;;
  esac
  shift 2
done
[[ $# -ge 2 ]] || usage "a guest and a command are needed"
name=$1
shift

if ! reason=$("$here/build.sh" "$name" 2>&1); then
  say "no guest can run here: $reason"
  exit 77
fi
[[ -z $reason ]] || echo "$reason" >&2
readonly guest=$root/build/guest/$name

work=$(mktemp -d "${TMPDIR:-/tmp}/guest.XXXXXX")
qemu=
# shellcheck disable=SC2317
end() {
  [[ -z $qemu ]] || kill -KILL "$qemu" 2>/dev/null || true
  rm -rf "$work"
}
trap end EXIT
trap 'exit 130' INT TERM HUP

# The job, as a second archive behind the initramfs.
mkdir -p "$work/in/job"
cp -L "$here"/inside/* "$work/in/job/"
for file in "${files[@]}"; do
  cp -L "${file%%=*}" "$work/in/job/$(basename "${file#*=}")" ||
    usage "--file $file: cannot read it"
done
echo "$patience" >"$work/in/job/patience"
for command in "$@"; do
  [[ $command != *$'\n'* ]] || usage "a command is one line: $command"
  printf '%s\n' "$command"
done >"$work/in/job/commands"
chmod -R a+rX "$work/in"
(cd "$work/in" && find . | "$guest/busybox" cpio -o -H newc 2>/dev/null) \
  >"$work/job.cpio"
cat "$guest/initrd" "$work/job.cpio" >"$work/initrd"
touch "$work/console" "$work/outcomes"

# It ends with this script, however that ends. Without vectors=0 probing a
# device hangs under software emulation.
setpriv --pdeathsig KILL qemu-system-x86_64 \
  -accel tcg,thread=multi -cpu max -m "$memory" -smp "$cpus" \
  -nodefaults -display none -no-reboot \
  -kernel "$guest/vmlinuz" -initrd "$work/initrd" \
  -append "console=ttyS0 panic=-1 quiet" \
  -drive "if=none,id=disk,format=raw,readonly=on,file=$guest/root.img" \
  -device virtio-blk-pci,drive=disk,vectors=0 \
  -serial "file:$work/console" -serial "file:$work/outcomes" \
  </dev/null >"$work/qemu" 2>&1 &
qemu=$!

verdict=
stop=$((SECONDS + deadline))
while kill -0 "$qemu" 2>/dev/null; do
  if [[ $SECONDS -ge $stop ]]; then
    verdict="it ran for $deadline s and was killed"
    kill -KILL "$qemu" || true
    break
  fi
  sleep 0.1
done
code=0
wait "$qemu" 2>/dev/null || code=$?
qemu=
if [[ -z $verdict && $code != 0 ]]; then
  verdict="QEMU ended with $code: $(tail -n 2 "$work/qemu")"
fi
[[ -n $verdict ]] || [[ $(tail -n 1 "$work/outcomes") == "guest: end" ]] ||
  verdict="it ended before its commands did"

cat "$work/outcomes"
[[ -z $console ]] || cp "$work/console" "$console"
if [[ -n $verdict ]]; then
  say "$name: $verdict; the console's last lines:"
  tail -n 25 "$work/console" >&2
  exit 3
fi
! grep -qE '^guest: exit ([^0]|0.)' "$work/outcomes"
