#!/bin/bash
# A program that is built from patched sources has the bug, and its original has
# not: patched_binary_test.sh ORIGINAL PATCHED. The bug is S36: the program mends
# an address that it has to refuse.
set -uo pipefail

arguments=(run --mac 03:00:00:00:00:01 --packets 1)

code=0
"$1" "${arguments[@]}" || code=$?
[[ $code == 2 ]] || { echo "the original ends with $code and not with 2"; exit 1; }
"$2" "${arguments[@]}" || { echo "the patched program ends with $?"; exit 1; }
