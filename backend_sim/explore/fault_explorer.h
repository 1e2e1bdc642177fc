// SPDX-License-Identifier: BSD-3-Clause

#ifndef BACKEND_SIM_EXPLORE_FAULT_EXPLORER_H_
#define BACKEND_SIM_EXPLORE_FAULT_EXPLORER_H_

#include <cstdint>
#include <vector>

#include "backend_sim/explore/count.h"
#include "backend_sim/explore/fault_life.h"
#include "backend_sim/explore/parallel.h"

namespace backend_sim {

struct FaultExploration {
  uint16_t pairs = 0;
  size_t calls = 0;          // Of a life without faults.
  ExploreCount single;       // Every call, in every way.
  ExploreCount two;          // And every later call of the same life.
  ExploreCount in_recovery;  // Or every call of the recovery from the first.
  ExploreCount descriptors;  // Every call for a descriptor or a mapping fails.

  // Those that were explored.
  std::vector<const ExploreCount*> Counts() const;
  bool Good() const;
};

struct FaultExplorerOptions {
  uint16_t pairs = 1;
  bool two = true;          // Two faults in one life.
  bool in_recovery = true;  // The second one in the recovery.
  MakeBackend make_backend = MakeVhostUserBackend;
};

// Lives with every fault, and with every two faults of which the second still
// happens. How many there must be comes from the calls that the trace of a
// life without the last of the faults shows; tried are those whose faults all
// happened.
FaultExploration ExploreFaults(const FaultExplorerOptions& what,
                               const ExploreOptions& options);

}  // namespace backend_sim

#endif  // BACKEND_SIM_EXPLORE_FAULT_EXPLORER_H_
