// SPDX-License-Identifier: BSD-3-Clause

#ifndef BACKEND_SIM_EXPLORE_FAULT_CHOICE_H_
#define BACKEND_SIM_EXPLORE_FAULT_CHOICE_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backend_sim/fault_plan.h"
#include "virtio_user/base/deadline.h"

namespace backend_sim {

// One way in which a call goes wrong. Any two differ in what follows.
struct FaultWay {
  std::string_view name;
  FaultKind kind = FaultKind::kRefuse;
  uint64_t argument = 0;
  bool needs_answer = false;  // It is of the answer, where there is one.
  std::string_view meaning;
};

inline constexpr std::array<FaultWay, 6> kFaultWays = {{
    {"refused", FaultKind::kRefuse, 0, false,
     "not carried out, and said so; the connection lasts"},
    {"closed-before", FaultKind::kCloseBefore, 0, false,
     "not carried out; the connection ends"},
    {"closed-after", FaultKind::kCloseUnanswered, 0, false,
     "carried out; the connection ends without an answer"},
    {"nack", FaultKind::kReplyNack, 0, true,
     "carried out, and said not to be: what was asked for is garbage"},
    {"late", FaultKind::kReplyLate,
     uint64_t{2 * virtio_user::kDefaultCallBudget.count()}, true,
     "carried out; the answer comes after the deadline"},
    {"short", FaultKind::kReplyWrongSize, 2, true,
     "carried out; the answer is too short"},
}};

// A fault at a call: number 0 is the first message of the first Start.
struct FaultChoice {
  size_t way = 0;  // In kFaultWays.
  uint64_t call = 0;
  uint32_t request = 0;  // What call that is; 0: not known.

  friend bool operator==(const FaultChoice&, const FaultChoice&) = default;
};
using FaultChoices = std::vector<FaultChoice>;

// "refused@17", several with commas between; none: "none".
std::string TextOf(const FaultChoices& choices);
// The way back. Nothing: it is no such text.
std::optional<FaultChoices> ParseFaultChoices(std::string_view text);

}  // namespace backend_sim

#endif  // BACKEND_SIM_EXPLORE_FAULT_CHOICE_H_
