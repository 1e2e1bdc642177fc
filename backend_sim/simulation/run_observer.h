// SPDX-License-Identifier: BSD-3-Clause

#ifndef BACKEND_SIM_SIMULATION_RUN_OBSERVER_H_
#define BACKEND_SIM_SIMULATION_RUN_OBSERVER_H_

#include <string_view>

#include "backend_sim/simulation/operation.h"
#include "backend_sim/simulation/scenario.h"
#include "backend_sim/trace.h"

namespace backend_sim {

// Is told what a run does before it does it, so that something is known of a
// run that takes its process with it. Changes nothing of the run.
class RunObserver {
 public:
  virtual ~RunObserver() = default;

  virtual void OnScenario(const Scenario& scenario) = 0;
  virtual void OnOperation(const Operation& operation) = 0;
  // A call of the device failed, in the operation that was told last or in the
  // last phase.
  virtual void OnFailure(std::string_view why) = 0;
  // No operation follows. What follows is the liveness phase, unless something
  // was found, and then the end of everything.
  virtual void OnLastPhase() = 0;
  // In the order of the trace. Of an operation: the one that was told last, up
  // to and including its kNote.
  virtual void OnRecord(const TraceRecord& record) = 0;
};

}  // namespace backend_sim

#endif  // BACKEND_SIM_SIMULATION_RUN_OBSERVER_H_
