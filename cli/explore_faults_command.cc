// SPDX-License-Identifier: BSD-3-Clause

#include "cli/explore_faults_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <ostream>

#include "backend_sim/explore/fault_explorer.h"
#include "cli/explore_report.h"
#include "cli/printable_text.h"
#include "cli/report.h"
#include "cli/whole_number.h"

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
      that life alone, with its transcript
)text";
}

std::unexpected<Failure> Usage(std::string text) {
  return std::unexpected(Failure{ExitCode::kUsage, std::move(text)});
}

struct Checked {
  backend_sim::ExploreOptions options;
  std::vector<uint16_t> pairs;
  std::optional<backend_sim::FaultChoices> only;
};

std::expected<Checked, Failure> Check(const ExploreFaultsArguments& arguments,
                                      const Console& console) {
  const auto options = CheckExploreCommon(arguments.common, console);
  if (!options) return std::unexpected(options.error());
  Checked checked{.options = *options,
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

// One life, in full.
ExitCode LiveOnce(const Checked& checked, const Console& console) {
  const auto life = backend_sim::LiveAgain(checked.pairs[0], *checked.only);
  console.out << life.transcript << '\n';
  std::optional<Failure> failure;
  if (!life.wrong.empty()) {
    failure = Failure{ExitCode::kFail, life.wrong};
  } else if (life.happened != checked.only->size()) {
    failure = Failure{ExitCode::kFail,
                      fmt::format("{} of {} faults happened", life.happened,
                                  checked.only->size())};
  }
  console.out << VerdictLine(failure) << std::flush;
  return failure ? TellFailure(*failure, console) : ExitCode::kPass;
}

}  // namespace

void AddExploreFaultsCommand(CLI::App& explore,
                             ExploreFaultsArguments& arguments) {
  CLI::App* const faults = explore.add_subcommand(
      "faults", "Every fault, and every two, in the life of a device");
  faults
      ->add_option("--pairs", arguments.pairs,
                   "Queue pairs, 1 to 128 [1, 2, 4 and 8]")
      ->transform(WholeNumber<int64_t>())
      ->type_name("N");
  faults->add_flag("--in-recovery", arguments.in_recovery,
                   "The second fault in the recovery too with more than 4\n"
                   "pairs, which takes minutes");
  faults
      ->add_option("--only", arguments.only,
                   "These faults alone, as a failure names them")
      ->type_name("FAULTS");
  AddExploreCommonOptions(*faults, arguments.common);
  faults->footer(Footer());
}

ExitCode ExploreFaultsCommand(const ExploreFaultsArguments& arguments,
                              const Console& console) {
  const auto checked = Check(arguments, console);
  if (!checked) return TellFailure(checked.error(), console);
  if (checked->only) return LiveOnce(*checked, console);
  const auto begin = std::chrono::steady_clock::now();
  ExploreFaultsResult result;
  for (const uint16_t pairs : checked->pairs) {
    if (console.Interrupted()) break;
    const bool in_recovery =
        arguments.in_recovery || pairs <= kMaxUsualPairsInRecovery;
    result.pairs.push_back(ExploreFaults(
        {.pairs = pairs, .in_recovery = in_recovery}, checked->options));
  }
  result.interrupted = console.Interrupted();
  result.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin)
          .count();
  return WriteExploreResult({ExploreReport(result), ExploreJson(result)},
                            result.failure(), arguments.common, console);
}

}  // namespace virtio_user::cli
