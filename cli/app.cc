// SPDX-License-Identifier: BSD-3-Clause

#include "cli/app.h"

#include <CLI/CLI.hpp>
#include <optional>
#include <ostream>
#include <vector>

#include "cli/bench_command.h"
#include "cli/exit_code.h"
#include "cli/explore_command.h"
#include "cli/printable_text.h"
#include "cli/probe_command.h"
#include "cli/replay_command.h"
#include "cli/run_command.h"
#include "cli/shrink_command.h"
#include "cli/simulate_command.h"
#include "cli/version.h"

namespace virtio_user::cli {
namespace {

int ToInt(ExitCode code) { return static_cast<int>(code); }

// Help and version are no errors, all else is the user's.
int Explain(const CLI::App& app, const CLI::ParseError& error,
            const Console& console) {
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) {
    return app.exit(error, console.out, console.err);
  }
  console.err << "vuser: " << Printable(error.what()) << "\nvuser: see ";
  const auto chosen = app.get_subcommands();
  console.err << "vuser " << (chosen.empty() ? "" : chosen.front()->get_name())
              << (chosen.empty() ? "" : " ") << "--help" << std::endl;
  return ToInt(ExitCode::kUsage);
}

// The names of a command's commands, "A, B or C".
std::string CommandNames(const CLI::App& app) {
  std::string names;
  const auto commands = app.get_subcommands({});
  for (size_t i = 0; i < commands.size(); ++i) {
    if (i > 0) names += i + 1 == commands.size() ? " or " : ", ";
    names += commands[i]->get_name();
  }
  return names;
}

// CLI11 would not name an unknown command. `what` is where it stands, such as
// "command".
std::optional<std::string> WrongCommand(const CLI::App& app,
                                        std::span<const std::string> arguments,
                                        const std::string& what) {
  const std::string advice = "say " + CommandNames(app);
  if (arguments.empty()) return "no " + what + ": " + advice;
  const std::string& first = arguments.front();
  if (first.starts_with('-')) return {};
  for (const CLI::App* command : app.get_subcommands({})) {
    if (command->get_name() != first) continue;
    if (command->get_subcommands({}).empty()) return {};
    return WrongCommand(*command, arguments.subspan(1), first + " command");
  }
  return first + ": no such " + what + "; " + advice;
}

}  // namespace

int RunApp(std::span<const std::string> arguments, const Console& console) {
  CLI::App app("Brings a virtio-net device up on a vhost back-end.", "vuser");
  app.footer("\nvuser COMMAND --help tells more, with examples.\n");
  app.set_version_flag("--version", std::string("vuser ") + kVersion);
  app.require_subcommand(1);
  RunArguments run;
  ProbeArguments probe;
  AddRunCommand(app, run);
  AddProbeCommand(app, probe);
  BenchArguments bench;
  AddBenchCommand(app, bench);
  ReplayArguments replay;
  AddReplayCommand(app, replay);
  SimulateArguments simulate;
  AddSimulateCommand(app, simulate);
  ShrinkArguments shrink;
  AddShrinkCommand(app, shrink);
  ExploreArguments explore;
  AddExploreCommand(app, explore);
  if (const auto wrong = WrongCommand(app, arguments, "command")) {
    const bool explore_what = !arguments.empty() && arguments[0] == "explore";
    console.err << "vuser: " << Printable(*wrong) << "\nvuser: see vuser "
                << (explore_what ? "explore " : "") << "--help" << std::endl;
    return ToInt(ExitCode::kUsage);
  }
  // CLI11 takes them last first.
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  try {
    app.parse(std::move(reversed));
  } catch (const CLI::ParseError& error) {
    return Explain(app, error, console);
  }
  if (app.got_subcommand("run")) return ToInt(RunCommand(run, console));
  if (app.got_subcommand("bench")) return ToInt(BenchCommand(bench, console));
  if (app.got_subcommand("replay")) {
    return ToInt(ReplayCommand(replay, console));
  }
  if (app.got_subcommand("simulate")) {
    return ToInt(SimulateCommand(simulate, console));
  }
  if (app.got_subcommand("shrink"))
    return ToInt(ShrinkCommand(shrink, console));
  if (app.got_subcommand("explore")) {
    return ToInt(ExploreCommand(app, explore, console));
  }
  return ToInt(ProbeCommand(probe, console));
}

}  // namespace virtio_user::cli
