// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_BENCH_COMMAND_H_
#define CLI_BENCH_COMMAND_H_

#include <cstdint>
#include <expected>
#include <optional>
#include <string>

#include "cli/command_options.h"
#include "cli/console.h"
#include "cli/exit_code.h"
#include "cli/path_bench.h"
#include "cli/run_options.h"

namespace virtio_user::cli {

// As typed.
struct BenchArguments {
  std::string backend{kSimBackend};
  int64_t queue_size = 256;
  int64_t burst = 32;
  int64_t rounds = 5;
  std::string sizes = "64";
  std::string path = "all";
  std::optional<int64_t> packets;
  std::optional<double> seconds;
  double timeout_seconds = 2;
  std::optional<std::string> json_path;
};

// Declares `vuser bench` and where its arguments go; `arguments` outlives
// `app`.
void AddBenchCommand(const Command& app, BenchArguments& arguments);

// kUsage names option, value and what is allowed. Looks at no file but the one
// of --json.
std::expected<BenchOptions, Failure> CheckBenchArguments(
    const BenchArguments& arguments);

// `vuser bench`: the table on the console's out, everything else on err.
ExitCode BenchCommand(const BenchArguments& arguments, const Console& console);

}  // namespace virtio_user::cli

#endif  // CLI_BENCH_COMMAND_H_
