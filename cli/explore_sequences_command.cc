// SPDX-License-Identifier: BSD-3-Clause

#include "cli/explore_sequences_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <ostream>
#include <utility>

#include "backend_sim/explore/case_observer.h"
#include "backend_sim/explore/sequence_explorer.h"
#include "cli/explore_guard.h"
#include "cli/explore_line.h"
#include "cli/explore_sequences_report.h"
#include "cli/report.h"

namespace virtio_user::cli {
namespace {

// What is tried completely; deeper levels are tried from each state that is
// new.
constexpr uint32_t kCompleteDepth = 6;
constexpr int64_t kMaxDepth = 64;
// How one sequence is done again.
constexpr const char* kOnly = "vuser explore sequences --only ";

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
  vuser explore sequences --only create,set-up,start
      that sequence alone

exit code: 0 all was tried and all was right, 1 interrupted, 2 wrong arguments,
4 something was wrong or not all was tried, 5 a case did not end, 6 one crashed
)text";

// Lines are what the process tells: first the sequences, then the states.
ExploreSequencesResult ExploreAll(uint32_t depth,
                                  const backend_sim::ExploreOptions& options,
                                  std::chrono::seconds patience,
                                  const Console& console) {
  ExploreSequencesResult result{.depth = std::min(depth, kCompleteDepth)};
  result.expected = backend_sim::SequenceCount(result.depth);
  const auto work = [&](const backend_sim::ExploreOptions& guarded,
                        const TellLine& tell) {
    const auto sequences = ExploreSequences(result.depth, guarded);
    tell(ToLine(sequences));
    if (sequences.failing || guarded.Interrupted()) return;
    tell(ToLine(ExploreLifeStates(depth, guarded)));
  };
  bool first = true;
  const auto on_line = [&](const std::string& line) {
    if (std::exchange(first, false)) {
      result.sequences = SequencesFromLine(line);
    } else {
      result.states = StatesFromLine(line);
    }
  };
  const GuardedEnd end = ExploreGuarded(
      {.work = work,
       .on_line = on_line,
       .again = [](const std::string& ops) { return kOnly + ops; },
       .patience = patience},
      options, console);
  result.interrupted = end.interrupted;
  result.ended_by = end.failure;
  return result;
}

// One sequence: what each operation came to, then the verdict.
ExitCode PlayOnce(const backend_sim::LifeOps& ops,
                  const backend_sim::ExploreOptions& options,
                  std::chrono::seconds patience, const Console& console) {
  const auto work = [&](const backend_sim::ExploreOptions& guarded,
                        const TellLine& tell) {
    const backend_sim::ObservedCase observed(guarded.observer, TextOf(ops));
    const auto on_step = [&](backend_sim::LifeOp op, const std::string& lines) {
      tell(fmt::format("# {}\n{}", LifeOpName(op), lines));
    };
    tell(ToLine(PlayAgain(ops, on_step)));
  };
  std::optional<Failure> failure;
  const auto on_line = [&](const std::string& line) {
    if (!line.starts_with('{')) {
      console.out << line << '\n';
      return;
    }
    const auto report = SequencesFromLine(line);
    if (report.failing) failure = {ExitCode::kViolation, report.finding};
  };
  const GuardedEnd end =
      ExploreGuarded({.work = work,
                      .on_line = on_line,
                      .again = [](const std::string&) { return ""; },
                      .patience = patience},
                     options, console);
  if (end.failure) failure = end.failure;
  if (end.interrupted) failure = Failure{ExitCode::kFail, "interrupted"};
  console.out << VerdictLine(failure) << std::flush;
  return failure ? TellFailure(*failure, console) : ExitCode::kPass;
}

std::string OpNames() {
  std::string names;
  for (uint32_t op = 0; op < backend_sim::kLifeOps; ++op) {
    if (!names.empty()) names += ", ";
    names += LifeOpName(static_cast<backend_sim::LifeOp>(op));
  }
  return names;
}

}  // namespace

void AddExploreSequencesCommand(const Command& explore,
                                ExploreSequencesArguments& arguments) {
  const Command sequences =
      explore.AddCommand("sequences", "Every sequence of lifecycle operations");
  AddExploreCommonOptions(sequences, arguments.common);
  AddExploreTimeout(sequences, arguments.common);
  sequences
      .Add("--depth", arguments.depth,
           fmt::format("Operations in a row, at most; more than {} only "
                       "from states that are new",
                       kCompleteDepth))
      .ShowDefault()
      .Type("N");
  sequences
      .Add("--only", arguments.only,
           "This sequence alone, as a failure names it")
      .Type("OPS")
      .Excludes("--depth")
      .Excludes("--json");
  sequences.Footer(kFooter);
}

std::expected<ExploreSequencesChecked, Failure> CheckExploreSequences(
    const ExploreSequencesArguments& arguments, const Console& console) {
  const auto options = CheckExploreCommon(arguments.common, console);
  if (!options) return std::unexpected(options.error());
  if (arguments.depth < 1 || arguments.depth > kMaxDepth) {
    return std::unexpected(Failure{
        ExitCode::kUsage,
        fmt::format("--depth {}: say 1 to {}", arguments.depth, kMaxDepth)});
  }
  ExploreSequencesChecked checked{
      .options = *options,
      .depth = static_cast<uint32_t>(arguments.depth),
      .only = {}};
  if (!arguments.only) return checked;
  checked.only = backend_sim::ParseLifeOps(*arguments.only);
  if (checked.only) return checked;
  return std::unexpected(Failure{
      ExitCode::kUsage, "--only " + *arguments.only +
                            ": say operations with commas between; there is " +
                            OpNames()});
}

ExitCode ExploreSequencesCommand(const ExploreSequencesArguments& arguments,
                                 const Console& console) {
  const auto checked = CheckExploreSequences(arguments, console);
  if (!checked) return TellFailure(checked.error(), console);
  const std::chrono::seconds patience(arguments.common.timeout_seconds);
  if (checked->only) {
    return PlayOnce(*checked->only, checked->options, patience, console);
  }
  const auto begin = std::chrono::steady_clock::now();
  ExploreSequencesResult result =
      ExploreAll(checked->depth, checked->options, patience, console);
  result.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin)
          .count();
  return WriteExploreResult({ExploreReport(result), ExploreJson(result)},
                            result.failure(), arguments.common, console);
}

}  // namespace virtio_user::cli
