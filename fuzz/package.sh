#!/bin/bash
# Puts together what OSS-Fuzz wants in $OUT for one target.
#
#   package.sh TARGET OUT BINARY OPTIONS [DICT] -- SEED...
#
# OUT is a folder, or the name of a tar. The same input gives the same bytes.
set -euo pipefail

target=$1 out=$(readlink -f "$2") binary=$3 options=$4 dict=
shift 4
if [[ $1 != -- ]]; then
  dict=$1
  shift
fi
shift

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
[[ $binary -ef $out/$target ]] || cp -L "$binary" "$stage/$target"
cp -L "$options" "$stage/$target.options"
[[ -z $dict ]] || cp -L "$dict" "$stage/$target.dict"
if [[ $# -gt 0 ]]; then
  mkdir "$stage/seeds"
  cp -L -- "$@" "$stage/seeds/"
  touch -d @315532800 "$stage"/seeds/*
  (cd "$stage/seeds" &&
    find . -type f -printf '%P\n' | LC_ALL=C sort |
      zip -q -X -@ "../${target}_seed_corpus.zip")
  rm -r "$stage/seeds"
fi
if [[ -d $out ]]; then
  cp -- "$stage"/* "$out/"
  exit
fi
tar --create --file="$out" --sort=name --mtime=@0 --owner=0 --group=0 \
  --numeric-owner --directory="$stage" .
