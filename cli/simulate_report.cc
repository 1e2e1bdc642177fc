// SPDX-License-Identifier: BSD-3-Clause

#include "cli/simulate_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "backend_sim/fault_plan.h"
#include "backend_sim/simulation/operation.h"
#include "cli/text_table.h"

namespace virtio_user::cli {
namespace {

using backend_sim::Coverage;
using backend_sim::kLifeStates;
using backend_sim::kOpResults;
using backend_sim::kSeenFaults;
using backend_sim::LifeState;
using backend_sim::OpInfo;
using nlohmann::ordered_json;

constexpr size_t kMostFailures = 10;  // In the text.

// 12345678 -> "12 M": a table of orders of magnitude.
std::string Short(uint64_t count) {
  if (count == 0) return ".";
  if (count >= 10'000'000) return fmt::format("{}M", count / 1'000'000);
  if (count >= 10'000) return fmt::format("{}k", count / 1000);
  return std::to_string(count);
}

// Kinds of faults that came to pass in it, in any state.
size_t FaultsIn(const Coverage& coverage, const OpInfo& info) {
  const auto& states = coverage.faults_in[static_cast<size_t>(info.kind)];
  size_t kinds = 0;
  for (size_t kind = 0; kind < kSeenFaults; ++kind) {
    kinds += std::ranges::any_of(
        states, [&](const auto& seen) { return seen[kind] != 0; });
  }
  return kinds;
}

std::string CoverageText(const Coverage& coverage) {
  std::vector<std::string> head{"operation"};
  for (size_t state = 0; state < kLifeStates; ++state) {
    head.emplace_back(LifeStateName(static_cast<LifeState>(state)));
  }
  head.emplace_back("failed");
  head.emplace_back("faults");
  TextTable table(head, TextTable::Others::kRight);
  for (const OpInfo& info : backend_sim::AllOps()) {
    std::vector<std::string> row{std::string(info.name)};
    uint64_t failed = 0;
    for (size_t state = 0; state < kLifeStates; ++state) {
      const auto life = static_cast<LifeState>(state);
      row.push_back(IsPossible(info.kind, life)
                        ? Short(coverage.Done(info.kind, life))
                        : std::string());
      failed += coverage.counts[static_cast<size_t>(info.kind)][state][1];
    }
    row.push_back(Short(failed));
    row.push_back(Short(FaultsIn(coverage, info)));
    table.Add(std::move(row));
  }
  return table.Text();
}

// Operations in states of the device, of those that can be; and faults that
// came to pass in each of them.
struct Cells {
  size_t seen = 0;
  size_t all = 0;
  size_t with_faults = 0;
};
Cells CellsOf(const Coverage& coverage) {
  Cells cells;
  for (const OpInfo& info : backend_sim::AllOps()) {
    for (size_t state = 0; state < kLifeStates; ++state) {
      const auto life = static_cast<LifeState>(state);
      cells.all += IsPossible(info.kind, life) ? 1 : 0;
      cells.seen += coverage.Done(info.kind, life) != 0 ? 1 : 0;
      cells.with_faults += static_cast<size_t>(std::ranges::count_if(
          coverage.faults_in[static_cast<size_t>(info.kind)][state],
          [](uint32_t count) { return count != 0; }));
    }
  }
  return cells;
}

size_t FaultsSeen(const Coverage& coverage) {
  return static_cast<size_t>(std::ranges::count_if(
      coverage.faults, [](uint64_t count) { return count != 0; }));
}

std::string LineFor(std::string_view command, const SimulateSummary& summary,
                    uint64_t seed) {
  std::string line = fmt::format("vuser {} {}", command, seed);
  if (summary.arguments.steps != backend_sim::SeedRunOptions{}.steps) {
    line += fmt::format(" --steps {}", summary.arguments.steps);
  }
  if (summary.arguments.personality) {
    line += " --personality " + *summary.arguments.personality;
  }
  if (summary.arguments.timeout_seconds !=
      SimulateArguments{}.timeout_seconds) {
    line += fmt::format(" --timeout {}", summary.arguments.timeout_seconds);
  }
  return line;
}

std::string HashText(const FleetResult& result) {
  return fmt::format("{:016x}{:016x}", result.hash[0], result.hash[1]);
}

std::string FailuresText(const SimulateSummary& summary) {
  std::string text;
  const auto& failures = summary.result.failures;
  for (size_t i = 0; i < std::min(failures.size(), kMostFailures); ++i) {
    text += fmt::format("seed {}: {}: {}\n  {}\n  {}\n", failures[i].seed,
                        VerdictName(failures[i].verdict), failures[i].text,
                        LineFor("replay", summary, failures[i].seed),
                        LineFor("shrink", summary, failures[i].seed));
  }
  if (failures.size() > kMostFailures) {
    text += fmt::format("... and {} more\n", failures.size() - kMostFailures);
  }
  return text;
}

}  // namespace

std::string SimulateText(const SimulateSummary& summary) {
  const FleetResult& result = summary.result;
  if (!result.trouble.empty()) {
    return "verdict: nothing was run: " + result.trouble + "\n";
  }
  const double seconds = std::max(result.seconds, 1e-9);
  std::string text = fmt::format(
      "{} of {} seeds from {}, {} steps each, {} process{}\n", result.seeds,
      summary.fleet.count, summary.fleet.first, summary.arguments.steps,
      summary.fleet.workers, summary.fleet.workers == 1 ? "" : "es");
  text +=
      fmt::format("{:.1f} s: {:.0f} seeds/s, {:.0f} steps/s, {:.0f} events/s\n",
                  seconds, static_cast<double>(result.seeds) / seconds,
                  static_cast<double>(result.steps) / seconds,
                  static_cast<double>(result.events) / seconds);
  text += fmt::format("{} steps, {} events, hash {}\n", result.steps,
                      result.events, HashText(result));
  const Cells cells = CellsOf(result.coverage);
  text += fmt::format(
      "seen: {} of {} operations in states, {} of {} kinds of faults, {} "
      "faults in operations in states\n\n{}\n",
      cells.seen, cells.all, FaultsSeen(result.coverage), kSeenFaults,
      cells.with_faults, CoverageText(result.coverage));
  text += FailuresText(summary);
  if (result.interrupted) return text + "verdict: interrupted\n";
  if (result.failures.empty()) {
    return text + (summary.arguments.check_determinism
                       ? "verdict: pass, each seed twice with the same hash\n"
                       : "verdict: pass\n");
  }
  return text + fmt::format("verdict: {}\n",
                            VerdictName(result.failures.front().verdict));
}

std::string SimulateJson(const SimulateSummary& summary) {
  const FleetResult& result = summary.result;
  ordered_json failures = ordered_json::array();
  for (const SeedFailure& failure : result.failures) {
    failures.push_back({{"seed", failure.seed},
                        {"verdict", VerdictName(failure.verdict)},
                        {"text", failure.text},
                        {"replay", LineFor("replay", summary, failure.seed)},
                        {"shrink", LineFor("shrink", summary, failure.seed)}});
  }
  ordered_json operations;
  constexpr std::array<const char*, kOpResults> kResults{"done", "failed",
                                                         "nothing"};
  for (const OpInfo& info : backend_sim::AllOps()) {
    ordered_json states;
    for (size_t state = 0; state < kLifeStates; ++state) {
      const auto& counts =
          result.coverage.counts[static_cast<size_t>(info.kind)][state];
      ordered_json cell;
      for (size_t i = 0; i < kOpResults; ++i) cell[kResults[i]] = counts[i];
      const auto& seen =
          result.coverage.faults_in[static_cast<size_t>(info.kind)][state];
      for (size_t kind = 0; kind < kSeenFaults; ++kind) {
        if (seen[kind] == 0) continue;
        cell["faults"][std::string(backend_sim::SeenFaultName(kind))] =
            seen[kind];
      }
      states[std::string(LifeStateName(static_cast<LifeState>(state)))] = cell;
    }
    operations[std::string(info.name)] = states;
  }
  ordered_json faults;
  for (size_t kind = 0; kind < kSeenFaults; ++kind) {
    faults[std::string(backend_sim::SeenFaultName(kind))] =
        result.coverage.faults[kind];
  }
  const ordered_json report{
      {"first_seed", summary.fleet.first},
      {"seeds", result.seeds},
      {"steps_per_seed", summary.arguments.steps},
      {"processes", summary.fleet.workers},
      {"seconds", result.seconds},
      {"steps", result.steps},
      {"events", result.events},
      {"hash", HashText(result)},
      {"checked_determinism", summary.arguments.check_determinism},
      {"interrupted", result.interrupted},
      {"failures", failures},
      {"operations", operations},
      {"faults", faults}};
  return report.dump(2, ' ', false, ordered_json::error_handler_t::replace) +
         "\n";
}

}  // namespace virtio_user::cli
