#!/bin/bash
# What is built anew, and what is an error: with a compiler that copies and a
# linker that puts the copies one after the other.
set -uo pipefail

build=$PWD/tests/history/build_patched.sh
cd "$(mktemp -d)" || exit 1
trap 'rm -rf "$PWD"' EXIT

mkdir virtio_user
for unit in first second unused; do
  printf '%s\n' one two three four five six seven >"virtio_user/$unit.cc"
  printf "'%s'\n" ./compile "virtio_user/$unit.cc" -o "$unit.o" >"$unit.o.how"
  echo "$unit.o: virtio_user/$unit.cc" >"$unit.d"
  cp "virtio_user/$unit.cc" "$unit.o"
done
echo "second.o: virtio_user/second.cc virtio_user/shared.h" >second.d
echo "unused.o: virtio_user/unused.cc virtio_user/shared.h" >unused.d
echo "original" >virtio_user/shared.h
printf "'%s'\n" ./link -o original first.o second.o unused.o >original.how

cat >compile <<'END'
#!/bin/bash
! grep broken "$1" || exit 1
{ echo "compiled"; cat "$1" virtio_user/shared.h; } >"$3"
END
# Has a map and leaves out the third object, as of a library.
cat >link <<'END'
#!/bin/bash
printf '%s\n' "$3" "$4" >"${7#-Wl,-Map=}"
! grep unresolved "$3" "$4" || exit 1
cat "$3" "$4" >"$2"
END
chmod +x compile link

# change FILE FROM TO: writes a patch.
change() {
  cp "$1" old
  sed "s/$2/$3/" "$1" >new
  diff -u --label "a/$1" --label "b/$1" old new >the.patch
}

wrong=0

check() {
  [[ $1 == "$2" ]] && return
  echo "'$1' and not '$2': $3"
  wrong=1
}

run() {
  "$build" the.patch patched original.how {first,second,unused}.o.how >said 2>&1
}

# expect_error TEXT
expect_error() {
  local code=0
  run || code=$?
  check "$code" 1 "the exit code of: $1"
  grep -q "^the.patch: .*$1" said || check "$(<said)" "$1" "what was said"
}

change virtio_user/first.cc four 4
run || check "$(<said)" "" "a patch that applies"
check "$(grep -c '^4$' patched)" 1 "what the patch changes"
check "$(grep -c compiled patched)" 1 "only what reads a change is compiled"
check "$(grep -c 4 virtio_user/first.cc)" 0 "the sources stay"

change virtio_user/shared.h original patched
run || check "$(<said)" "" "a patch of a header"
check "$(grep -cE 'patched|compiled' patched)" 2 "what reads a header"

change virtio_user/first.cc four broken
expect_error "does not compile"
change virtio_user/first.cc four unresolved
expect_error "does not link"
change virtio_user/unused.cc four 4
expect_error "no part of the program reads what it changes"
change virtio_user/first.cc four 4
sed -i 's/three/drei/' virtio_user/first.cc
expect_error "does not apply any more"
: >the.patch
expect_error "changes nothing"
cp virtio_user/first.cc virtio_user/other.cc
change virtio_user/other.cc four 4
rm virtio_user/other.cc
expect_error "the program is not built from virtio_user/other.cc"

exit "$wrong"
