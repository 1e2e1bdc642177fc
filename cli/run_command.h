// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_RUN_COMMAND_H_
#define CLI_RUN_COMMAND_H_

#include "cli/command_options.h"
#include "cli/console.h"
#include "cli/exit_code.h"
#include "cli/run_options.h"

namespace virtio_user::cli {

// Declares `vuser run` and where its arguments go; `arguments` outlives `app`.
void AddRunCommand(const Command& app, RunArguments& arguments);

// `vuser run`: the report on the console's out, everything else on err.
ExitCode RunCommand(const RunArguments& arguments, const Console& console);

}  // namespace virtio_user::cli

#endif  // CLI_RUN_COMMAND_H_
