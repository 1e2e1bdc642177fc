// SPDX-License-Identifier: BSD-3-Clause
//
// From a script that fails to the shortest one that fails in the same way.

#ifndef BACKEND_SIM_SIMULATION_SHRINKER_H_
#define BACKEND_SIM_SIMULATION_SHRINKER_H_

#include <cstdint>
#include <functional>

#include "backend_sim/simulation/script.h"

namespace backend_sim {

struct ShrinkOptions {
  uint64_t max_runs = 50000;  // Scripts that are tried, at most.
  // Told of each script that is shorter or plainer; may be null.
  std::function<void(const Script&)> progress = {};
};

struct Shrunk {
  Script script;
  uint64_t runs = 0;
  bool complete = false;  // Nothing that is tried makes it shorter.
};

// `fails` says whether a script fails in the way that is looked for; it does
// for `script`. First operations go, then what the scenario has beyond the
// plain one, then arguments become small.
Shrunk Shrink(Script script, const std::function<bool(const Script&)>& fails,
              const ShrinkOptions& options = {});

}  // namespace backend_sim

#endif  // BACKEND_SIM_SIMULATION_SHRINKER_H_
