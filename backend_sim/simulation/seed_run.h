// SPDX-License-Identifier: BSD-3-Clause
//
// A whole run from one number.

#ifndef BACKEND_SIM_SIMULATION_SEED_RUN_H_
#define BACKEND_SIM_SIMULATION_SEED_RUN_H_

#include <cstdint>
#include <optional>
#include <string>

#include "backend_sim/entropy.h"
#include "backend_sim/simulation/script.h"
#include "backend_sim/simulation/simulation.h"

namespace backend_sim {

struct SeedRunOptions {
  uint32_t steps = 400;  // Operations before the faults end.
  std::optional<std::string> backend = {};
  SimulationOptions simulation = {};
};

struct SeedRun {
  RunReport report;
  Script script;  // Runs the same without the seed.
  Coverage coverage;
};

// Scenario, swarm and operations are drawn from `entropy`, whatever drives it.
SeedRun RunEntropy(Entropy& entropy, const SeedRunOptions& options = {});
SeedRun RunSeed(uint64_t seed, const SeedRunOptions& options = {});

}  // namespace backend_sim

#endif  // BACKEND_SIM_SIMULATION_SEED_RUN_H_
