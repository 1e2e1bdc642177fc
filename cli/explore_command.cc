// SPDX-License-Identifier: BSD-3-Clause

#include "cli/explore_command.h"

#include <CLI/CLI.hpp>

namespace virtio_user::cli {
namespace {

constexpr const char* kFooter = R"(
vuser explore COMMAND --help tells more.

exit code: 0 all was tried and all was right, 1 an end before the end, 2 wrong
arguments, 4 something was wrong or not all was tried, 5 a case did not end, 6
one crashed
)";

}  // namespace

void AddExploreCommand(CLI::App& app, ExploreArguments& arguments) {
  CLI::App* const explore = app.add_subcommand(
      "explore", "Tries everything of a kind on the real code, and counts it");
  explore->require_subcommand(1);
  explore->footer(kFooter);
  AddExploreFeaturesCommand(*explore, arguments.features);
  AddExploreFaultsCommand(*explore, arguments.faults);
  AddExploreSequencesCommand(*explore, arguments.sequences);
}

ExitCode ExploreCommand(const CLI::App& app, const ExploreArguments& arguments,
                        const Console& console) {
  const CLI::App* const explore = app.get_subcommand("explore");
  if (explore->got_subcommand("features")) {
    return ExploreFeaturesCommand(arguments.features, console);
  }
  if (explore->got_subcommand("sequences")) {
    return ExploreSequencesCommand(arguments.sequences, console);
  }
  return ExploreFaultsCommand(arguments.faults, console);
}

}  // namespace virtio_user::cli
