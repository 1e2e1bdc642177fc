// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/life_counters.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace fuzz {
namespace {

using backend_sim::kLifeStates;
using backend_sim::kOpKinds;
using backend_sim::kOpResults;

// libFuzzer looks for this section by its name, after each input.
[[gnu::section("__libfuzzer_extra_counters"),
  gnu::used]] constinit std::array<uint8_t, kOpKinds * kLifeStates * kOpResults>
    counters{};

struct Lives {
  double lives = 0;
  double operations = 0;
};

Lives& AllLives() {
  static Lives lives;
  return lives;
}

// A line each time that there are more, for whoever watches and asks for it.
void TellStates() {
  static const bool kAsked = std::getenv("VUSER_TELL_STATES") != nullptr;
  static std::array<bool, counters.size()> seen{};
  static size_t told = 0;
  if (!kAsked) return;
  for (size_t i = 0; i < counters.size(); ++i) seen[i] |= counters[i] != 0;
  const auto count = static_cast<size_t>(std::ranges::count(seen, true));
  if (count == told) return;
  told = count;
  std::fprintf(stderr, "states: %zu\n", count);
}

}  // namespace

void CountOperations(size_t count) {
  static const bool asked = [] {
    if (std::getenv("VUSER_LIFE_COUNT") == nullptr) return false;
    std::atexit([] {
      const Lives& all = AllLives();
      std::fprintf(stderr, "life: %.1f operations\n",
                   all.operations / std::max(all.lives, 1.0));
    });
    return true;
  }();
  if (!asked) return;
  ++AllLives().lives;
  AllLives().operations += static_cast<double>(count);
}

void CountLife(const backend_sim::Coverage& coverage) {
  size_t at = 0;
  for (const auto& by_state : coverage.counts) {
    for (const auto& by_result : by_state) {
      for (const uint64_t count : by_result) {
        counters[at++] = static_cast<uint8_t>(std::min<uint64_t>(count, 255));
      }
    }
  }
  TellStates();
}

}  // namespace fuzz
