// SPDX-License-Identifier: BSD-3-Clause
//
// What an exploration came to, as a line from the process that made it.

#ifndef CLI_EXPLORE_LINE_H_
#define CLI_EXPLORE_LINE_H_

#include <string>

#include "backend_sim/explore/fault_explorer.h"
#include "backend_sim/simulation/sequences.h"

namespace virtio_user::cli {

std::string ToLine(const backend_sim::FaultExploration& exploration);
backend_sim::FaultExploration FaultsFromLine(const std::string& line);

std::string ToLine(const backend_sim::SequenceReport& report);
backend_sim::SequenceReport SequencesFromLine(const std::string& line);

std::string ToLine(const backend_sim::StateReport& report);
backend_sim::StateReport StatesFromLine(const std::string& line);

}  // namespace virtio_user::cli

#endif  // CLI_EXPLORE_LINE_H_
