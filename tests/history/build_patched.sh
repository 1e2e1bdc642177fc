#!/bin/bash
# Builds a program from sources that a patch has changed.
#
#   build_patched.sh PATCH PROGRAM LINK OBJECT.how...
#
# LINK and every OBJECT.how is a command line, a quoted word a line; OBJECT.d
# names what the object was made of. Compiled again is what reads a changed file
# and is part of the program, and nothing else.
set -euo pipefail

patch=$1 program=$2 link=$3
readonly patch program link
shift 3

fail() {
  echo "$patch: $*" >&2
  exit 1
}

home=$PWD
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir "$tree/objects"

# The copy: links to everything, but what a patch may change is there for real.
for entry in *; do
  case $entry in
    virtio_user | backend_sim | cli) cp -rL "$entry" "$tree/" ;;
    *) ln -s "$home/$entry" "$tree/$entry" ;;
  esac
done
chmod -R u+w "$tree/virtio_user" "$tree/backend_sim" "$tree/cli" 2>/dev/null || true

mapfile -t changed < <(sed -n 's|^+++ b/\([^[:space:]]*\).*|\1|p' "$patch")
[[ ${#changed[@]} -gt 0 ]] || fail "changes nothing: it has no line '+++ b/...'"
for file in "${changed[@]}"; do
  [[ -f $tree/$file && $file =~ ^(virtio_user|backend_sim|cli)/ ]] ||
    fail "the program is not built from $file: name another test, or leave" \
      "that file out of the patch"
done
if ! said=$(patch --batch --forward --fuzz=0 --no-backup-if-mismatch -p1 \
  -d "$tree" -i "$home/$patch" 2>&1); then
  echo "$said" >&2
  fail "does not apply any more: make the same mistake in the code of today" \
    "and write its 'git diff' to $patch"
fi

# The words of a command line, and its output.
declare -a words=()
output=
read_words() {
  local i
  eval "words=($(<"$1"))"
  for ((i = 1; i < ${#words[@]}; i++)); do
    [[ ${words[i - 1]} != -o ]] || output=${words[i]}
  done
}

read_words "$link"
link_words=("${words[@]}") original=$output
declare -A linked=() # Objects in the command line of the link.
for word in "${link_words[@]}"; do linked[$word]=yes; done

stale=() # Objects that read what has changed.
for how in "$@"; do
  object=${how%.how}
  if [[ -v linked[$object] ]] &&
    grep -qF "$(printf '%s\n' "${changed[@]}")" "${object%.o}.d"; then
    stale+=("$object")
  fi
done

declare -A fresh=() # By object: the one that is made of the patched sources.

compile_object() {
  local object=$1 made=$tree/objects/${#fresh[@]} line=() word
  read_words "$object.how"
  for word in "${words[@]}"; do
    case $word in
      "$object") line+=("$made.o") ;;
      "${object%.o}.d") line+=("$made.d") ;;
      *) line+=("$word") ;;
    esac
  done
  # Warnings are for code that stays, and nobody debugs this program.
  (cd "$tree" && "${line[@]}" -w -g0) ||
    fail "the patched code does not compile (for $object)"
  fresh[$object]=$made.o
}

link_program() {
  local line=() word
  for word in "${link_words[@]}"; do
    if [[ $word == "$original" ]]; then
      line+=("$program")
    else
      line+=("${fresh[$word]:-$word}")
    fi
  done
  "${line[@]}" -Wl,-S "-Wl,-Map=$tree/map" || fail "the patched code does not link"
}

# The linker's map tells which objects a program has. Patched code may call for
# more of them, which can be stale too.
while true; do
  link_program
  count=${#fresh[@]}
  for object in "${stale[@]}"; do
    [[ ! -v fresh[$object] ]] || continue
    if grep -qF "$object" "$tree/map"; then compile_object "$object"; fi
  done
  [[ ${#fresh[@]} -gt $count ]] || break
done
[[ ${#fresh[@]} -gt 0 ]] ||
  fail "no part of the program reads what it changes: name another test"
