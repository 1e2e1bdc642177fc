// SPDX-License-Identifier: BSD-3-Clause

#include "cli/run_plan.h"

#include <fmt/format.h>

#include <utility>

namespace virtio_user::cli {
namespace {

// Parts of the whole that a stretch of traffic has.
struct Share {
  uint64_t parts;
};
constexpr Share kOnePair{4};
constexpr Share kAllPairs{48};
constexpr Share kAroundRegion{10};
constexpr Share kAfterRestarts{24};  // In all.
constexpr uint64_t kBeforeRestarts =
    2 * kOnePair.parts + kAllPairs.parts + 2 * kAroundRegion.parts;
static_assert(kBeforeRestarts + kAfterRestarts.parts == 100);

std::string PairsText(uint16_t pairs) {
  return pairs == 1 ? "1 pair" : fmt::format("{} pairs", pairs);
}

class Planner {
 public:
  // Parts are so small that a restart's share is a whole number of them.
  explicit Planner(const PlanInputs& inputs)
      : inputs_(inputs),
        scale_(inputs.restarts == 0 ? 1 : inputs.restarts),
        all_parts_(scale_ * kBeforeRestarts +
                   inputs.restarts * kAfterRestarts.parts) {}

  std::vector<Step> Plan() {
    Add(StepKind::kStart, "start");
    if (inputs_.control_rx) Add(StepKind::kPromiscuous, "promiscuous mode");
    Traffic(kOnePair);
    SetPairs(1);
    SetPairs(inputs_.pairs);
    Traffic(kAllPairs);
    Add(StepKind::kAddRegion, "add a memory region");
    Traffic(kAroundRegion);
    Add(StepKind::kRemoveRegion, "remove the memory region");
    Traffic(kAroundRegion);
    SetPairs(1);
    Traffic(kOnePair);
    Add(StepKind::kStop, "stop");
    for (uint64_t i = 1; i <= inputs_.restarts; ++i) Restart(i);
    return std::move(steps_);
  }

 private:
  void Add(StepKind kind, std::string name) {
    steps_.push_back({.kind = kind, .name = std::move(name)});
  }

  void Restart(uint64_t number) {
    Add(StepKind::kStart, fmt::format("start again ({})", number));
    active_ = 1;
    SetPairs(inputs_.pairs);
    TrafficOf(kAfterRestarts.parts);
    Add(StepKind::kStop, "stop");
  }

  void SetPairs(uint16_t pairs) {
    if (!inputs_.multiqueue) return;
    Add(StepKind::kSetPairs,
        fmt::format("{} -> {}", active_, PairsText(pairs)));
    steps_.back().pairs = pairs;
    active_ = pairs;
  }

  // Rounding carries over, so that nothing is lost.
  void Traffic(Share share) { TrafficOf(scale_ * share.parts); }
  void TrafficOf(uint64_t parts) {
    if (inputs_.traffic == TrafficKind::kNone) return;
    parts_ += parts;
    const uint64_t until = inputs_.packets / all_parts_ * parts_ +
                           inputs_.packets % all_parts_ * parts_ / all_parts_;
    const uint64_t packets = until - std::exchange(planned_, until);
    if (packets == 0) return;
    Add(StepKind::kTraffic,
        fmt::format("{}, {}", ToString(inputs_.traffic), PairsText(active_)));
    steps_.back().pairs = active_;
    steps_.back().packets = packets;
  }

  const PlanInputs inputs_;
  const uint64_t scale_;
  const uint64_t all_parts_;
  std::vector<Step> steps_;
  uint16_t active_ = 1;
  uint64_t parts_ = 0;
  uint64_t planned_ = 0;
};

}  // namespace

std::vector<Step> PlanRun(const PlanInputs& inputs) {
  return Planner(inputs).Plan();
}

}  // namespace virtio_user::cli
