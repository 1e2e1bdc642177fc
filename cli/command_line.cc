// SPDX-License-Identifier: BSD-3-Clause

#include "cli/command_line.h"

#include <CLI/CLI.hpp>
#include <ostream>
#include <vector>

#include "cli/printable_text.h"
#include "cli/run_command.h"
#include "cli/version.h"

namespace virtio_user::cli {
namespace {

// Help and version are no errors, all else is the user's.
ExitCode Explain(const CLI::App& app, const CLI::ParseError& error,
                 const Console& console) {
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) {
    app.exit(error, console.out, console.err);
    return ExitCode::kPass;
  }
  console.err << "vuser: " << Printable(error.what()) << "\nvuser: see ";
  const auto chosen = app.get_subcommands();
  console.err << "vuser " << (chosen.empty() ? "" : chosen.front()->get_name())
              << (chosen.empty() ? "" : " ") << "--help" << std::endl;
  return ExitCode::kUsage;
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

CommandLine::CommandLine()
    : app_(std::make_unique<CLI::App>(
          "Brings a virtio-net device up on a vhost back-end.", "vuser")) {
  app_->footer("\nvuser COMMAND --help tells more, with examples.\n");
  app_->set_version_flag("--version", std::string("vuser ") + kVersion);
  app_->require_subcommand(1);
  const Command program(app_.get());
  AddRunCommand(program, arguments_.run);
  AddProbeCommand(program, arguments_.probe);
  AddBenchCommand(program, arguments_.bench);
  AddReplayCommand(program, arguments_.replay);
  AddSimulateCommand(program, arguments_.simulate);
  AddShrinkCommand(program, arguments_.shrink);
  AddExploreCommand(program, arguments_.explore);
}

CommandLine::~CommandLine() = default;

std::optional<ExitCode> CommandLine::Parse(std::span<const std::string> words,
                                           const Console& console) {
  arguments_ = {};
  if (const auto wrong = WrongCommand(*app_, words, "command")) {
    const bool explore_what = !words.empty() && words[0] == "explore";
    console.err << "vuser: " << Printable(*wrong) << "\nvuser: see vuser "
                << (explore_what ? "explore " : "") << "--help" << std::endl;
    return ExitCode::kUsage;
  }
  // CLI11 takes them last first.
  std::vector<std::string> reversed(words.rbegin(), words.rend());
  try {
    app_->parse(std::move(reversed));
  } catch (const CLI::ParseError& error) {
    return Explain(*app_, error, console);
  }
  return std::nullopt;
}

bool CommandLine::Has(const std::string& command) const {
  return app_->got_subcommand(command);
}

Command CommandLine::Find(const std::string& command) const {
  return Command(app_->get_subcommand(command));
}

}  // namespace virtio_user::cli
