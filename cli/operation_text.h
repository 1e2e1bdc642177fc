// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_OPERATION_TEXT_H_
#define CLI_OPERATION_TEXT_H_

#include <string>
#include <string_view>

#include "backend_sim/simulation/operation.h"
#include "backend_sim/simulation/scenario.h"
#include "backend_sim/simulation/simulation.h"

namespace virtio_user::cli {

// What the numbers of an operation say, where they say more than themselves:
// "stall", "6 frames". Empty: nothing.
std::string MeaningOf(const backend_sim::Operation& operation);

// "done", "failed", "nothing to do".
std::string_view ResultName(backend_sim::OpResult result);

// On one line: "backend conforming, pairs 2, packed 1"; numbers as in
// Scenario{} are left out, but for the first two.
std::string ScenarioText(const backend_sim::Scenario& scenario);

}  // namespace virtio_user::cli

#endif  // CLI_OPERATION_TEXT_H_
