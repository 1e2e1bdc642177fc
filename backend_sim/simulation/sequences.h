// SPDX-License-Identifier: BSD-3-Clause
//
// Every sequence of lifecycle operations up to a length, on the real front-end.

#ifndef BACKEND_SIM_SIMULATION_SEQUENCES_H_
#define BACKEND_SIM_SIMULATION_SEQUENCES_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backend_sim/entropy.h"
#include "backend_sim/simulation/script.h"
#include "backend_sim/simulation/simulation.h"

namespace backend_sim {

// What an embedder, its memory and its back-end do to a device's life.
enum class LifeOp : uint8_t {
  kCreate,
  kDestroy,
  kSetUp,  // Negotiate, and rings for all pairs.
  kStart,
  kStop,
  kReset,
  kReattach,
  kPairs,   // Two pairs are asked for, or one if two are active.
  kMemory,  // A region comes, or goes if it is there.
  kPeer,    // The back-end goes, or comes back if it is gone.
  kRefuse,  // The next message will be refused.
  kPoll,
};
inline constexpr uint32_t kLifeOps = 12;
std::string_view LifeOpName(LifeOp op);

// Sequences of 1 to `depth` operations: 12 + 12^2 + ...
uint64_t SequenceCount(uint32_t depth);

// Does such operations, one after the other.
class LifePlayer {
 public:
  explicit LifePlayer(std::shared_ptr<MappingPool> mappings);

  // False: something was found.
  bool Play(LifeOp op);
  RunReport TakeDown() { return simulation_.TakeDown(); }
  // What the operations came to, for a replay.
  const Script& script() const { return script_; }
  // Two players with the same value go on in the same way, up to counters that
  // only grow.
  uint64_t StateHash() { return simulation_.StateHash(); }

 private:
  bool Do(const Operation& operation);

  Script script_;
  Simulation simulation_;
};

struct SequenceReport {
  uint64_t sequences = 0;         // Each with its last step checked.
  uint64_t steps = 0;             // That were made for it.
  std::optional<Script> failing;  // The first one.
  std::string finding;

  void Merge(const SequenceReport& other) {
    sequences += other.sequences;
    steps += other.steps;
    if (failing || !other.failing) return;
    failing = other.failing;
    finding = other.finding;
  }
};

// What is there beyond: from each state that was not seen before, every
// operation.
struct StateLevel {
  uint32_t depth = 0;
  uint64_t transitions = 0;  // Tried from the states of the level above.
  uint64_t new_states = 0;   // That no shorter sequence leads to.
};
struct StateReport {
  std::vector<StateLevel> levels;  // From depth 1 on.
  uint64_t states = 1;             // With the one of the beginning.
  bool closed = false;  // The last level has no new state: there are no more.
  std::optional<Script> failing;
  std::string finding;
};

}  // namespace backend_sim

#endif  // BACKEND_SIM_SIMULATION_SEQUENCES_H_
