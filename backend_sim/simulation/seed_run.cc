// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/simulation/seed_run.h"

#include "backend_sim/seeded_entropy.h"
#include "backend_sim/simulation/generator.h"

namespace backend_sim {

SeedRun RunEntropy(Entropy& entropy, const SeedRunOptions& options) {
  SeedRun run;
  const auto scenario = entropy.Fork("scenario");
  run.script.scenario = DrawScenario(*scenario, options.backend);
  Generator generator(entropy);
  Simulation simulation(run.script.scenario, options.simulation);
  for (uint32_t i = 0; i < options.steps; ++i) {
    run.script.operations.push_back(generator.Next(simulation.life()));
    if (!simulation.Step(run.script.operations.back())) break;
  }
  run.report = simulation.Finish();
  run.coverage = simulation.coverage();
  return run;
}

SeedRun RunSeed(uint64_t seed, const SeedRunOptions& options) {
  SeededEntropy entropy(seed);
  return RunEntropy(entropy, options);
}

}  // namespace backend_sim
