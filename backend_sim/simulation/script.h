// SPDX-License-Identifier: BSD-3-Clause
//
// A simulated run as a text that people can read and change.

#ifndef BACKEND_SIM_SIMULATION_SCRIPT_H_
#define BACKEND_SIM_SIMULATION_SCRIPT_H_

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "backend_sim/simulation/operation.h"
#include "backend_sim/simulation/scenario.h"

namespace backend_sim {

struct Script {
  Scenario scenario;
  std::vector<Operation> operations;

  friend bool operator==(const Script&, const Script&) = default;
};

// One line each: "set NAME VALUE", then the operations. '#' begins a comment.
std::string ToText(const Script& script);
// Or what is wrong, with the line's number. A verdict is no part of it: the
// whole output of `vuser shrink` is a script.
std::expected<Script, std::string> ScriptFromText(std::string_view text);
// A GoogleTest that runs it and expects that nothing is found.
std::string ToGoogleTest(const Script& script, std::string_view name);

}  // namespace backend_sim

#endif  // BACKEND_SIM_SIMULATION_SCRIPT_H_
