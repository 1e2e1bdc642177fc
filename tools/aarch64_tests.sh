#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Builds the tests of ring/ and net/ for aarch64 and runs them under qemu-user.
#
#   tools/aarch64_tests.sh [NAME...]     tests/NAME.cc; without, all of them
#
# It shows that the code builds for Arm and computes the same there. It proves
# nothing about memory ordering: qemu runs the guest's loads and stores as loads
# and stores of this machine, and x86 keeps them in order. Tests of threads are
# left out for that reason, and because they need membarrier(2); death tests,
# because a program cannot start itself anew under qemu-user.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root out=${AARCH64_OUT:-/tmp/vuser-aarch64.$(id -u)}
readonly sysroot=/usr/aarch64-linux-gnu
cd "$root"
tools/setup.sh build aarch64
mkdir -p "$out"

# Without arguments: the tests that stand on ring/ and net/ alone, or on what
# tests of those share.
names=("$@")
if [[ $# == 0 ]]; then
  mapfile -t names < <(
    grep -lE '"(virtio_user/(ring|net)/|virtio_user/base/lanes\.h|tests/(bare|driver_queue|net|ring)_)' \
      tests/*_test.cc |
      xargs grep -LE '"(backend_sim|cli|bench|virtio_user/(device|os|vhost_user))/' |
      xargs grep -LE '"tests/(sim|fakes|mocks|support)/' |
      sed 's,tests/\(.*\)\.cc,\1,' | grep -vE '_thread_test$|^(cli|device)_'
  )
fi

cat >"$out/Makefile" <<'EOF'
GTEST := /usr/src/googletest
LIBRARY := $(wildcard $(addprefix virtio_user/,base/*.cc spec/*.cc ring/*.cc \
  net/*.cc)) tests/own_rig.cc $(addprefix $(GTEST)/,googletest/src/gtest-all.cc \
  googlemock/src/gmock-all.cc googletest/src/gtest_main.cc)
OBJECTS := $(LIBRARY:%.cc=$(OUT)/o/%.o)
CPPFLAGS := -I. $(foreach d,googletest googlemock,-isystem $(GTEST)/$d/include \
  -I$(GTEST)/$d) -D_GLIBCXX_ASSERTIONS
.SECONDARY:
all: $(NAMES:%=$(OUT)/%)
$(OUT)/%: $(OUT)/o/tests/%.o $(OBJECTS)
	@aarch64-linux-gnu-g++ $^ -pthread -o $@
$(OUT)/o/%.o: %.cc
	@mkdir -p $(@D)
	@aarch64-linux-gnu-g++ -std=c++23 -O1 $(CPPFLAGS) -MMD -c $< -o $@
$(OUT)/o//%.o: /%.cc
	@mkdir -p $(@D)
	@aarch64-linux-gnu-g++ -std=c++23 -O1 $(CPPFLAGS) -MMD -c $< -o $@
-include $(OBJECTS:.o=.d) $(NAMES:%=$(OUT)/o/tests/%.d)
EOF
make -f "$out/Makefile" -j "$(nproc)" OUT="$out" NAMES="${names[*]}"

failed=()
for name in "${names[@]}"; do
  if qemu-aarch64 -L "$sysroot" "$out/$name" --gtest_brief=1 \
    --gtest_filter='-*Death*' >"$out/$name.log" 2>&1; then
    echo "PASSED $name"
  else
    cat "$out/$name.log"
    echo "FAILED $name"
    failed+=("$name")
  fi
done
if [[ ${#failed[@]} != 0 ]]; then
  echo "failed: ${failed[*]}" >&2
  exit 1
fi
