// SPDX-License-Identifier: BSD-3-Clause

#include <array>
#include <string>
#include <vector>

#include "backend_sim/seeded_entropy.h"
#include "backend_sim/simulation/generator.h"
#include "backend_sim/simulation/simulation.h"
#include "fuzz/script_bytes.h"
#include "fuzz/seeds.h"

namespace fuzz {

// Lives of 8 to 64 operations, each drawn for the state that it finds.
std::vector<Seed> StartStopSeeds() {
  constexpr uint64_t kLives = 96;
  std::vector<Seed> seeds;
  for (uint64_t number = 1; number <= kLives; ++number) {
    backend_sim::SeededEntropy entropy(number);
    std::array<std::byte, kScenarioBytes> scenario{};
    // The first one is the plainest.
    if (number > 1) entropy.Bytes(scenario);
    const backend_sim::Script begin = ScriptOf(scenario);
    backend_sim::Generator generator(entropy);
    backend_sim::Simulation simulation(
        begin.scenario, {.trace = {.keep_last = 0, .keep_all = false}});
    std::vector<backend_sim::Operation> operations;
    const size_t count = 8 + number * 7 % (kMostOperations - 7);
    while (operations.size() < count) {
      backend_sim::Operation next = generator.Next(simulation.life());
      if (next.kind == backend_sim::OpKind::kAge) continue;
      operations.push_back(next);
      if (!simulation.Step(next)) break;
    }
    (void)simulation.TakeDown();
    seeds.push_back(
        {"life_" + std::to_string(number), BytesOf(scenario, operations)});
  }
  return seeds;
}

}  // namespace fuzz
