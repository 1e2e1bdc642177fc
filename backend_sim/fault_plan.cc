// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/fault_plan.h"

#include <algorithm>
#include <array>

namespace backend_sim {
namespace {

constexpr std::array<std::string_view, kFaultKinds> kNames{
    "close before",
    "close after",
    "close unanswered",
    "stall",
    "refuse",
    "reply nack",
    "reply wrong size",
    "reply wrong request",
    "reply wrong version",
    "reply without flag",
    "reply reserved flags",
    "reply extra fds",
    "reply in pieces",
    "reply late",
    "reply never",
    "reply twice",
    "reply garbage index",
    "short send",
    "short receive",
    "attach refused",
    "read in pieces",
    "reply cut off",
    "send nothing",
    "receive nothing",
    "send broken",
    "receive broken",
    "fds lost",
    "fds extra",
    "fds wrong kind",
    "reply fds lost",
    "reply fds wrong kind",
};

}  // namespace

std::string_view FaultName(FaultKind kind) {
  return kNames[static_cast<size_t>(kind)];
}

namespace {

bool IsAmong(std::span<const FaultKind> kinds, FaultKind kind) {
  return std::ranges::find(kinds, kind) != kinds.end();
}

}  // namespace

template <typename IsDue>
std::optional<Fault> FaultPlan::TakeIf(IsDue is_due) {
  const auto due = std::ranges::find_if(waiting_, is_due);
  if (due == waiting_.end()) return std::nullopt;
  const Fault fault = *due;
  waiting_.erase(due);
  happened_.push_back(fault);
  return fault;
}

std::optional<Fault> FaultPlan::Take(std::span<const FaultKind> kinds,
                                     uint64_t count) {
  return TakeIf([&](const Fault& fault) {
    return fault.at == count && IsAmong(kinds, fault.kind);
  });
}

std::optional<Fault> FaultPlan::TakeOfAnswer(std::span<const FaultKind> kinds,
                                             uint64_t count, uint64_t message) {
  return TakeIf([&](const Fault& fault) {
    return fault.at == (fault.of_message ? message : count) &&
           IsAmong(kinds, fault.kind);
  });
}

}  // namespace backend_sim
