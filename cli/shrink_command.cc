// SPDX-License-Identifier: BSD-3-Clause

#include "cli/shrink_command.h"

#include <fmt/format.h>

#include <ostream>

#include "backend_sim/simulation/shrinker.h"
#include "cli/atomic_file.h"
#include "cli/explore_output.h"
#include "cli/replay_run.h"
#include "cli/seed_fleet.h"
#include "cli/simulate_command.h"

namespace virtio_user::cli {
namespace {

using backend_sim::Script;

constexpr const char* kFooter = R"text(
what happens:
  The run has to fail. Operations are left out, then numbers made plain, as
  long as it fails in the same way: the same checker, or again a crash or a
  hang. What is left is a script for vuser replay. Every run is in a process
  of its own. SIGINT ends it; what it has come to is written.

examples:
  vuser shrink 4711 --output short.txt
  vuser replay short.txt --html short.html
)text";

SeedOutcome RunOnce(const Script& script) {
  backend_sim::SimulationOptions options;
  options.trace = {.keep_last = 0, .keep_all = false};
  return OutcomeOf(backend_sim::RunScript(script, options));
}

// "descriptors" of "descriptors: 4 was closed twice (step 3)".
std::string CheckerOf(const SeedOutcome& outcome) {
  return outcome.text.substr(0, outcome.text.find(':'));
}

bool SameWay(const SeedOutcome& got, const SeedOutcome& wanted) {
  if (got.verdict != wanted.verdict) return false;
  const bool found = wanted.verdict == SeedVerdict::kViolation ||
                     wanted.verdict == SeedVerdict::kLiveness;
  return !found || CheckerOf(got) == CheckerOf(wanted);
}

Failure Interrupted() { return {ExitCode::kFail, "interrupted"}; }

// The script goes to the output otherwise.
bool ToFile(const ShrinkArguments& arguments) {
  return arguments.output_path && *arguments.output_path != "-";
}

struct ToShrink {
  Script script;
  bool cut_off = false;  // The seed had drawn no more when its time was over.
};

// What a seed draws depends on what becomes of it, so it is run; elsewhere,
// since this one may crash.
std::expected<ToShrink, Failure> ScriptOf(const ShrinkArguments& arguments,
                                          const Console& console) {
  const auto what = ResolveReplay(arguments.input);
  if (!what) return std::unexpected(what.error());
  if (const auto* const script = std::get_if<Script>(&*what)) {
    return ToShrink{.script = *script};
  }
  const Replay replay = ReplayGuarded(
      [&](RunWriter& writer) { ReplayTwice(*what, writer); },
      2 * std::chrono::seconds(arguments.timeout_seconds), console);
  if (replay.verdict.code == ExitCode::kFail) {
    return std::unexpected(console.Interrupted()
                               ? Interrupted()
                               : Failure{ExitCode::kFail, replay.verdict.text});
  }
  // It said nothing of its end, and did not die.
  const bool cut_off =
      replay.run.hash.empty() && replay.verdict.code == ExitCode::kLiveness;
  return ToShrink{.script = replay.run.script(), .cut_off = cut_off};
}

// From the run that fails to the shortest one.
class Shrinking {
 public:
  Shrinking(const TrialWorker::Run& run, const ShrinkArguments& arguments,
            const Console& console)
      : worker_(run, std::chrono::seconds(arguments.timeout_seconds), console) {
    options_.max_runs = arguments.max_runs;
  }

  // How `script` fails, if it does.
  std::expected<SeedOutcome, Failure> Judge(const Script& script) {
    const auto outcome = worker_.TryAfresh(script);
    if (!outcome) return std::unexpected(NoOutcome());
    if (outcome->verdict == SeedVerdict::kPass) {
      return std::unexpected(
          Failure{ExitCode::kUsage,
                  "this run does not fail: there is nothing to shrink"});
    }
    best_ = *outcome;
    return *outcome;
  }

  backend_sim::Shrunk Shrink(const Script& script) {
    const SeedOutcome wanted = best_;
    return backend_sim::Shrink(
        script,
        [&](const Script& candidate) { return Fails(candidate, wanted); },
        options_);
  }

  // Why it ended before its end; nothing: it did not.
  const std::optional<Failure>& ended_by() const { return ended_by_; }
  // Of the best script.
  const SeedOutcome& best() const { return best_; }

 private:
  Failure NoOutcome() const {
    if (!worker_.trouble().empty()) return {ExitCode::kFail, worker_.trouble()};
    return Interrupted();
  }

