// SPDX-License-Identifier: BSD-3-Clause

#include "cli/explore_line.h"

#include <array>
#include <nlohmann/json.hpp>
#include <optional>

namespace virtio_user::cli {
namespace {

using backend_sim::ExploreCount;
using backend_sim::FaultExploration;
using backend_sim::Script;
using backend_sim::SequenceReport;
using backend_sim::StateLevel;
using backend_sim::StateReport;
using nlohmann::json;

constexpr std::array kCounts{&FaultExploration::single, &FaultExploration::two,
                             &FaultExploration::in_recovery,
                             &FaultExploration::descriptors};

std::string Line(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

json JsonOf(const ExploreCount& count) {
  return {count.name, count.must, count.tried, count.wrong, count.first_wrong};
}

ExploreCount CountOf(const json& value) {
  return {.name = value[0],
          .must = value[1],
          .tried = value[2],
          .wrong = value[3],
          .first_wrong = value[4]};
}

json JsonOf(const std::optional<Script>& script) {
  return script ? json(ToText(*script)) : json();
}

std::optional<Script> ScriptOf(const json& value) {
  if (value.is_null()) return std::nullopt;
  auto script = backend_sim::ScriptFromText(value.get<std::string>());
  return script ? *std::move(script) : Script();
}

}  // namespace

std::string ToLine(const FaultExploration& exploration) {
  json counts = json::array();
  for (const auto count : kCounts) {
    counts.push_back(JsonOf(exploration.*count));
  }
  return Line({{"pairs", exploration.pairs},
               {"calls", exploration.calls},
               {"counts", counts}});
}

FaultExploration FaultsFromLine(const std::string& line) {
  const json value = json::parse(line);
  FaultExploration exploration;
  exploration.pairs = value["pairs"];
  exploration.calls = value["calls"];
  for (size_t i = 0; i < kCounts.size(); ++i) {
    exploration.*kCounts[i] = CountOf(value["counts"][i]);
  }
  return exploration;
}

std::string ToLine(const SequenceReport& report) {
  return Line({{"sequences", report.sequences},
               {"steps", report.steps},
               {"failing", JsonOf(report.failing)},
               {"finding", report.finding}});
}

SequenceReport SequencesFromLine(const std::string& line) {
  const json value = json::parse(line);
  return {.sequences = value["sequences"],
          .steps = value["steps"],
          .failing = ScriptOf(value["failing"]),
          .finding = value["finding"]};
}

std::string ToLine(const StateReport& report) {
  json levels = json::array();
  for (const StateLevel& level : report.levels) {
    levels.push_back({level.depth, level.transitions, level.new_states});
  }
  return Line({{"levels", levels},
               {"states", report.states},
               {"closed", report.closed},
               {"failing", JsonOf(report.failing)},
               {"finding", report.finding}});
}

StateReport StatesFromLine(const std::string& line) {
  const json value = json::parse(line);
  StateReport report{.levels = {},
                     .states = value["states"],
                     .closed = value["closed"],
                     .failing = ScriptOf(value["failing"]),
                     .finding = value["finding"]};
  for (const json& level : value["levels"]) {
    report.levels.push_back(
        {.depth = level[0], .transitions = level[1], .new_states = level[2]});
  }
  return report;
}

}  // namespace virtio_user::cli
