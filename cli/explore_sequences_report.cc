// SPDX-License-Identifier: BSD-3-Clause

#include "cli/explore_sequences_report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "backend_sim/simulation/script.h"
#include "cli/report.h"
#include "cli/text_table.h"

namespace virtio_user::cli {
namespace {

using backend_sim::kLifeOps;
using backend_sim::StateReport;
using nlohmann::ordered_json;

std::string StatesText(const StateReport& states) {
  TextTable table({"depth", "transitions tried", "new states"},
                  TextTable::Others::kRight);
  uint64_t transitions = 0;
  for (const auto& level : states.levels) {
    table.Add({std::to_string(level.depth), std::to_string(level.transitions),
               std::to_string(level.new_states)});
    transitions += level.transitions;
  }
  return fmt::format(
      "from each new state, every operation: {} states, {} transitions\n\n{}\n",
      states.states, transitions, table.Text());
}

}  // namespace

const backend_sim::Script* ExploreSequencesResult::failing() const {
  if (sequences.failing) return &*sequences.failing;
  return states.failing ? &*states.failing : nullptr;
}

std::optional<Failure> ExploreSequencesResult::failure() const {
  if (failing() != nullptr) {
    return Failure{ExitCode::kViolation,
                   sequences.failing ? sequences.finding : states.finding};
  }
  if (ended_by) return ended_by;
  if (interrupted) return Failure{ExitCode::kFail, "interrupted"};
  if (sequences.sequences == expected) return std::nullopt;
  return Failure{ExitCode::kViolation,
                 fmt::format("{} sequences were run, and there are {}",
                             sequences.sequences, expected)};
}

std::string ExploreReport(const ExploreSequencesResult& result) {
  std::string text = fmt::format(
      "sequences of 1 to {} of {} operations: {} run, {} are there, {} steps\n",
      result.depth, kLifeOps, result.sequences.sequences, result.expected,
      result.sequences.steps);
  if (!result.states.levels.empty()) text += StatesText(result.states);
  const auto failure = result.failure();
  // Of what ended before its end nothing can be said.
  if (!failure) {
    text += result.states.closed
                ? "the last level found no new state: there are no more\n"
                : "the last level still found new states: --depth goes "
                  "deeper\n";
  }
  if (const auto* const script = result.failing()) {
    text += "a script for vuser replay:\n" + ToText(*script);
  }
  return text + fmt::format("{:.1f} seconds\n", result.seconds) +
         VerdictLine(failure);
}

std::string ExploreJson(const ExploreSequencesResult& result) {
  ordered_json levels = ordered_json::array();
  for (const auto& level : result.states.levels) {
    levels.push_back({{"depth", level.depth},
                      {"transitions", level.transitions},
                      {"new_states", level.new_states}});
  }
  const auto failure = result.failure();
  ordered_json report{{"depth", result.depth},
                      {"sequences", result.sequences.sequences},
                      {"expected_sequences", result.expected},
                      {"steps", result.sequences.steps},
                      {"states", result.states.states},
                      {"closed", result.states.closed},
                      {"levels", levels},
                      {"seconds", result.seconds},
                      {"pass", !failure.has_value()}};
  if (failure) report["failure"] = failure->text;
  if (const auto* const script = result.failing()) {
    report["script"] = ToText(*script);
  }
  return report.dump(2, ' ', false, ordered_json::error_handler_t::replace) +
         "\n";
}

}  // namespace virtio_user::cli
