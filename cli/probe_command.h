// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_PROBE_COMMAND_H_
#define CLI_PROBE_COMMAND_H_

#include <expected>
#include <optional>
#include <string>

#include "cli/command_options.h"
#include "cli/console.h"
#include "cli/exit_code.h"
#include "virtio_user/base/deadline.h"

namespace virtio_user::cli {

struct ProbeArguments {
  std::string backend;
  std::optional<std::string> json_path;
  double timeout_seconds = 2;
  bool server = false;
  bool verbose = false;
};

// Declares `vuser probe`; `arguments` outlives `app`.
void AddProbeCommand(const Command& app, ProbeArguments& arguments);

// The time that there is; else kUsage names option, value and what is allowed.
// Looks at no file but the one of --json.
std::expected<Duration, Failure> CheckProbeArguments(
    const ProbeArguments& arguments);

// `vuser probe`: the table on the console's out, or JSON.
ExitCode ProbeCommand(const ProbeArguments& arguments, const Console& console);

}  // namespace virtio_user::cli

#endif  // CLI_PROBE_COMMAND_H_
