#!/bin/bash
# Speaks like a GoogleTest program. The last word of its name says how it ends.
how=${0##*-}
case $how in
  none)
    echo "[==========] 0 tests from 0 test suites ran. (0 ms total)"
    echo "[  PASSED  ] 0 tests."
    exit 0
    ;;
  mute) exit 3 ;;
esac
name=Suite.Name
[[ ${1:-} != --gtest_filter=* ]] || name=${1#--gtest_filter=}
echo "[ RUN      ] $name"
case $how in
  passes) echo "[       OK ] $name (0 ms)" ;;
  skips) echo "[  SKIPPED ] $name (0 ms)" ;;
  fails)
    echo "[  FAILED  ] $name, where GetParam() = 1 (0 ms)"
    exit 1
    ;;
  dies) kill -SEGV $$ ;;
  hangs) sleep 30 ;;
  leaks)
    echo "[       OK ] $name (0 ms)"
    echo "==7==ERROR: LeakSanitizer: detected memory leaks"
    exit 1
    ;;
esac
