// SPDX-License-Identifier: BSD-3-Clause
//
// Each seed of FUZZ_TARGET, which is linked in, whether or not it is committed:
// one that reaches nothing more may be judged by something more.

#include "fuzz/seeds.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

// Targets bring their mutators along in the fuzz config; nothing mutates here.
extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t most);
extern "C" size_t LLVMFuzzerMutate(uint8_t* /*data*/, size_t size,
                                   size_t /*most*/) {
  return size;
}

namespace fuzz {
namespace {

TEST(SeedsTest, NoSeed_LeadsToAFinding) {
  const auto targets = SeededTargets();
  const auto target =
      std::ranges::find(targets, FUZZ_TARGET, &SeededTarget::name);
  ASSERT_NE(target, targets.end());
  const auto seeds = target->seeds();
  ASSERT_FALSE(seeds.empty());
  for (const Seed& seed : seeds) {
    std::fprintf(stderr, "%s\n", seed.name.c_str());
    LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(seed.bytes.data()),
                           seed.bytes.size());
  }
}

}  // namespace
}  // namespace fuzz
