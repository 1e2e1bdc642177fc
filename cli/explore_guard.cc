// SPDX-License-Identifier: BSD-3-Clause

#include "cli/explore_guard.h"

#include <fmt/format.h>

#include <cstddef>
#include <span>
#include <vector>

#include "cli/case_board.h"
#include "cli/guarded_child.h"

namespace virtio_user::cli {
namespace {

// "A", with its command line; several: "one of A, or B".
std::string Named(const std::vector<std::string>& cases,
                  const GuardedExploration& exploration) {
  if (cases.empty()) return "no case that is known";
  std::string text = cases.size() > 1 ? "one of " : "";
  for (const std::string& name : cases) {
    if (&name != &cases.front()) text += ", or ";
    text += name;
    const std::string line = exploration.again(name);
    if (!line.empty()) text += " (again: " + line + ")";
  }
  return text;
}

// Cuts what arrives into lines.
class Lines {
 public:
  explicit Lines(const std::function<void(const std::string&)>& on_line)
      : on_line_(on_line) {}

  void Take(std::span<const std::byte> bytes) {
    for (const std::byte byte : bytes) {
      if (static_cast<char>(byte) != '\n') {
        line_ += static_cast<char>(byte);
        continue;
      }
      on_line_(line_);
      line_.clear();
    }
  }

 private:
  const std::function<void(const std::string&)>& on_line_;
  std::string line_;
};

GuardedEnd Judge(const ChildEnd& end, const std::optional<std::string>& overdue,
                 const CaseBoard& board,
                 const GuardedExploration& exploration) {
  switch (end.how) {
    case ChildEnd::How::kFinished:
      return {};
    case ChildEnd::How::kInterrupted:
      return {.interrupted = true, .failure = {}};
    case ChildEnd::How::kNotStarted:
      return {.failure = Failure{ExitCode::kFail, end.text}};
    case ChildEnd::How::kTimedOut:
      return {.failure = Failure{
                  ExitCode::kLiveness,
                  fmt::format("liveness: no end after {} s of {}",
                              exploration.patience.count(),
                              Named({overdue.value_or("")}, exploration))}};
    case ChildEnd::How::kDied:
      return {.failure =
                  Failure{ExitCode::kCrash,
                          fmt::format("crash: {} in {}", end.text,
                                      Named(board.Last(), exploration))}};
  }
  return {};
}

}  // namespace

GuardedEnd ExploreGuarded(const GuardedExploration& exploration,
                          const backend_sim::ExploreOptions& options,
                          const Console& console) {
  CaseBoard board;
  if (!board.valid()) {
    return {.failure = Failure{ExitCode::kFail, "no memory to be shared"}};
  }
  Lines lines(exploration.on_line);
  std::optional<std::string> overdue;
  const auto work = [&](int pipe) {
    board.MarkDeaths();
    exploration.work(
        {.jobs = options.jobs, .interrupted = board.stop(), .observer = &board},
        [pipe](const std::string& line) {
          const std::string text = line + "\n";
          WriteToPipe(pipe, std::as_bytes(std::span(text)));
        });
  };
  const ChildEnd end = RunGuarded(
      {.work = work,
       .on_bytes = [&](std::span<const std::byte> bytes) { lines.Take(bytes); },
       .overdue =
           [&](std::chrono::nanoseconds stall) {
             overdue = board.Overdue(exploration.patience, stall);
             return overdue.has_value();
           },
       .ask_to_end = [&] { board.AskToEnd(); }},
      console);
  return Judge(end, overdue, board, exploration);
}

}  // namespace virtio_user::cli
