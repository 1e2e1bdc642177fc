// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_COMMAND_LINE_H_
#define CLI_COMMAND_LINE_H_

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "cli/bench_command.h"
#include "cli/command_options.h"
#include "cli/console.h"
#include "cli/exit_code.h"
#include "cli/explore_command.h"
#include "cli/probe_command.h"
#include "cli/replay_command.h"
#include "cli/run_options.h"
#include "cli/shrink_command.h"
#include "cli/simulate_command.h"

namespace CLI {
class App;
}

namespace virtio_user::cli {

// As typed, by command.
struct CommandArguments {
  RunArguments run;
  ProbeArguments probe;
  BenchArguments bench;
  ReplayArguments replay;
  SimulateArguments simulate;
  ShrinkArguments shrink;
  ExploreArguments explore;
};

// Takes a command line apart; carries nothing out, and looks at no file.
class CommandLine {
 public:
  CommandLine();
  ~CommandLine();
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  // `words` without the program's name; what was typed before is forgotten.
  // An exit code: there is nothing to carry out, and the console has help, the
  // version, or what is wrong (kUsage).
  std::optional<ExitCode> Parse(std::span<const std::string> words,
                                const Console& console);

  // Of the last Parse that had no exit code.
  bool Has(const std::string& command) const;
  // There is one of that name.
  Command Find(const std::string& command) const;
  const CommandArguments& arguments() const { return arguments_; }
  const CLI::App& app() const { return *app_; }

 private:
  CommandArguments arguments_;
  const std::unique_ptr<CLI::App> app_;
};

}  // namespace virtio_user::cli

#endif  // CLI_COMMAND_LINE_H_
