// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_SHRINK_COMMAND_H_
#define CLI_SHRINK_COMMAND_H_

#include <cstdint>
#include <optional>
#include <string>

#include "backend_sim/simulation/script.h"
#include "cli/command_options.h"
#include "cli/console.h"
#include "cli/exit_code.h"
#include "cli/replay_command.h"
#include "cli/trial_worker.h"

namespace virtio_user::cli {

struct ShrinkArguments {
  ReplayArguments input;  // What it is, and of a seed: steps and back-end.
  std::optional<std::string> output_path;
  uint64_t max_runs = 50000;
  uint32_t timeout_seconds = 10;
};

// Declares `vuser shrink`; `arguments` outlives `app`.
void AddShrinkCommand(const Command& app, ShrinkArguments& arguments);

// What is wrong with them (kUsage), or nothing. Looks at no file but the one of
// --output.
std::optional<Failure> WrongShrinkArguments(const ShrinkArguments& arguments);

// `vuser shrink`: the shortest script that fails in the same way. The code is
// that of the failure; kUsage where there is none.
ExitCode ShrinkCommand(const ShrinkArguments& arguments,
                       const Console& console);

// The same of a script; `run` is what a process of its own does with each. The
// output has been checked.
ExitCode ShrinkScript(const backend_sim::Script& script,
                      const TrialWorker::Run& run,
                      const ShrinkArguments& arguments, const Console& console);

}  // namespace virtio_user::cli

#endif  // CLI_SHRINK_COMMAND_H_
