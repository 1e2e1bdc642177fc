// SPDX-License-Identifier: BSD-3-Clause
//
// What must hold after every step of a simulated run.

#ifndef BACKEND_SIM_SIMULATION_CHECKER_H_
#define BACKEND_SIM_SIMULATION_CHECKER_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace backend_sim {

enum class CheckerId : uint8_t {
  kProtocol,
  kFeatures,
  kMemory,
  kEnabled,
  kPairs,
  kControl,
  kPackets,
  kBuffers,
  kDescriptors,
  kLeft,
  kDeadline,
  kBound,
  kState,
  kLink,
  kError,
  kUndisturbed,
  kLies,
  kEvents,
  kRequests,
  kInterrupts,
  kLiveness,
  kTraffic,
};
inline constexpr size_t kCheckers = 22;

struct CheckerInfo {
  CheckerId id;
  std::string_view name;    // "descriptors"
  std::string_view asks;    // In a sentence,
  std::string_view source;  // and where that comes from.
};
const CheckerInfo& InfoOf(CheckerId id);
std::span<const CheckerInfo> AllCheckers();

// Whether a broken one means that a run did not come to an end that it must
// come to, rather than that it did something wrong.
constexpr bool IsLiveness(CheckerId id) {
  return id == CheckerId::kLiveness || id == CheckerId::kTraffic;
}

// Something that did not hold.
struct Finding {
  CheckerId checker = CheckerId::kProtocol;
  size_t step = 0;  // The operation's number, from 0; in the liveness phase
                    // the number of operations.
  std::string text;

  // "descriptors: <text> (step 7)"
  std::string Text() const;
};

}  // namespace backend_sim

#endif  // BACKEND_SIM_SIMULATION_CHECKER_H_
