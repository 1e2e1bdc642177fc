// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_EXPLORE_COMMAND_H_
#define CLI_EXPLORE_COMMAND_H_

#include "cli/command_options.h"
#include "cli/console.h"
#include "cli/exit_code.h"
#include "cli/explore_faults_command.h"
#include "cli/explore_features_command.h"
#include "cli/explore_sequences_command.h"

namespace virtio_user::cli {

struct ExploreArguments {
  ExploreFeaturesArguments features;
  ExploreFaultsArguments faults;
  ExploreSequencesArguments sequences;
};

// Declares `vuser explore` and its commands; `arguments` outlives `app`.
void AddExploreCommand(const Command& app, ExploreArguments& arguments);

// The one of them that was typed.
ExitCode ExploreCommand(const Command& explore,
                        const ExploreArguments& arguments,
                        const Console& console);

}  // namespace virtio_user::cli

#endif  // CLI_EXPLORE_COMMAND_H_
