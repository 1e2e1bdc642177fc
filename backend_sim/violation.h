// SPDX-License-Identifier: BSD-3-Clause
//
// What a front-end can do wrong, as data.

#ifndef BACKEND_SIM_VIOLATION_H_
#define BACKEND_SIM_VIOLATION_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace backend_sim {

enum class Rule : uint8_t {
  kNone,  // Refused for want of resources here: nobody's fault.
  // Any message.
  kHeaderVersion,
  kHeaderFlags,
  kUnknownRequest,
  kNotServed,
  kPayloadSize,
  kFdCount,
  kGate,
  kNeedReplyGate,
  // The session.
  kOwnerTwice,
  kOwnerMissing,
  kResetOwner,
  kFeaturesUnasked,
  kFeaturesNotOffered,
  kFeaturesWhileRunning,
  kFeaturesAfterOk,
  kProtocolFeaturesNotOffered,
  kMtuRange,
  // Status.
  kStatusValue,
  kStatusBackwards,
  kFeaturesOkTooEarly,
  kDriverOkTooEarly,
  // Memory.
  kTableRegionCount,
  kTableRegion,
  kTableOverlap,
  kTableNotBacked,
  kTableMovesRing,
  kRegionUnknown,
  // Rings.
  kRingIndex,
  kRingWithoutMq,
  kRingSize,
  kRingBase,
  kAddrBeforeTable,
  kAddrOutside,
  kAddrMisaligned,
  kAddrReservedFlags,
  kRunningRingChanged,
  kKickIncomplete,
  kKickTooEarly,
  kEnableValue,
  kEnableWithoutCall,
  // Notes of what is in flight.
  kInflightShape,
  kInflightOther,
  kInflightTooLate,
  kInflightMissing,
  // Configuration space.
  kConfigRange,
  kConfigReadOnly,
  // Ring contents.
  kRingContents,
  kIdInFlight,
  kIndirectNotAccepted,
  kEventFlags,
  // Any message again.
  kReservedBits,
};
inline constexpr size_t kRules = 52;

// What is asked, in a sentence, and the section that asks it.
std::string_view ClauseOf(Rule rule);
// A short word for it: "status-backwards".
std::string_view RuleName(Rule rule);

// A rule that a message broke, before anybody decided what follows.
struct Breach {
  Rule rule = Rule::kNone;
  std::string detail;
};

// Nothing, or what was wrong.
using Check = std::optional<Breach>;

struct Violation {
  Rule rule = Rule::kNone;
  uint32_t request = 0;        // 0: seen in a ring, not in a message.
  uint64_t message_index = 0;  // Counted over the model's life.
  std::string detail;

  std::string_view clause() const { return ClauseOf(rule); }
  // "SET_VRING_NUM (message 7): <detail>; <clause>"
  std::string Text() const;
};

}  // namespace backend_sim

#endif  // BACKEND_SIM_VIOLATION_H_
