// SPDX-License-Identifier: BSD-3-Clause

#include "cli/shrink_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <ostream>

#include "backend_sim/simulation/shrinker.h"
#include "cli/atomic_file.h"
#include "cli/printable_text.h"
#include "cli/replay_run.h"
#include "cli/seed_fleet.h"
#include "cli/simulate_command.h"
#include "cli/whole_number.h"

namespace virtio_user::cli {
namespace {

using backend_sim::Script;

constexpr const char* kFooter = R"text(
what happens:
  The run has to fail. Operations are left out, then numbers made plain, as
  long as it fails in the same way: the same checker, or again a crash or a
  hang. What is left is a script for vuser replay.

examples:
  vuser shrink 4711 --output short.txt
  vuser replay short.txt --html short.html
)text";

// A run in this process; what killed the process before is run in another.
class Trial {
 public:
  Trial(const ShrinkArguments& arguments, const Console& console)
      : options_{.wants_hashes = false,
                 .patience = std::chrono::seconds(arguments.timeout_seconds)},
        silent_{.out = console.out, .err = null_} {}

  SeedOutcome Apart(const Script& script) {
    options_.count = 1;
    options_.workers = 1;
    const FleetResult result =
        RunFleet(options_, [&](uint64_t) { return Run(script); }, silent_);
    SeedOutcome outcome;
    if (result.failures.empty()) return outcome;
    outcome.verdict = result.failures.front().verdict;
    outcome.text = result.failures.front().text;
    return outcome;
  }

  static SeedOutcome Run(const Script& script) {
    backend_sim::SimulationOptions options;
    options.trace = {.keep_last = 0, .keep_all = false};
    return OutcomeOf(backend_sim::RunScript(script, options));
  }

 private:
  FleetOptions options_;
  std::ostream null_{nullptr};
  Console silent_;
};

// "descriptors" of "descriptors: 4 was closed twice (step 3)".
std::string CheckerOf(const SeedOutcome& outcome) {
  return outcome.text.substr(0, outcome.text.find(':'));
}

// What a seed draws depends on what becomes of it, so it is run; elsewhere,
// since this one may crash.
std::expected<Script, Failure> ScriptOf(const ShrinkArguments& arguments,
                                        const Console& console) {
  const auto what = ResolveReplay(arguments.input);
  if (!what) return std::unexpected(what.error());
  if (const auto* const script = std::get_if<Script>(&*what)) return *script;
  return ReplayGuarded([&](RunWriter& writer) { ReplayTwice(*what, writer); },
                       2 * std::chrono::seconds(arguments.timeout_seconds),
                       console)
      .run.script();
}

bool IsFatal(SeedVerdict verdict) {
  return verdict == SeedVerdict::kCrash || verdict == SeedVerdict::kHang;
}

}  // namespace

void AddShrinkCommand(CLI::App& app, ShrinkArguments& arguments) {
  CLI::App* const command =
      app.add_subcommand("shrink", "Makes a failing run as short as it goes.");
  command->footer(kFooter);
  command
      ->add_option("FILE|SEED", arguments.input.what,
                   "A script, or a number from which a run is drawn")
      ->required()
      ->type_name("");
  command->add_option("--output", arguments.output_path,
                      "Where the script goes (default: the output)");
  command->add_option("--steps", arguments.input.steps, "Of a seed: operations")
      ->check(WholeNumber<uint32_t>());
  command->add_option("--backend,--personality", arguments.input.backend,
                      "Of a seed: this back-end and no other");
  command
      ->add_option("--max-runs", arguments.max_runs,
                   fmt::format("Scripts that are tried, at most (default {})",
                               arguments.max_runs))
      ->check(WholeNumber<uint64_t>());
  command
      ->add_option("--timeout", arguments.timeout_seconds,
                   "Seconds of real time for one run (default 10)")
      ->check(WholeNumber<uint32_t>());
}

ExitCode ShrinkCommand(const ShrinkArguments& arguments,
                       const Console& console) {
  const auto script = ScriptOf(arguments, console);
  if (!script) {
    console.err << "vuser: " << Printable(script.error().text) << std::endl;
    return script.error().code;
  }
  if (arguments.output_path) {
    if (const auto ok = CheckWritable(*arguments.output_path); !ok) {
      console.err << "vuser: " << Printable(*arguments.output_path) << ": "
                  << ok.error() << std::endl;
      return ExitCode::kUsage;
    }
  }
  Trial judge(arguments, console);
  const SeedOutcome wanted = judge.Apart(*script);
  if (wanted.verdict == SeedVerdict::kPass) {
    console.err << "vuser: this run does not fail: there is nothing to shrink"
                << std::endl;
    return ExitCode::kUsage;
  }
  const bool apart = IsFatal(wanted.verdict);
  const auto fails = [&](const Script& candidate) {
    const SeedOutcome got =
        apart ? judge.Apart(candidate) : Trial::Run(candidate);
    if (apart) return got.verdict == wanted.verdict;
    return got.verdict == wanted.verdict && CheckerOf(got) == CheckerOf(wanted);
  };
  const backend_sim::Shrunk shrunk =
      backend_sim::Shrink(*script, fails, {.max_runs = arguments.max_runs});
  const SeedOutcome last = judge.Apart(shrunk.script);
  const std::string text = fmt::format("{}# {}: {}\n", ToText(shrunk.script),
                                       VerdictName(last.verdict), last.text);
  if (arguments.output_path) {
    const auto written = WriteFileAtomically(*arguments.output_path, text);
    if (!written) {
      console.err << "vuser: " << written.error() << std::endl;
      return ExitCode::kFail;
    }
  } else {
    console.out << text;
  }
  console.out << fmt::format(
      "verdict: {} with {} operations instead of {}, after {} runs{}\n",
      VerdictName(last.verdict), shrunk.script.operations.size(),
      script->operations.size(), shrunk.runs,
      shrunk.complete ? "" : " (--max-runs ended it)");
  return ExitCodeOf(last.verdict);
}

}  // namespace virtio_user::cli
