// SPDX-License-Identifier: BSD-3-Clause

#include "cli/app.h"

#include "cli/command_line.h"
#include "cli/run_command.h"

namespace virtio_user::cli {
namespace {

ExitCode CarryOut(const CommandLine& line, const Console& console) {
  const CommandArguments& arguments = line.arguments();
  if (line.Has("run")) return RunCommand(arguments.run, console);
  if (line.Has("bench")) return BenchCommand(arguments.bench, console);
  if (line.Has("replay")) return ReplayCommand(arguments.replay, console);
  if (line.Has("simulate")) {
    return SimulateCommand(arguments.simulate, console);
  }
  if (line.Has("shrink")) return ShrinkCommand(arguments.shrink, console);
  if (line.Has("explore")) {
    return ExploreCommand(line.Find("explore"), arguments.explore, console);
  }
  return ProbeCommand(arguments.probe, console);
}

}  // namespace

int RunApp(std::span<const std::string> arguments, const Console& console) {
  CommandLine line;
  const auto ended = line.Parse(arguments, console);
  return static_cast<int>(ended ? *ended : CarryOut(line, console));
}

}  // namespace virtio_user::cli
