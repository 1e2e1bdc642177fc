// SPDX-License-Identifier: BSD-3-Clause

#include "cli/explore_command.h"

namespace virtio_user::cli {
namespace {

constexpr const char* kFooter = R"(
vuser explore COMMAND --help tells more.

exit code: 0 all was tried and all was right, 1 an end before the end, 2 wrong
arguments, 4 something was wrong or not all was tried, 5 a case did not end, 6
one crashed
)";

}  // namespace

void AddExploreCommand(const Command& app, ExploreArguments& arguments) {
  const Command explore = app.AddCommand(
      "explore", "Tries everything of a kind on the real code, and counts it");
  explore.RequireCommand();
  explore.Footer(kFooter);
  AddExploreFeaturesCommand(explore, arguments.features);
  AddExploreFaultsCommand(explore, arguments.faults);
  AddExploreSequencesCommand(explore, arguments.sequences);
}

ExitCode ExploreCommand(const Command& explore,
                        const ExploreArguments& arguments,
                        const Console& console) {
  if (explore.Has("features")) {
    return ExploreFeaturesCommand(arguments.features, console);
  }
  if (explore.Has("sequences")) {
    return ExploreSequencesCommand(arguments.sequences, console);
  }
  return ExploreFaultsCommand(arguments.faults, console);
}

}  // namespace virtio_user::cli
