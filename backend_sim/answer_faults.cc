// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/answer_faults.h"

#include <algorithm>
#include <array>
#include <utility>

namespace backend_sim {

using virtio_user::Duration;

namespace {

constexpr std::array kFaults{
    FaultKind::kReplyNack,         FaultKind::kReplyWrongSize,
    FaultKind::kReplyWrongRequest, FaultKind::kReplyWrongVersion,
    FaultKind::kReplyWithoutFlag,  FaultKind::kReplyReservedFlags,
    FaultKind::kReplyExtraFds,     FaultKind::kReplyNever,
    FaultKind::kReplyTwice,        FaultKind::kReplyGarbageIndex,
    FaultKind::kReplyCutOff,       FaultKind::kReplyInPieces,
    FaultKind::kReplyLate};

// Of a drawn fault: sizes, requests, flags and counts that matter are small.
inline constexpr uint64_t kArguments = 48;

}  // namespace

std::span<const FaultKind> AnswerFaults() { return kFaults; }

Fault DrawAnswerFault(Entropy& entropy, uint64_t at) {
  const size_t drawn = static_cast<size_t>(entropy.Choose(kFaults.size()));
  return {
      .kind = kFaults[drawn], .at = at, .argument = entropy.Choose(kArguments)};
}

void SpoilAnswer(const Fault& fault, WireHeader& header,
                 std::vector<std::byte>& payload) {
  const auto argument = static_cast<uint32_t>(fault.argument);
  switch (fault.kind) {
    case FaultKind::kReplyNack:
      payload.assign(8, std::byte{0});
      payload[0] = std::byte{1};
      break;
    case FaultKind::kReplyWrongSize:
      payload.resize(std::min<size_t>(argument, kWireMaxPayload));
      break;
    case FaultKind::kReplyWrongRequest:
      header.request = argument;
      break;
    case FaultKind::kReplyWrongVersion:
      header.flags &= ~kWireVersionBits;
      header.flags |= argument & kWireVersionBits;
      break;
    case FaultKind::kReplyWithoutFlag:
      header.flags &= ~kWireReply;
      break;
    case FaultKind::kReplyReservedFlags:
      header.flags |= argument;
      break;
    case FaultKind::kReplyGarbageIndex:
      if (argument != 0 && !payload.empty()) {
        payload[0] ^= static_cast<std::byte>(1 + argument % 3);
        break;
      }
      for (size_t i = 0; i < std::min<size_t>(payload.size(), 4); ++i) {
        payload[i] = ~payload[i];
      }
      break;
    default:
      break;
  }
  header.size = static_cast<uint32_t>(payload.size());
}

void AddInPieces(OutgoingAnswer whole, size_t bytes,
                 std::vector<OutgoingAnswer>& answers) {
  const size_t piece = std::max<size_t>(bytes, 1);
  std::span<const std::byte> left = whole.bytes;
  for (Duration delay = whole.delay; !left.empty();
       delay += std::chrono::microseconds(1)) {
    const size_t count = std::min(piece, left.size());
    OutgoingAnswer part;
    part.bytes.assign(left.begin(),
                      left.begin() + static_cast<std::ptrdiff_t>(count));
    left = left.subspan(count);
    part.fds = std::exchange(whole.fds, {});
    part.delay = delay;
    part.last = left.empty();
    answers.push_back(std::move(part));
  }
}

}  // namespace backend_sim
