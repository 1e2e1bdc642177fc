// SPDX-License-Identifier: BSD-3-Clause

#include "cli/replay_run.h"

#include <fmt/format.h>

#include <utility>

namespace virtio_user::cli {

using backend_sim::RunReport;
using backend_sim::Script;

namespace {

// Where a run was that did not come to its end.
std::string Place(const RecordedRun& run) {
  if (!run.hash.empty()) return "when it was run once more";
  if (run.last_phase) return "after the last operation";
  if (run.operations.empty()) return "before the first operation";
  return fmt::format("in operation {}, {}", run.operations.size() - 1,
                     ToText(run.operations.back().operation));
}

Verdict Fail(ExitCode code, const std::string& why) {
  const std::string text = "FAIL (" + why + ")";
  return {.code = code, .text = text, .brief = text};
}

Verdict FailBy(const backend_sim::Finding& finding) {
  const bool liveness = IsLiveness(finding.checker);
  const std::string what = liveness ? "liveness: " : "violation: ";
  return {
      .code = liveness ? ExitCode::kLiveness : ExitCode::kViolation,
      .text = "FAIL (" + what + finding.Text() + ")",
      .brief = fmt::format("FAIL ({}{})", what, InfoOf(finding.checker).name)};
}

// Of a run that ended.
Verdict JudgeReport(const RecordedRun& run) {
  if (run.second_hash != run.hash) {
    return Fail(ExitCode::kNondeterminism,
                "nondeterminism: run once more, the hash is " +
                    run.second_hash + " and not " + run.hash);
  }
  if (run.findings.empty()) return {};
  return FailBy(run.findings.front());
}

}  // namespace

void ReplayTwice(const ToReplay& what, RunWriter& writer) {
  Script script;
  RunReport report;
  if (const auto* const seed = std::get_if<SeedToReplay>(&what)) {
    backend_sim::SeedRun run =
        backend_sim::RunSeed(seed->seed, {.steps = seed->steps,
                                          .backend = seed->backend,
                                          .simulation = {.observer = &writer}});
    script = std::move(run.script);
    report = std::move(run.report);
  } else {
    script = std::get<Script>(what);
    report = RunScript(script, {.observer = &writer});
  }
  writer.Finish(report);
  writer.FinishAgain(RunScript(script));
}

Verdict Judge(const RecordedRun& run, const ChildEnd& end,
              std::chrono::milliseconds timeout) {
  const bool ended = !run.hash.empty();
  switch (end.how) {
    case ChildEnd::How::kFinished:
      if (!ended) return Fail(ExitCode::kCrash, "crash: it said nothing");
      return JudgeReport(run);
    case ChildEnd::How::kDied:
      return Fail(ended ? ExitCode::kNondeterminism : ExitCode::kCrash,
                  fmt::format("{}: {} {}", ended ? "nondeterminism" : "crash",
                              end.text, Place(run)));
    case ChildEnd::How::kTimedOut:
      return Fail(
          ended ? ExitCode::kNondeterminism : ExitCode::kLiveness,
          fmt::format("{}: no end within {} s, {}",
                      ended ? "nondeterminism" : "liveness",
                      static_cast<double>(timeout.count()) / 1000, Place(run)));
    case ChildEnd::How::kInterrupted:
      return Fail(ExitCode::kFail, "interrupted " + Place(run));
    case ChildEnd::How::kNotStarted:
      return Fail(ExitCode::kFail, end.text);
  }
  return {};
}

Replay ReplayGuarded(const std::function<void(RunWriter&)>& work,
                     std::chrono::milliseconds timeout,
                     const Console& console) {
  RunReader reader;
  const ChildEnd end =
      RunGuarded({.work =
                      [&work](int pipe) {
                        RunWriter writer(pipe);
                        work(writer);
                      },
                  .on_bytes =
                      [&reader](std::span<const std::byte> bytes) {
                        reader.OnBytes(bytes);
                      },
                  .timeout = timeout},
                 console);
  Replay replay{.run = reader.Take(), .verdict = {}};
  replay.verdict = Judge(replay.run, end, timeout);
  return replay;
}

}  // namespace virtio_user::cli
