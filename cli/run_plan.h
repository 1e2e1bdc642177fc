// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_RUN_PLAN_H_
#define CLI_RUN_PLAN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "cli/run_options.h"

namespace virtio_user::cli {

enum class StepKind : uint8_t {
  kStart,
  kStop,
  kSetPairs,      // `pairs`, through the control queue.
  kPromiscuous,   // On and off, likewise.
  kTraffic,       // `packets` on `pairs`.
  kAddRegion,     // Of memory, while the rings run.
  kRemoveRegion,  // The one that was added.
};

struct Step {
  StepKind kind = StepKind::kStart;
  std::string name;  // As shown.
  uint16_t pairs = 0;
  uint64_t packets = 0;

  friend bool operator==(const Step&, const Step&) = default;
};

// How a device is exercised, once it is up.
struct PlanInputs {
  uint16_t pairs = 1;
  uint64_t packets = 0;  // In all; the plan's steps add up to it exactly.
  TrafficKind traffic = TrafficKind::kEcho;
  uint16_t restarts = 3;
  bool multiqueue = false;  // MQ was negotiated.
  bool control_rx = false;  // CTRL_RX was.
};

// 1, then all, then 1 pair; a region of memory comes and goes; stopped and
// started again, a number of times. Every stretch has its share of the packets,
// and most of them go over all pairs.
std::vector<Step> PlanRun(const PlanInputs& inputs);

}  // namespace virtio_user::cli

#endif  // CLI_RUN_PLAN_H_
