// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/simulation/stack.h"

namespace backend_sim {

SimMemoryOptions MemoryOptionsOf(const StackOptions& options) {
  return {.initial_regions = options.scenario.regions,
          .region_bytes = size_t{1} << 16,
          .reserved_bytes = size_t{1} << 14,
          .mappings = options.mappings};
}

std::unique_ptr<SimStack> MakeStack(const StackOptions& options) {
  if (options.scenario.backend == "vhost-net") {
    return MakeVhostNetStack(options);
  }
  if (options.scenario.backend == "vdpa") return MakeVdpaStack(options);
  return MakeVhostUserStack(options);
}

}  // namespace backend_sim
