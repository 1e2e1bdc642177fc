#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Makes a clang and a clang++ out of Debian's clang 19 that behave like those
# of OSS-Fuzz's builder in what Debian's do not:
#
#   - -stdlib=libc++ links statically;
#   - -fsanitize=fuzzer links a libFuzzer that brings its own C++ library,
#     whatever the program's is. Debian's takes libstdc++ from the program.
#
#   toolchain.sh FOLDER
set -euo pipefail

readonly folder=$1
archive=libclang_rt.fuzzer-$(uname -m).a
resources=$(clang++-19 -print-resource-dir)
standard=$(readlink -f "$(clang++-19 -print-file-name=libc++.a)")
readonly archive resources standard

# A copy of clang's resource folder, out of links.
copy_resources() {
  mkdir -p "$folder/resources/lib/linux" "$folder/lib"
  ln -sfn "$resources/include" "$folder/resources/include"
  [[ ! -e $resources/share ]] ||
    ln -sfn "$resources/share" "$folder/resources/share"
  ln -sf "$resources"/lib/linux/* "$folder/resources/lib/linux/"
}

# libFuzzer as one object that keeps its C++ library to itself.
close_fuzzer() {
  local object=$folder/libfuzzer.o
  ld -r --force-group-allocation -o "$object" --whole-archive \
    "$resources/lib/linux/$archive" --no-whole-archive \
    "$(g++ -print-file-name=libstdc++.a)"
  objcopy --wildcard --keep-global-symbol='LLVMFuzzer*' \
    --keep-global-symbol='__libfuzzer*' --keep-global-symbol='__sanitizer_*' \
    --keep-global-symbol='__sancov*' --keep-global-symbol=main "$object"
  rm -f "$folder/resources/lib/linux/$archive"
  ar rcs "$folder/resources/lib/linux/$archive" "$object"
  rm -f "$object"
}

# A compiler by the name $1 in front of $2.
wrap() {
  mkdir -p "$folder/bin"
  printf '#!/bin/sh\nexec %s -Qunused-arguments -resource-dir=%q -L%q "$@"\n' \
    "$2" "$folder/resources" "$folder/lib" >"$folder/bin/$1"
  chmod +x "$folder/bin/$1"
}

copy_resources
close_fuzzer
printf 'INPUT(%s %s)\n' "$standard" "${standard%libc++.a}libc++abi.a" \
  >"$folder/lib/libc++.so"
wrap clang clang-19
wrap clang++ clang++-19
