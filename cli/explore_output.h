// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_EXPLORE_OUTPUT_H_
#define CLI_EXPLORE_OUTPUT_H_

#include <cstdint>
#include <expected>
#include <optional>
#include <string>

#include "backend_sim/explore/parallel.h"
#include "cli/command_options.h"
#include "cli/console.h"
#include "cli/exit_code.h"

namespace virtio_user::cli {

// What all that explore have in common, as typed.
struct ExploreCommonArguments {
  int64_t jobs = 2;
  std::optional<std::string> json_path;
  uint32_t timeout_seconds = 60;  // For one case, where that can be said.
};

void AddExploreCommonOptions(const Command& command,
                             ExploreCommonArguments& arguments);
// --timeout, of those that are guarded.
void AddExploreTimeout(const Command& command,
                       ExploreCommonArguments& arguments);

std::expected<backend_sim::ExploreOptions, Failure> CheckExploreCommon(
    const ExploreCommonArguments& arguments, const Console& console);

// The report on the console's out, JSON where it was asked for, why it failed
// on err.
struct ExploreTexts {
  std::string report;
  std::string json;
};
ExitCode WriteExploreResult(const ExploreTexts& texts,
                            const std::optional<Failure>& failure,
                            const ExploreCommonArguments& arguments,
                            const Console& console);

// A failure on err; its code.
ExitCode TellFailure(const Failure& failure, const Console& console);

}  // namespace virtio_user::cli

#endif  // CLI_EXPLORE_OUTPUT_H_
