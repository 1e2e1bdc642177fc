// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_EXPLORE_SEQUENCES_COMMAND_H_
#define CLI_EXPLORE_SEQUENCES_COMMAND_H_

#include <cstdint>
#include <expected>
#include <optional>
#include <string>

#include "backend_sim/explore/parallel.h"
#include "backend_sim/explore/sequence_explorer.h"
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

struct ExploreSequencesChecked {
  backend_sim::ExploreOptions options;
  uint32_t depth = 0;
  std::optional<backend_sim::LifeOps> only;  // This sequence alone.
};
// What is wrong with what was typed, or what is meant by it.
std::expected<ExploreSequencesChecked, Failure> CheckExploreSequences(
    const ExploreSequencesArguments& arguments, const Console& console);

ExitCode ExploreSequencesCommand(const ExploreSequencesArguments& arguments,
                                 const Console& console);

}  // namespace virtio_user::cli

#endif  // CLI_EXPLORE_SEQUENCES_COMMAND_H_
