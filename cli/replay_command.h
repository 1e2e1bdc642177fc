// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_REPLAY_COMMAND_H_
#define CLI_REPLAY_COMMAND_H_

#include <cstdint>
#include <expected>
#include <optional>
#include <string>

#include "cli/command_options.h"
#include "cli/console.h"
#include "cli/exit_code.h"
#include "cli/replay_run.h"

namespace virtio_user::cli {

struct ReplayArguments {
  std::string what;  // A file's path, or a seed.
  std::optional<uint32_t> steps;
  std::optional<std::string> backend;
  std::optional<std::string> html_path;
  bool gtest = false;
  double timeout_seconds = 60;
};

// Declares `vuser replay`; `arguments` outlives `app`.
void AddReplayCommand(const Command& app, ReplayArguments& arguments);

// Reads the script, or the seed.
std::expected<ToReplay, Failure> ResolveReplay(
    const ReplayArguments& arguments);

// `vuser replay`: the transcript on the console's out, a test's source, or a
// page with a sequence diagram; the last line is the verdict.
ExitCode ReplayCommand(const ReplayArguments& arguments,
                       const Console& console);

}  // namespace virtio_user::cli

#endif  // CLI_REPLAY_COMMAND_H_
