// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/life_counters.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace fuzz {
namespace {

using backend_sim::kLifeStates;
using backend_sim::kOpKinds;
using backend_sim::kOpResults;

// libFuzzer looks for this section by its name, after each input.
[[gnu::section("__libfuzzer_extra_counters"),
  gnu::used]] constinit std::array<uint8_t, kOpKinds * kLifeStates * kOpResults>
    counters{};

}  // namespace

void CountLife(const backend_sim::Coverage& coverage) {
  size_t at = 0;
  for (const auto& by_state : coverage.counts) {
    for (const auto& by_result : by_state) {
      for (const uint64_t count : by_result) {
        counters[at++] = static_cast<uint8_t>(std::min<uint64_t>(count, 255));
      }
    }
  }
}

}  // namespace fuzz
