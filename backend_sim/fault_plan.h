// SPDX-License-Identifier: BSD-3-Clause
//
// Faults as data: what goes wrong, and when.

#ifndef BACKEND_SIM_FAULT_PLAN_H_
#define BACKEND_SIM_FAULT_PLAN_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace backend_sim {

enum class FaultKind : uint8_t {
  // Of the message number `at` (0: the first that the server ever receives).
  kCloseBefore,  // The connection ends; the message has no effect.
  kCloseAfter,   // It is carried out and answered, then the connection ends.
  kCloseUnanswered,  // It is carried out, then the connection ends.
  kStall,            // The server reads nothing more, from this message on.
  kRefuse,           // Not carried out: NACK if asked, else the end.
  // Of the answer number `at` (0: the first that the server ever sends).
  kReplyNack,           // Acks become 1; other answers become garbage.
  kReplyWrongSize,      // `argument` is the payload's new size.
  kReplyWrongRequest,   // `argument` is the request it claims to answer.
  kReplyWrongVersion,   // `argument` is the version, 0 to 3.
  kReplyWithoutFlag,    // The reply flag is missing.
  kReplyReservedFlags,  // `argument` is or-ed into the flags.
  kReplyExtraFds,       // `argument` descriptors come along.
  kReplyInPieces,       // `argument` bytes at a time.
  kReplyLate,           // `argument` nanoseconds late.
  kReplyNever,
  kReplyTwice,
  // The first 4 bytes of the payload are inverted; with an `argument` only the
  // lowest bits change: another index that there may be.
  kReplyGarbageIndex,
  // Of the channel.
  kShortSend,      // The Send number `at` takes at most `argument` bytes.
  kShortReceive,   // The Receive number `at` gives at most `argument` bytes.
  kAttachRefused,  // The Attach number `at` finds nobody.
  // Of the message number `at`.
  kReadInPieces,  // The server reads it `argument` bytes at a time.
  // Of the answer number `at`.
  kReplyCutOff,  // `argument` bytes of it come, then the connection ends.
  // Of the simulated channel alone: the Send or Receive number `at`.
  kSendNothing,     // It moves nothing, though there is room (EAGAIN).
  kReceiveNothing,  // The same, though bytes are there.
  kSendBroken,      // EPIPE, or with an `argument` ECONNRESET: the connection
  kReceiveBroken,   // is lost, and with it what is under way.
  // Of the simulated channel: the message number `at` that has descriptors.
  kFdsLost,       // It comes without them, as by MSG_CTRUNC.
  kFdsExtra,      // One more comes: of an event, or of memory (`argument`).
  kFdsWrongKind,  // The first is of memory instead of an event, or conversely.
  // The same of the answer number `at` that has descriptors.
  kReplyFdsLost,
  kReplyFdsWrongKind,
};
inline constexpr size_t kFaultKinds = 31;

// "close before", "reply late", ...
std::string_view FaultName(FaultKind kind);

struct Fault {
  FaultKind kind = FaultKind::kCloseBefore;
  uint64_t at = 0;
  uint64_t argument = 0;
  bool of_message = false;  // Of an answer: `at` is its message's number.

  friend bool operator==(const Fault&, const Fault&) = default;
};

// Faults that are still to come, each of which happens once.
class FaultPlan {
 public:
  FaultPlan() = default;
  explicit FaultPlan(std::vector<Fault> faults) : waiting_(std::move(faults)) {}

  void Add(Fault fault) { waiting_.push_back(fault); }
  // The fault among `kinds` that is due at `count`, which then has happened.
  std::optional<Fault> Take(std::span<const FaultKind> kinds, uint64_t count);
  // Likewise, of the answer number `count` to the message number `message`.
  std::optional<Fault> TakeOfAnswer(std::span<const FaultKind> kinds,
                                    uint64_t count, uint64_t message);
  std::optional<Fault> Take(FaultKind kind, uint64_t count) {
    return Take(std::span(&kind, 1), count);
  }
  // No further fault happens.
  void Clear() { waiting_.clear(); }

  std::span<const Fault> waiting() const { return waiting_; }
  std::span<const Fault> happened() const { return happened_; }

 private:
  template <typename IsDue>
  std::optional<Fault> TakeIf(IsDue is_due);

  std::vector<Fault> waiting_;
  std::vector<Fault> happened_;
};

}  // namespace backend_sim

#endif  // BACKEND_SIM_FAULT_PLAN_H_
