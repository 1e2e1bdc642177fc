// SPDX-License-Identifier: BSD-3-Clause
//
// Draws the operations of a run.

#ifndef BACKEND_SIM_SIMULATION_GENERATOR_H_
#define BACKEND_SIM_SIMULATION_GENERATOR_H_

#include <array>
#include <cstdint>
#include <memory>

#include "backend_sim/entropy.h"
#include "backend_sim/simulation/operation.h"
#include "backend_sim/simulation/simulation.h"

namespace backend_sim {

// Which kinds of operations and faults a run has, and how often: each seed
// leaves some out, so that what they would have hidden shows (swarm testing).
struct Swarm {
  std::array<uint32_t, kOpKinds> weights{};
  std::array<bool, kFaultKinds> faults{};
  uint32_t total = 0;

  static Swarm Draw(Entropy& entropy);
};

// The stream of `entropy` that the operations come from decides alone: what the
// world draws comes from each operation's salt.
class Generator {
 public:
  explicit Generator(Entropy& entropy);

  // Mostly something that makes sense where the device is now.
  Operation Next(LifeState life);

 private:
  Operation Sensible(LifeState life);
  Operation Any();
  void DrawArguments(Operation& operation);

  std::unique_ptr<Entropy> which_;
  std::unique_ptr<Entropy> arguments_;
  std::unique_ptr<Entropy> salts_;
  Swarm swarm_;
};

}  // namespace backend_sim

#endif  // BACKEND_SIM_SIMULATION_GENERATOR_H_
