// SPDX-License-Identifier: BSD-3-Clause
//
// In whatever order an embedder starts, stops, resets and reattaches, whatever
// the driver commands, memory does and the back-end answers or fails to: every
// checker of the simulator holds, and, where that is tried, the device comes
// back to life.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "backend_sim/simulation/simulation.h"
#include "fuzz/finding.h"
#include "fuzz/life_counters.h"
#include "fuzz/script_bytes.h"

namespace {

using backend_sim::RunReport;
using backend_sim::Script;
using backend_sim::Simulation;

RunReport Run(const Script& script, bool to_the_end) {
  // What was mapped in one run is wiped and mapped again in the next.
  static const auto kMappings = std::make_shared<backend_sim::MappingPool>();
  Simulation simulation(
      script.scenario,
      {.trace = {.keep_last = 0, .keep_all = false}, .mappings = kMappings});
  for (const backend_sim::Operation& operation : script.operations) {
    if (!simulation.Step(operation)) break;
  }
  RunReport report = to_the_end ? simulation.Finish() : simulation.TakeDown();
  fuzz::CountLife(simulation.coverage());
  return report;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Script script = fuzz::ScriptOf(std::as_bytes(std::span(data, size)));
  fuzz::CountOperations(script.operations.size());
  // One life in four is brought back to life in the end, which takes as long
  // as all of its operations.
  const bool to_the_end =
      size < fuzz::kScenarioBytes || data[fuzz::kScenarioBytes - 1] % 4 == 0;
  const RunReport report = Run(script, to_the_end);
  if (report.findings.empty()) return 0;
  const backend_sim::Finding& first = report.findings.front();
  // Which operation it was seen after; behind all of them, the way back.
  const std::string_view site =
      first.step < script.operations.size()
          ? backend_sim::InfoOf(script.operations[first.step].kind).name
          : "recovery";
  fuzz::Report({backend_sim::InfoOf(first.checker).name, site},
               first.Text() + "\n" + backend_sim::ToText(script));
}
