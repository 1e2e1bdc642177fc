// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_EXPLORE_FEATURES_COMMAND_H_
#define CLI_EXPLORE_FEATURES_COMMAND_H_

#include "cli/command_options.h"
#include "cli/console.h"
#include "cli/exit_code.h"
#include "cli/explore_output.h"

namespace virtio_user::cli {

// As typed.
struct ExploreFeaturesArguments {
  ExploreCommonArguments common;
  bool prove = false;
  std::string solver = "z3";
};

// Declares `features` under `vuser explore`.
void AddExploreFeaturesCommand(const Command& explore,
                               ExploreFeaturesArguments& arguments);

ExitCode ExploreFeaturesCommand(const ExploreFeaturesArguments& arguments,
                                const Console& console);

}  // namespace virtio_user::cli

#endif  // CLI_EXPLORE_FEATURES_COMMAND_H_
