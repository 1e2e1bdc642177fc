// SPDX-License-Identifier: BSD-3-Clause
//
// VhostModel: memory and rings.

#include <utility>

#include "backend_sim/vhost_model.h"

namespace backend_sim {

using virtio_user::FileDescriptor;

namespace {

FileDescriptor TakeFd(VhostMessage& message) {
  if (message.fds.empty()) return FileDescriptor();
  return std::move(message.fds.front());
}

}  // namespace

// --- Memory ------------------------------------------------------------------

Check VhostModel::SetMemTable(VhostMessage& message, std::vector<std::byte>&) {
  const std::vector<RegionDescription> regions = ParseTable(message.payload);
  if (personality_.messages.ignores_same_table && memory_.Is(regions)) {
    return std::nullopt;
  }
  BackendMemory next(fds_);
  for (size_t i = 0; i < regions.size(); ++i) {
    if (Check breach = next.Add(regions[i], message.fds[i].get())) {
      return breach;
    }
  }
  memory_ = std::move(next);
  for (RingModel& ring : rings_) ring.Rebind(memory_);
  StartWhatWaits();
  return std::nullopt;
}

Check VhostModel::GetMaxMemSlots(VhostMessage&,
                                 std::vector<std::byte>& answer) {
  AnswerU64(personality_.max_slots, answer);
  return std::nullopt;
}

Check VhostModel::AddMemReg(VhostMessage& message, std::vector<std::byte>&) {
  Check breach = memory_.Add(ParseSingleRegion(message.payload),
                             message.fds.front().get());
  if (!breach) StartWhatWaits();
  return breach;
}

Check VhostModel::RemMemReg(VhostMessage& message, std::vector<std::byte>&) {
  memory_.Remove(ParseSingleRegion(message.payload));
  return std::nullopt;
}

// --- Rings -------------------------------------------------------------------

Check VhostModel::SetVringNum(VhostMessage& message, std::vector<std::byte>&) {
  RingOf(message).SetNum(static_cast<uint32_t>(message.Field(kStateNum)));
  return std::nullopt;
}

Check VhostModel::SetVringBase(VhostMessage& message, std::vector<std::byte>&) {
  auto base = static_cast<uint32_t>(message.Field(kStateNum));
  const bool packed = ring_rules().format == virtio_user::RingFormat::kPacked;
  if (packed && personality_.has_short_base) base &= 0xffff;
  RingOf(message).SetBase(base);
  return std::nullopt;
}

Check VhostModel::SetVringAddr(VhostMessage& message, std::vector<std::byte>&) {
  RingOf(message).SetAddresses({message.Field(kAddrDesc),
                                message.Field(kAddrAvail),
                                message.Field(kAddrUsed)});
  StartWhatWaits();
  return std::nullopt;
}

Check VhostModel::GetVringBase(VhostMessage& message,
                               std::vector<std::byte>& answer) {
  RingModel& ring = RingOf(message);
  const uint32_t base = ring.Stop(trace_);
  answer.resize(8);
  Put(answer, kStateIndex, ring.index());
  Put(answer, kStateNum, personality_.has_short_base ? base & 0xffff : base);
  return std::nullopt;
}

Check VhostModel::SetVringKick(VhostMessage& message, std::vector<std::byte>&) {
  RingModel& ring = rings_[message.Field(kU64Value) & kRingFdIndex];
  ring.SetKick(TakeFd(message));
  if (!TryStart(ring) && !Tolerates(Rule::kAddrOutside)) {
    return Breach{Rule::kAddrOutside, "the ring cannot be reached"};
  }
  return std::nullopt;
}

bool VhostModel::TryStart(RingModel& ring) {
  const bool split = ring_rules().format == virtio_user::RingFormat::kSplit;
  // SET_PROTOCOL_FEATURES may have come again since the memory for notes did.
  const bool notes = split && session_.HasProtocol(kProtocolInflight) &&
                     inflight_.numbers().queue_size == ring.num();
  ring.SetNotes(notes ? inflight_.NotesOf(ring.index()) : std::nullopt);
  if (split) {
    const auto used = ring.UsedIndex(memory_);
    const bool follows = personality_.messages.base_follows_used;
    if (follows && used && !ring.started()) ring.SetBase(*used);
  }
  if (!ring.Start(memory_, ring_rules(), trace_)) return false;
  // Nothing says when such a ring is to be looked at, so always.
  if (!ring.kick().valid()) ring.SawKick();
  return true;
}

// Rings whose kick came before they could be reached.
void VhostModel::StartWhatWaits() {
  if (!Tolerates(Rule::kAddrOutside)) return;
  for (RingModel& ring : rings_) {
    if (ring.kick_given() && !ring.started()) TryStart(ring);
  }
}

Check VhostModel::SetVringCall(VhostMessage& message, std::vector<std::byte>&) {
  rings_[message.Field(kU64Value) & kRingFdIndex].SetCall(TakeFd(message));
  return std::nullopt;
}

Check VhostModel::SetVringErr(VhostMessage& message, std::vector<std::byte>&) {
  rings_[message.Field(kU64Value) & kRingFdIndex].Mention();
  return std::nullopt;
}

Check VhostModel::SetVringEnable(VhostMessage& message,
                                 std::vector<std::byte>&) {
  RingOf(message).SetEnabled(message.Field(kStateNum) != 0);
  return std::nullopt;
}

}  // namespace backend_sim
