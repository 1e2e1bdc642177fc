// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/refusal_rules.h"

#include <algorithm>

#include "fuzz/answer_rules.h"
#include "fuzz/call_arguments.h"
#include "tests/fakes/vhost_requests.h"

namespace fuzz {

using virtio_user::ErrorCode;
using virtio_user::MemoryTable;

namespace {

struct Need {
  BackEndCall call;
  uint64_t protocol_feature;
};
constexpr Need kNeeds[] = {
    {BackEndCall::kGetStatus, virtio_user::kProtoStatus},
    {BackEndCall::kSetStatus, virtio_user::kProtoStatus},
    {BackEndCall::kGetConfig, virtio_user::kProtoConfig},
    {BackEndCall::kSetConfig, virtio_user::kProtoConfig},
    {BackEndCall::kSetMtu, virtio_user::kProtoMtu},
    {BackEndCall::kSendRarp, virtio_user::kProtoRarp},
    {BackEndCall::kResetDevice, virtio_user::kProtoResetDevice},
    {BackEndCall::kGetInflight, virtio_user::kProtoInflight},
    {BackEndCall::kSetInflight, virtio_user::kProtoInflight}};

// Those with an answer of their own, which a batch has no place for.
constexpr BackEndCall kAsking[] = {
    BackEndCall::kOpen,          BackEndCall::kGetFeatures,
    BackEndCall::kGetVringBases, BackEndCall::kStop,
    BackEndCall::kGetStatus,     BackEndCall::kGetConfig,
    BackEndCall::kGetInflight};

// A ring's number has 8 bits where a descriptor comes with it; no message names
// more rings than those do.
constexpr uint16_t kRings = 256;

Truth TruthOf(bool holds) { return holds ? Truth::kYes : Truth::kNo; }

// What a message cannot carry.
bool IsOutOfRange(BackEndCall call, unsigned argument) {
  const auto unnamed = [](uint16_t ring) { return ring >= kRings; };
  switch (call) {
    case BackEndCall::kSetVringNum:
    case BackEndCall::kSetVringBase:
    case BackEndCall::kSetVringAddr:
    case BackEndCall::kSetVringCall:
    case BackEndCall::kSetVringKick:
    case BackEndCall::kSetVringEnable:
      return unnamed(RingOf(argument));
    case BackEndCall::kGetVringBases:
      return std::ranges::any_of(AskedRingsOf(argument).used(), unnamed);
    case BackEndCall::kGetConfig:
    case BackEndCall::kSetConfig: {
      const size_t bytes = ConfigRangeOf(argument).bytes;
      return bytes == 0 || bytes > kMostConfigBytes;
    }
    default:
      return false;
  }
}

// ChangeMemTable says whether SetMemTable would do instead.
void AddOfChange(const KnownBackEnd& known, const CallMade& made,
                 Causes& causes) {
  const MemoryTable& table = TableOf(made.argument);
  const Truth lacks = known.LacksSlots();
  causes.Add(ErrorCode::kUnsupported, lacks);
  if (lacks == Truth::kYes) return;
  const bool fits = table.regions().size() <= KnownBackEnd::kRegionsOfAMessage;
  // What a back-end has that is lost is nobody's to say.
  causes.Add(fits ? ErrorCode::kUnsupported : ErrorCode::kInvalidArgument,
             made.attached ? known.CannotBecome(table) : Truth::kMaybe);
}

}  // namespace

bool IsOwnRefusal(ErrorCode code) {
  return code == ErrorCode::kInvalidArgument ||
         code == ErrorCode::kWrongState || code == ErrorCode::kUnsupported ||
         code == ErrorCode::kSystem;
}

void Causes::Add(ErrorCode code, Truth truth) {
  if (truth == Truth::kYes) certain_ |= Bit(code);
  if (truth == Truth::kMaybe) possible_ |= Bit(code);
}

// Nothing of a session in memory is the kernel's: kSystem has no cause.
Causes CausesOf(const KnownBackEnd& known, const CallMade& made) {
  Causes causes;
  const BackEndCall call = made.call;
  if (call == BackEndCall::kSetInflight && !made.has_notes) return causes;
  for (const Need& need : kNeeds) {
    if (need.call != call) continue;
    causes.Add(ErrorCode::kUnsupported, known.Lacks(need.protocol_feature));
  }
  const bool asks = std::ranges::find(kAsking, call) != std::end(kAsking);
  causes.Add(ErrorCode::kWrongState, TruthOf(asks && known.in_batch()));
  causes.Add(ErrorCode::kInvalidArgument,
             TruthOf(IsOutOfRange(call, made.argument)));
  switch (call) {
    case BackEndCall::kSetFeatures:
      // The word that SET_FEATURES has is the lower one.
      causes.Add(ErrorCode::kUnsupported,
                 TruthOf(FeaturesOf(made.argument, {}).high() != 0));
      break;
    case BackEndCall::kSetVringEnable:
      causes.Add(ErrorCode::kUnsupported, known.LacksProtocolBit());
      break;
    case BackEndCall::kStart:
    case BackEndCall::kSetMemTable:
      causes.Add(ErrorCode::kInvalidArgument,
                 known.HasNoRoomFor(TableOf(made.argument)));
      break;
    case BackEndCall::kChangeMemTable:
      AddOfChange(known, made, causes);
      break;
    case BackEndCall::kLacking:
      causes.Add(ErrorCode::kUnsupported, Truth::kYes);
      break;
    default:
      break;
  }
  return causes;
}

}  // namespace fuzz
