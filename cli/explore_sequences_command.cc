// SPDX-License-Identifier: BSD-3-Clause

#include "cli/explore_sequences_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <nlohmann/json.hpp>
#include <vector>

#include "backend_sim/simulation/sequences.h"
#include "cli/text_table.h"

namespace virtio_user::cli {
namespace {

using backend_sim::kLifeOps;
using backend_sim::LifeOp;
using backend_sim::SequenceReport;
using backend_sim::StateReport;
using nlohmann::ordered_json;

// What is tried completely; deeper levels are tried from each state that is
// new.
constexpr uint32_t kCompleteDepth = 6;
constexpr int64_t kMaxDepth = 64;

constexpr const char* kFooter = R"text(
what happens:
  Twelve operations of a device's life (create, destroy, set up, start, stop,
  reset, reattach, a change of pairs, of memory, the back-end's going and
  coming, a refused message, Poll), in every sequence of up to six, on the real
  front-end, with all checkers after each step. Then, up to --depth, every
  operation from every state that no shorter sequence leads to.

examples:
  vuser explore sequences --depth 6
  vuser explore sequences --depth 20
      also says whether there are states beyond
)text";

struct Outcome {
  uint32_t depth = 0;     // Completely.
  uint64_t expected = 0;  // Sequences that there are.
  SequenceReport sequences = {};
  StateReport states = {};
  double seconds = 0;
  bool interrupted = false;

  std::optional<Failure> failure() const {
    if (sequences.failing || states.failing) {
      const auto& script =
          sequences.failing ? *sequences.failing : *states.failing;
      return Failure{ExitCode::kFail,
                     (sequences.failing ? sequences.finding : states.finding) +
                         "; as a script for vuser replay:\n" + ToText(script)};
    }
    if (interrupted) return Failure{ExitCode::kFail, "interrupted"};
    if (sequences.sequences == expected) return std::nullopt;
    return Failure{ExitCode::kFail,
                   fmt::format("{} sequences were run, and there are {}",
                               sequences.sequences, expected)};
  }
};

// All sequences, cut into parts by their first two operations.
SequenceReport RunAll(uint32_t depth,
                      const backend_sim::ExploreOptions& options) {
  if (depth <= 2) return backend_sim::RunSequences({}, depth);
  SequenceReport report = backend_sim::RunSequences({}, 2);
  if (report.failing) return report;
  report.Merge(
      backend_sim::InParallel(size_t{kLifeOps} * kLifeOps, options, [&] {
        return [&](size_t part) {
          const std::array first{static_cast<LifeOp>(part / kLifeOps),
                                 static_cast<LifeOp>(part % kLifeOps)};
          return backend_sim::RunSequences(first, depth);
        };
      }));
  return report;
}

std::string Report(const Outcome& outcome) {
  std::string text = fmt::format(
      "sequences of 1 to {} of {} operations: {} run, {} are there, {} steps\n",
      outcome.depth, kLifeOps, outcome.sequences.sequences, outcome.expected,
      outcome.sequences.steps);
  TextTable table({"depth", "transitions tried", "new states"},
                  TextTable::Others::kRight);
  uint64_t transitions = 0;
  for (const auto& level : outcome.states.levels) {
    table.Add({std::to_string(level.depth), std::to_string(level.transitions),
               std::to_string(level.new_states)});
    transitions += level.transitions;
  }
  text += fmt::format(
      "from each new state, every operation: {} states, {} transitions\n\n{}\n",
      outcome.states.states, transitions, table.Text());
  text += outcome.states.closed
              ? "the last level found no new state: there are no more\n"
              : "the last level still found new states: --depth goes deeper\n";
  text += fmt::format("{:.1f} s\n", outcome.seconds);
  text += outcome.failure() ? "verdict: fail\n" : "verdict: pass\n";
  return text;
}

std::string Json(const Outcome& outcome) {
  ordered_json levels = ordered_json::array();
  for (const auto& level : outcome.states.levels) {
    levels.push_back({{"depth", level.depth},
                      {"transitions", level.transitions},
                      {"new_states", level.new_states}});
  }
  ordered_json report{{"depth", outcome.depth},
                      {"sequences", outcome.sequences.sequences},
                      {"expected_sequences", outcome.expected},
                      {"steps", outcome.sequences.steps},
                      {"states", outcome.states.states},
                      {"closed", outcome.states.closed},
                      {"levels", levels},
                      {"seconds", outcome.seconds},
                      {"pass", !outcome.failure().has_value()}};
  if (const auto failure = outcome.failure()) report["failure"] = failure->text;
  return report.dump(2) + "\n";
}

}  // namespace

void AddExploreSequencesCommand(CLI::App& explore,
                                ExploreSequencesArguments& arguments) {
  CLI::App* const sequences = explore.add_subcommand(
      "sequences", "Every sequence of lifecycle operations");
  AddExploreCommonOptions(*sequences, arguments.common);
  sequences
      ->add_option(
          "--depth", arguments.depth,
          fmt::format("Operations in a row, at most; more than {} only "
                      "from states that are new",
                      kCompleteDepth))
      ->capture_default_str();
  sequences->footer(kFooter);
}

ExitCode ExploreSequencesCommand(const ExploreSequencesArguments& arguments,
                                 const Console& console) {
  const auto options = CheckExploreCommon(arguments.common, console);
  if (!options) return TellFailure(options.error(), console);
  if (arguments.depth < 1 || arguments.depth > kMaxDepth) {
    return TellFailure(
        {ExitCode::kUsage,
         fmt::format("--depth {}: say 1 to {}", arguments.depth, kMaxDepth)},
        console);
  }
  const auto depth = static_cast<uint32_t>(arguments.depth);
  const auto begin = std::chrono::steady_clock::now();
  Outcome outcome{.depth = std::min(depth, kCompleteDepth)};
  outcome.expected = backend_sim::SequenceCount(outcome.depth);
  outcome.sequences = RunAll(outcome.depth, *options);
  if (!outcome.sequences.failing) {
    outcome.states = backend_sim::ExploreStates(
        depth, [&](const StateReport&) { return !options->Interrupted(); });
  }
  outcome.interrupted = options->Interrupted();
  outcome.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin)
          .count();
  return WriteExploreResult({Report(outcome), Json(outcome)}, outcome.failure(),
                            arguments.common, console);
}

}  // namespace virtio_user::cli
