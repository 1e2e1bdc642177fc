// SPDX-License-Identifier: BSD-3-Clause

#include "cli/explore_faults_command.h"

#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <ostream>

#include "backend_sim/explore/fault_explorer.h"
#include "cli/explore_guard.h"
#include "cli/explore_line.h"
#include "cli/explore_report.h"
#include "cli/report.h"

namespace virtio_user::cli {
namespace {

constexpr int64_t kMaxPairs = 128;
constexpr uint16_t kUsualPairs[] = {1, 2, 4, 8};
// With more, twice as many pairs take eight times as long, and minutes.
constexpr uint16_t kMaxUsualPairsInRecovery = 4;

std::string Footer() {
  std::string text = R"text(
what happens:
  A life of a device, a start, all pairs and a stop, in which every call to the
  back-end goes wrong in turn, in six ways; then each of them with every second
  fault that still happens, in the same life or in the recovery from the first.
  Whatever happens, the device says the truth about itself, keeps its deadline,
  leaves no descriptor and works again with a back-end that behaves.

ways:
)text";
  for (const auto& way : backend_sim::kFaultWays) {
    text += fmt::format("  {:<15}{}\n", way.name, way.meaning);
  }
  return text + R"text(
examples:
  vuser explore faults --pairs 2
  vuser explore faults --pairs 2 --only refused@6,late@9
      that life alone, with its transcript; "none": without a fault

exit code: 0 all was tried and all was right, 1 interrupted, 2 wrong arguments,
4 something was wrong or not all was tried, 5 a case did not end, 6 one crashed
)text";
}

std::unexpected<Failure> Usage(std::string text) {
  return std::unexpected(Failure{ExitCode::kUsage, std::move(text)});
}

// "pairs 2, faults refused@6" of a failure as a command line; "" of what has
// none.
std::string Again(const std::string& name) {
  constexpr std::string_view kPairs = "pairs ";
  constexpr std::string_view kFaults = ", faults ";
  const size_t at = name.find(kFaults);
  if (at == std::string::npos) return "";
  return "vuser explore faults --pairs " +
         name.substr(kPairs.size(), at - kPairs.size()) + " --only " +
         name.substr(at + kFaults.size());
}

// One life, in full.
ExitCode LiveOnce(const ExploreFaultsChecked& checked,
                  std::chrono::seconds patience, const Console& console) {
  const std::string name = fmt::format("pairs {}, faults {}", checked.pairs[0],
                                       TextOf(*checked.only));
  std::optional<Failure> failure;
  const auto work = [&](const backend_sim::ExploreOptions& options,
                        const TellLine& tell) {
    const backend_sim::ObservedCase observed(options.observer, name);
    const auto life = backend_sim::LiveAgain(checked.pairs[0], *checked.only);
    tell(nlohmann::json({life.transcript, life.wrong, life.happened})
             .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  };
  const auto on_line = [&](const std::string& line) {
    const auto life = nlohmann::json::parse(line);
    console.out << life[0].get<std::string>() << '\n';
    const std::string wrong = life[1];
    const size_t happened = life[2];
    if (!wrong.empty()) {
      failure = Failure{ExitCode::kViolation, wrong};
    } else if (happened != checked.only->size()) {
      failure =
          Failure{ExitCode::kFail, fmt::format("{} of {} faults happened",
                                               happened, checked.only->size())};
    }
  };
  const GuardedEnd end =
      ExploreGuarded({.work = work,
                      .on_line = on_line,
                      .again = [](const std::string&) { return ""; },
                      .patience = patience},
                     checked.options, console);
  if (end.failure) failure = end.failure;
  if (end.interrupted) failure = Failure{ExitCode::kFail, "interrupted"};
  console.out << VerdictLine(failure) << std::flush;
  return failure ? TellFailure(*failure, console) : ExitCode::kPass;
}

ExploreFaultsResult ExploreAll(const ExploreFaultsChecked& checked,
                               bool in_recovery, std::chrono::seconds patience,
                               const Console& console) {
  ExploreFaultsResult result;
  const auto work = [&](const backend_sim::ExploreOptions& options,
                        const TellLine& tell) {
    for (const uint16_t pairs : checked.pairs) {
      if (options.Interrupted()) return;
      const bool too = in_recovery || pairs <= kMaxUsualPairsInRecovery;
      tell(
          ToLine(ExploreFaults({.pairs = pairs, .in_recovery = too}, options)));
    }
  };
  const GuardedEnd end =
      ExploreGuarded({.work = work,
                      .on_line =
                          [&](const std::string& line) {
                            result.pairs.push_back(FaultsFromLine(line));
                          },
                      .again = Again,
                      .patience = patience},
                     checked.options, console);
  result.interrupted = end.interrupted;
  result.ended_by = end.failure;
  return result;
}

}  // namespace

std::expected<ExploreFaultsChecked, Failure> CheckExploreFaults(
    const ExploreFaultsArguments& arguments, const Console& console) {
  const auto options = CheckExploreCommon(arguments.common, console);
  if (!options) return std::unexpected(options.error());
  ExploreFaultsChecked checked{
      .options = *options,
      .pairs = {std::begin(kUsualPairs), std::end(kUsualPairs)},
      .only = {}};
  if (arguments.pairs) {
    if (*arguments.pairs < 1 || *arguments.pairs > kMaxPairs) {
      return Usage(
          fmt::format("--pairs {}: say 1 to {}", *arguments.pairs, kMaxPairs));
    }
    checked.pairs = {static_cast<uint16_t>(*arguments.pairs)};
  }
  if (!arguments.only) return checked;
  if (!arguments.pairs) return Usage("--only: say --pairs too");
  checked.only = backend_sim::ParseFaultChoices(*arguments.only);
  if (!checked.only) {
    return Usage("--only " + *arguments.only +
                 ": say WAY@CALL, or two of them with a comma between; "
                 "--help lists the ways");
  }
  return checked;
}

void AddExploreFaultsCommand(const Command& explore,
                             ExploreFaultsArguments& arguments) {
  const Command faults = explore.AddCommand(
      "faults", "Every fault, and every two, in the life of a device");
  faults
      .Add("--pairs", arguments.pairs, "Queue pairs, 1 to 128 [1, 2, 4 and 8]")
      .Type("N");
  faults.AddFlag("--in-recovery", arguments.in_recovery,
                 "The second fault in the recovery too with more than 4\n"
                 "pairs, which takes minutes");
  AddExploreCommonOptions(faults, arguments.common);
  faults
      .Add("--only", arguments.only,
           "These faults alone, as a failure names them")
      .Type("FAULTS")
      .Excludes("--in-recovery")
      .Excludes("--json");
  AddExploreTimeout(faults, arguments.common);
  faults.Footer(Footer());
}

ExitCode ExploreFaultsCommand(const ExploreFaultsArguments& arguments,
                              const Console& console) {
  const auto checked = CheckExploreFaults(arguments, console);
  if (!checked) return TellFailure(checked.error(), console);
  const std::chrono::seconds patience(arguments.common.timeout_seconds);
  if (checked->only) return LiveOnce(*checked, patience, console);
  const auto begin = std::chrono::steady_clock::now();
  ExploreFaultsResult result =
      ExploreAll(*checked, arguments.in_recovery, patience, console);
  result.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin)
          .count();
  return WriteExploreResult({ExploreReport(result), ExploreJson(result)},
                            result.failure(), arguments.common, console);
}

}  // namespace virtio_user::cli