  bool Fails(const Script& candidate, const SeedOutcome& wanted) {
    if (ended_by_) return false;
    // What ends its process begins in a new one each time anyway.
    const bool fatal = wanted.verdict == SeedVerdict::kCrash ||
                       wanted.verdict == SeedVerdict::kHang;
    auto outcome =
        fatal ? worker_.TryAfresh(candidate) : worker_.Try(candidate);
    // Once more where no run before has left anything.
    if (!fatal && outcome && SameWay(*outcome, wanted)) {
      outcome = worker_.TryAfresh(candidate);
    }
    if (!outcome) {
      ended_by_ = NoOutcome();
      // It is looked at before each run.
      options_.max_runs = 0;
      return false;
    }
    if (!SameWay(*outcome, wanted)) return false;
    best_ = *outcome;
    return true;
  }

  TrialWorker worker_;
  backend_sim::ShrinkOptions options_;
  SeedOutcome best_;
  std::optional<Failure> ended_by_;
};

// Before there is anything to write.
ExitCode Stop(const Failure& failure, const Console& console) {
  if (console.Interrupted()) {
    console.out << "verdict: interrupted\n" << std::flush;
  }
  return TellFailure(failure, console);
}

// The script where it belongs, then the verdict.
ExitCode Tell(const Shrinking& shrinking, const backend_sim::Shrunk& shrunk,
              const ShrinkArguments& arguments, size_t operations,
              const Console& console) {
  const SeedOutcome& best = shrinking.best();
  const std::string text = fmt::format("{}# {}: {}\n", ToText(shrunk.script),
                                       VerdictName(best.verdict), best.text);
  if (ToFile(arguments)) {
    const auto written = WriteFileAtomically(*arguments.output_path, text);
    if (!written) {
      return TellFailure({ExitCode::kFail, written.error()}, console);
    }
  } else {
    console.out << text << std::flush;
    if (!console.out) {
      return TellFailure({ExitCode::kFail, "the script is lost"}, console);
    }
  }
  const auto& ended_by = shrinking.ended_by();
  const bool cut = !shrunk.complete && !ended_by;
  console.out << fmt::format(
      "verdict: {}{} with {} operations instead of {}, after {} runs{}\n",
      ended_by ? ended_by->text + ": so far " : "", VerdictName(best.verdict),
      shrunk.script.operations.size(), operations, shrunk.runs,
      cut ? " (--max-runs ended it)" : "");
  return ended_by ? ended_by->code : ExitCodeOf(best.verdict);
}

}  // namespace

std::optional<Failure> WrongShrinkArguments(const ShrinkArguments& arguments) {
  const auto usage = [](std::string text) {
    return Failure{ExitCode::kUsage, std::move(text)};
  };
  if (arguments.timeout_seconds == 0) {
    return usage("--timeout 0: say 1 or more seconds");
  }
  if (!ToFile(arguments)) return std::nullopt;
  if (arguments.output_path->empty()) {
    return usage("--output \"\": say a file's path");
  }
  if (const auto ok = CheckWritable(*arguments.output_path); !ok) {
    return usage("--output " + *arguments.output_path + ": " + ok.error());
  }
  return std::nullopt;
}

void AddShrinkCommand(const Command& app, ShrinkArguments& arguments) {
  const Command command =
      app.AddCommand("shrink", "Makes a failing run as short as it goes.");
  command.Footer(kFooter);
  command
      .Add("FILE|SEED", arguments.input.what,
           "A script, or a number from which a run is drawn")
      .Required()
      .Type("");
  command.Add("--output", arguments.output_path,
              "Where the script goes (default: the output)");
  command.Add("--steps", arguments.input.steps, "Of a seed: operations");
  command.Add("--backend,--personality", arguments.input.backend,
              "Of a seed: this back-end and no other");
  command.Add("--max-runs", arguments.max_runs,
              fmt::format("Scripts that are tried, at most (default {})",
                          arguments.max_runs));
  command.Add("--timeout", arguments.timeout_seconds,
              "Seconds of real time for one run (default 10)");
}

ExitCode ShrinkScript(const Script& script, const TrialWorker::Run& run,
                      const ShrinkArguments& arguments,
                      const Console& console) {
  Shrinking shrinking(run, arguments, console);
  const auto wanted = shrinking.Judge(script);
  if (!wanted) return Stop(wanted.error(), console);
  const backend_sim::Shrunk shrunk = shrinking.Shrink(script);
  return Tell(shrinking, shrunk, arguments, script.operations.size(), console);
}

ExitCode ShrinkCommand(const ShrinkArguments& arguments,
                       const Console& console) {
  if (const auto wrong = WrongShrinkArguments(arguments)) {
    return TellFailure(*wrong, console);
  }
  const auto script = ScriptOf(arguments, console);
  if (!script) return Stop(script.error(), console);
  if (script->cut_off) {
    return TellFailure(
        {ExitCode::kLiveness,
         fmt::format("the run has no end within {} s, and may have one later: "
                     "give more --timeout",
                     2 * arguments.timeout_seconds)},
        console);
  }
  return ShrinkScript(script->script, RunOnce, arguments, console);
}

}  // namespace virtio_user::cli
