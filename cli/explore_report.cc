// SPDX-License-Identifier: BSD-3-Clause

#include "cli/explore_report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/report.h"
#include "cli/report_json.h"
#include "cli/text_table.h"

namespace virtio_user::cli {

using backend_sim::ExploreCount;
using backend_sim::FaultExploration;
using backend_sim::FeatureProof;
using backend_sim::Theorem;
using nlohmann::ordered_json;

namespace {

// 6291456 as "6,291,456".
std::string Grouped(uint64_t number) {
  std::string text = std::to_string(number);
  for (size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, ",");
  return text;
}

std::vector<std::string> Row(const std::string& name,
                             const ExploreCount& count) {
  return {name, Grouped(count.must), Grouped(count.tried),
          Grouped(count.wrong)};
}

// The first thing that is not as it must be. After an interruption there are
// fewer cases than there must be.
std::optional<Failure> FailureOf(const std::vector<const ExploreCount*>& counts,
                                 bool interrupted) {
  for (const ExploreCount* count : counts) {
    if (count->wrong > 0) {
      return Failure{ExitCode::kViolation, count->first_wrong};
    }
  }
  if (interrupted) return Failure{ExitCode::kFail, "interrupted"};
  for (const ExploreCount* count : counts) {
    if (count->tried == count->must) continue;
    return Failure{
        ExitCode::kViolation,
        fmt::format("{}: {} cases were tried, and there are {}", count->name,
                    Grouped(count->tried), Grouped(count->must))};
  }
  return std::nullopt;
}

std::string ProofText(const ExploreFeaturesResult& result) {
  if (!result.proof && result.no_proof.empty()) return "";
  if (!result.proof) return "\nno proof: " + result.no_proof + "\n";
  std::string text =
      "\nfor all masks and options, by " + result.proof->solver + ":\n";
  for (const Theorem& theorem : result.proof->theorems) {
    text += fmt::format("  {}: {}\n", theorem.proved ? "proved" : "NOT PROVED",
                        theorem.claim);
    if (!theorem.proved) text += "    " + theorem.why_not + "\n";
  }
  return text;
}

ordered_json JsonOf(const ExploreCount& count) {
  ordered_json json = {{"name", count.name},
                       {"must", count.must},
                       {"tried", count.tried},
                       {"wrong", count.wrong}};
  if (count.wrong > 0) json["first_wrong"] = count.first_wrong;
  return json;
}

ordered_json Head(const char* command, const std::optional<Failure>& failure,
                  double seconds) {
  ordered_json json = {{"schema", kJsonSchema},
                       {"command", command},
                       {"verdict", failure ? "FAIL" : "pass"}};
  if (failure) json["reason"] = failure->text;
  json["seconds"] = seconds;
  return json;
}

std::string Text(const ordered_json& json) {
  return json.dump(2, ' ', false, ordered_json::error_handler_t::replace) +
         "\n";
}

}  // namespace

std::optional<Failure> ExploreFeaturesResult::failure() const {
  std::vector<const ExploreCount*> all;
  for (const ExploreCount& count : counts) all.push_back(&count);
  if (auto failed = FailureOf(all, interrupted)) return failed;
  if (!proof) {
    if (!proof_needed) return std::nullopt;
    return Failure{ExitCode::kFail, "--prove: " + no_proof};
  }
  for (const Theorem& theorem : proof->theorems) {
    if (theorem.proved) continue;
    return Failure{ExitCode::kViolation,
                   "not proved: " + theorem.claim + "; " + theorem.why_not};
  }
  return std::nullopt;
}

std::optional<Failure> ExploreFaultsResult::failure() const {
  if (ended_by) return ended_by;
  std::vector<const ExploreCount*> all;
  for (const FaultExploration& one : pairs) {
    for (const ExploreCount* count : one.Counts()) all.push_back(count);
  }
  return FailureOf(all, interrupted);
}

std::string ExploreReport(const ExploreFeaturesResult& result) {
  TextTable table({"cases", "must be", "tried", "wrong"},
                  TextTable::Others::kRight);
  for (const ExploreCount& count : result.counts) {
    table.Add(Row(count.name, count));
  }
  return table.Text() + ProofText(result) +
         fmt::format("\n{:.1f} seconds\n", result.seconds) +
         VerdictLine(result.failure());
}

std::string ExploreReport(const ExploreFaultsResult& result) {
  TextTable table({"pairs", "calls", "faults", "must be", "tried", "wrong"},
                  TextTable::Others::kRight);
  for (const FaultExploration& one : result.pairs) {
    for (const ExploreCount* count : one.Counts()) {
      table.Add({std::to_string(one.pairs), std::to_string(one.calls),
                 count->name, Grouped(count->must), Grouped(count->tried),
                 Grouped(count->wrong)});
    }
  }
  return table.Text() + fmt::format("\n{:.1f} seconds\n", result.seconds) +
         VerdictLine(result.failure());
}

std::string ExploreJson(const ExploreFeaturesResult& result) {
  ordered_json json =
      Head("explore features", result.failure(), result.seconds);
  json["counts"] = ordered_json::array();
  for (const ExploreCount& count : result.counts) {
    json["counts"].push_back(JsonOf(count));
  }
  json["proof"] = nullptr;
  if (result.proof) {
    ordered_json theorems = ordered_json::array();
    for (const Theorem& theorem : result.proof->theorems) {
      theorems.push_back({{"claim", theorem.claim},
                          {"proved", theorem.proved},
                          {"why_not", theorem.why_not}});
    }
    json["proof"] = {{"solver", result.proof->solver},
                     {"theorems", std::move(theorems)}};
  }
  return Text(json);
}

std::string ExploreJson(const ExploreFaultsResult& result) {
  ordered_json json = Head("explore faults", result.failure(), result.seconds);
  json["pairs"] = ordered_json::array();
  for (const FaultExploration& one : result.pairs) {
    ordered_json counts = ordered_json::array();
    for (const ExploreCount* count : one.Counts()) {
      counts.push_back(JsonOf(*count));
    }
    json["pairs"].push_back({{"pairs", one.pairs},
                             {"calls", one.calls},
                             {"counts", std::move(counts)}});
  }
  return Text(json);
}

}  // namespace virtio_user::cli
