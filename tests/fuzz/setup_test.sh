#!/bin/bash
# How tools/setup.sh becomes root, with a sudo and an apt that are not real.
# Reads the tree itself.
set -uo pipefail
. tests/fuzz/expect.sh

root=$(dirname "$(readlink -f WORKSPACE)")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# fake NAME: a program whose text is read.
fake() {
  { echo '#!/bin/bash'; cat; } >"$folder/bin/$1"
  chmod +x "$folder/bin/$1"
}

mkdir "$folder/bin"
fake id <<<'echo 1000'
fake apt-cache <<<'exit 0'
fake dpkg-query <<<'exit 1'
fake apt-get <<<'echo "apt-get ${*: -1}" >>"$NOTES"'
# PASSWORD: none is wanted, it is wanted, or it is not known.
fake sudo <<'END_OF_SUDO'
echo "sudo $1" >>"$NOTES"
case $PASSWORD:$1 in
  none:-v | wanted:-v) touch "$NOTES.known"; exit 0 ;;
  *:-v) exit 1 ;;
esac
[[ $PASSWORD == none || -e $NOTES.known ]] || {
  echo "sudo: a password is required" >&2
  exit 1
}
[[ $1 != -n ]] || shift
exec "$@"
END_OF_SUDO

# setup PASSWORD COMMAND...: exit code, words, and what sudo and apt-get did.
setup() {
  local code=0 out
  rm -f "$folder"/notes*
  out=$(NOTES=$folder/notes PASSWORD=$1 PATH=$folder/bin:$PATH \
    TMPDIR=$folder "${@:2}" 2>&1 </dev/null) || code=$?
  touch "$folder/notes"
  echo "$code: $out / $(paste -sd, "$folder/notes")" | tr -d '\r'
}

without_terminal=("$root/tools/setup.sh" bench)
with_terminal=(script --quiet --return --command
  "$root/tools/setup.sh bench" /dev/null)

expect "0: *installed / *apt-get valgrind" \
  "$(setup none "${without_terminal[@]}")"
expect "1: *sudo wants a password*valgrind* / sudo -n" \
  "$(setup wanted "${without_terminal[@]}")"
expect "0: *installed* / *sudo -v,*apt-get valgrind" \
  "$(setup wanted "${with_terminal[@]}")"
expect "1: *sudo wants a password*valgrind* / *sudo -v" \
  "$(setup unknown "${with_terminal[@]}")"

exit "$wrong"
