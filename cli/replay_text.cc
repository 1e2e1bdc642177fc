// SPDX-License-Identifier: BSD-3-Clause

#include "cli/replay_text.h"

#include <fmt/format.h>

#include <span>

#include "backend_sim/transcript.h"
#include "cli/operation_text.h"
#include "cli/printable_text.h"

namespace virtio_user::cli {
namespace {

std::string Records(std::span<const backend_sim::TraceRecord> records) {
  const std::string lines = Transcript(records, {.packets = true});
  std::string text;
  for (size_t at = 0; at < lines.size();) {
    const size_t end = lines.find('\n', at) + 1;
    text += "    " + lines.substr(at, end - at);
    at = end;
  }
  return text;
}

// "#7 control start: done, negotiated -> running"
std::string Header(size_t number, const RecordedOperation& recorded) {
  const backend_sim::Operation& operation = recorded.operation;
  const std::string meaning = MeaningOf(operation);
  std::string text = fmt::format(
      "#{} {} {}{}: {}, {}", number, ActorName(InfoOf(operation.kind).actor),
      ToText(operation), meaning.empty() ? "" : " (" + meaning + ")",
      recorded.result ? ResultName(*recorded.result) : "did not come back",
      LifeStateName(recorded.before));
  if (recorded.result) {
    text += fmt::format(" -> {}", LifeStateName(recorded.after));
  }
  text += "\n";
  if (!recorded.why.empty()) text += "    why: " + recorded.why + "\n";
  return text;
}

}  // namespace

std::string ReplayTranscript(const RecordedRun& run) {
  std::string text = "scenario: " + ScenarioText(run.scenario) + "\n";
  for (size_t i = 0; i < run.operations.size(); ++i) {
    text += Header(i, run.operations[i]);
    text += Records(run.RecordsOf(run.operations[i]));
  }
  if (!run.last_phase) return text;
  text +=
      run.findings.empty() || run.findings.front().step >= run.operations.size()
          ? "the faults are over, the device comes back to life, then "
            "everything ends:\n"
          : "everything ends:\n";
  return text + Records(run.LastRecords());
}

std::string ReplayConclusion(const Replay& replay) {
  std::string text;
  for (const backend_sim::Finding& finding : replay.run.findings) {
    const backend_sim::CheckerInfo& checker = InfoOf(finding.checker);
    text +=
        fmt::format("finding: {}\n  asked: {}\n  source: {}\n",
                    Printable(finding.Text()), checker.asks, checker.source);
  }
  if (!replay.run.hash.empty()) text += "hash: " + replay.run.hash + "\n";
  return text + "verdict: " + Printable(replay.verdict.text) + "\n";
}

std::string ReplayTestSource(const backend_sim::Script& script,
                             std::string_view name) {
  return "// SPDX-License-Identifier: BSD-3-Clause\n"
         "\n"
         "#include <gtest/gtest.h>\n"
         "\n"
         "#include \"backend_sim/simulation/script.h\"\n"
         "#include \"backend_sim/simulation/simulation.h\"\n"
         "\n"
         "namespace backend_sim {\n"
         "namespace {\n"
         "\n" +
         ToGoogleTest(script, name) +
         "\n"
         "}  // namespace\n"
         "}  // namespace backend_sim\n";
}

}  // namespace virtio_user::cli
