// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_EXPLORE_SEQUENCES_COMMAND_H_
#define CLI_EXPLORE_SEQUENCES_COMMAND_H_

#include <cstdint>
#include <optional>
#include <string>

#include "cli/command_options.h"
#include "cli/console.h"
#include "cli/exit_code.h"
#include "cli/explore_output.h"

namespace virtio_user::cli {

struct ExploreSequencesArguments {
  ExploreCommonArguments common;
  int64_t depth = 6;
  std::optional<std::string> only;
};

// Declares `vuser explore sequences`; `arguments` outlives `explore`.
void AddExploreSequencesCommand(const Command& explore,
                                ExploreSequencesArguments& arguments);

ExitCode ExploreSequencesCommand(const ExploreSequencesArguments& arguments,
                                 const Console& console);

}  // namespace virtio_user::cli

#endif  // CLI_EXPLORE_SEQUENCES_COMMAND_H_
