// SPDX-License-Identifier: BSD-3-Clause
//
// Every sequence of lifecycle operations up to a length, and beyond it every
// operation from every state, on the real front-end.

#ifndef BACKEND_SIM_EXPLORE_SEQUENCE_EXPLORER_H_
#define BACKEND_SIM_EXPLORE_SEQUENCE_EXPLORER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backend_sim/explore/parallel.h"
#include "backend_sim/simulation/sequences.h"

namespace backend_sim {

using LifeOps = std::vector<LifeOp>;

// "create,set-up,start".
std::string TextOf(const LifeOps& ops);
// Nothing: it is no such text.
std::optional<LifeOps> ParseLifeOps(std::string_view text);

// All sequences of 1 to `depth` operations.
SequenceReport ExploreSequences(uint32_t depth, const ExploreOptions& options);

// From each state that was not seen before, every operation, `depth` levels
// deep. An interruption ends it before a level.
StateReport ExploreLifeStates(uint32_t depth, const ExploreOptions& options);

// One sequence alone. After each operation `on_step` is told what it came to,
// as lines of a script with '\n' between.
SequenceReport PlayAgain(
    const LifeOps& ops,
    const std::function<void(LifeOp, const std::string&)>& on_step);

}  // namespace backend_sim

#endif  // BACKEND_SIM_EXPLORE_SEQUENCE_EXPLORER_H_
