// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_EXPLORE_FAULTS_COMMAND_H_
#define CLI_EXPLORE_FAULTS_COMMAND_H_

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "backend_sim/explore/fault_choice.h"
#include "cli/command_options.h"
#include "cli/console.h"
#include "cli/exit_code.h"
#include "cli/explore_output.h"

namespace virtio_user::cli {

// As typed.
struct ExploreFaultsArguments {
  ExploreCommonArguments common;
  std::optional<int64_t> pairs;  // Else 1, 2, 4 and 8, one after the other.
  bool in_recovery = false;
  std::optional<std::string> only;
};

struct ExploreFaultsChecked {
  backend_sim::ExploreOptions options;
  std::vector<uint16_t> pairs;
  std::optional<backend_sim::FaultChoices> only;
};

// kUsage names option, value and what is allowed. Looks at no file but the one
// of --json.
std::expected<ExploreFaultsChecked, Failure> CheckExploreFaults(
    const ExploreFaultsArguments& arguments, const Console& console);

// Declares `faults` under `vuser explore`.
void AddExploreFaultsCommand(const Command& explore,
                             ExploreFaultsArguments& arguments);

ExitCode ExploreFaultsCommand(const ExploreFaultsArguments& arguments,
                              const Console& console);

}  // namespace virtio_user::cli

#endif  // CLI_EXPLORE_FAULTS_COMMAND_H_
