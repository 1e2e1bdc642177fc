// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/vhost_model.h"

#include <algorithm>
#include <utility>

#include "backend_sim/model_checks.h"
#include "backend_sim/wire_request.h"

namespace backend_sim {

using virtio_user::FileDescriptor;

namespace {

inline constexpr uint8_t kDriverOk = 4;
inline constexpr uint8_t kFeaturesOk = 8;

FileDescriptor TakeFd(VhostMessage& message) {
  if (message.fds.empty()) return FileDescriptor();
  return std::move(message.fds.front());
}

}  // namespace

VhostModel::VhostModel(Personality personality, virtio_user::FdOps& fds,
                       Trace& trace)
    : personality_(std::move(personality)),
      fds_(fds),
      trace_(trace),
      memory_(fds),
      inflight_(fds) {}

void VhostModel::Connect(Personality personality) {
  Disconnect();
  personality_ = std::move(personality);
  // What stays is as new, and no life of it comes twice.
  const size_t count = 2 * size_t{personality_.max_pairs};
  while (rings_.size() > count) rings_.pop_back();
  while (rings_.size() < count) {
    rings_.emplace_back(static_cast<uint16_t>(rings_.size()));
  }
}

void VhostModel::Disconnect() {
  // The notes stay as they are: they are for the session after this one.
  for (RingModel& ring : rings_) {
    ring.SetNotes(std::nullopt);
    ring.Reset(trace_);
  }
  inflight_.Clear();
  memory_.Clear();
  request_channel_.Reset();
  session_ = SessionState();
}

ModelAnswer VhostModel::Handle(VhostMessage message) {
  ++handled_;
  const uint32_t request = message.header.request;
  if (Refused(request, CheckFraming(*this, message)) ||
      Refused(request, CheckSession(*this, message)) ||
      Refused(request, CheckRings(*this, message)) ||
      Refused(request, CheckInflight(*this, message))) {
    return Refuse(message.header);
  }
  const Apply apply = FindHandler(request);
  if (apply == nullptr) {
    Record(request, {Rule::kNotServed, "this back-end does not have it"});
    return Refuse(message.header);
  }
  ModelAnswer answer;
  answer_fds_.clear();
  if (Check breach = (this->*apply)(message, answer.payload)) {
    Record(request, *std::move(breach));
    return Refuse(message.header);
  }
  answer.fds = std::exchange(answer_fds_, {});
  answer.answered = true;
  if (!FindRequest(request)->has_answer) {
    answer.answered = message.needs_reply();
    if (answer.answered) AnswerU64(0, answer.payload);
  }
  return answer;
}

ModelAnswer VhostModel::Refuse(const WireHeader& header) const {
  ModelAnswer answer;
  const RequestRule* const rule = FindRequest(header.request);
  if (header.request == kReqGetConfig && rule != nullptr &&
      session_.HasProtocol(kProtocolConfig)) {
    answer.answered = true;  // GET_CONFIG: an empty payload says no.
    return answer;
  }
  if ((header.flags & kWireNeedReply) != 0 &&
      session_.HasProtocol(kProtocolReplyAck)) {
    answer.answered = true;
    answer.payload.resize(8);
    Put(answer.payload, kU64Value, 1);
    return answer;
  }
  answer.close = true;
  return answer;
}

bool VhostModel::Refused(uint32_t request, Check breach) {
  if (!breach) return false;
  const bool overlooked = personality_.strictness == Strictness::kNote &&
                          CanBeOverlooked(breach->rule);
  Record(request, *std::move(breach));
  return !overlooked;
}

void VhostModel::Record(uint32_t request, Breach breach) {
  if (breach.rule == Rule::kNone) return;
  trace_.Add({.kind = TraceKind::kViolation,
              .detail = static_cast<uint8_t>(breach.rule),
              .words = {request}});
  const uint64_t index = handled_ == 0 ? 0 : handled_ - 1;
  violations_.push_back(
      {breach.rule, request, index, std::move(breach.detail)});
}

bool VhostModel::AnyStarted() const {
  return std::ranges::any_of(rings_, &RingModel::started);
}

bool VhostModel::Serving(const RingModel& ring) const {
  if (!ring.started() || !ring.call_given()) return false;
  if (personality_.starts_at_first_kick && !ring.kicked()) return false;
  return !session_.HasProtocol(kProtocolStatus) ||
         (session_.status & kDriverOk) != 0;
}

void VhostModel::AnswerU64(uint64_t value, std::vector<std::byte>& answer) {
  answer.resize(8);
  Put(answer, kU64Value, value);
}

RingModel& VhostModel::RingOf(const VhostMessage& message) {
  return rings_[message.Field(kStateIndex)];
}

// --- Session -----------------------------------------------------------------

Check VhostModel::GetFeatures(VhostMessage&, std::vector<std::byte>& answer) {
  session_.features_asked = true;
  AnswerU64(personality_.features, answer);
  return std::nullopt;
}

Check VhostModel::SetFeatures(VhostMessage& message, std::vector<std::byte>&) {
  session_.features = message.Field(kU64Value);
  session_.features_set = true;
  // Ring states: without bit 30 there is no SET_VRING_ENABLE.
  if (!session_.Has(kBitProtocolFeatures)) {
    for (RingModel& ring : rings_) ring.EnableByDefault();
  }
  return std::nullopt;
}

Check VhostModel::SetOwner(VhostMessage&, std::vector<std::byte>&) {
  session_.has_owner = true;
  return std::nullopt;
}

Check VhostModel::GetProtocolFeatures(VhostMessage&,
                                      std::vector<std::byte>& answer) {
  AnswerU64(personality_.protocol_features, answer);
  return std::nullopt;
}

Check VhostModel::SetProtocolFeatures(VhostMessage& message,
                                      std::vector<std::byte>&) {
  session_.protocol_features = message.Field(kU64Value);
  return std::nullopt;
}

Check VhostModel::GetQueueNum(VhostMessage&, std::vector<std::byte>& answer) {
  AnswerU64(personality_.queue_num, answer);
  return std::nullopt;
}

Check VhostModel::SendRarp(VhostMessage& message, std::vector<std::byte>&) {
  ++session_.rarps;
  session_.rarp_word = message.Field(kU64Value);
  return std::nullopt;
}

Check VhostModel::NetSetMtu(VhostMessage& message, std::vector<std::byte>&) {
  const uint64_t mtu = message.Field(kU64Value);
  if (mtu > personality_.max_mtu) {
    return Breach{Rule::kNone, "more than this back-end has room for"};
  }
  session_.mtu = mtu;
  return std::nullopt;
}

Check VhostModel::SetBackendReqFd(VhostMessage& message,
                                  std::vector<std::byte>&) {
  request_channel_ = TakeFd(message);
  return std::nullopt;
}

Check VhostModel::GetConfig(VhostMessage& message,
                            std::vector<std::byte>& answer) {
  answer = std::move(message.payload);
  const auto source =
      std::span(personality_.config)
          .subspan(Get(answer, kConfigOffset), Get(answer, kConfigSize));
  std::ranges::copy(source, answer.begin() + kConfigDataOffset);
  return std::nullopt;
}

void VhostModel::ChangeConfig(size_t offset, std::span<const std::byte> bytes) {
  std::ranges::copy(
      bytes, personality_.config.begin() + static_cast<std::ptrdiff_t>(offset));
}

Check VhostModel::GetStatus(VhostMessage&, std::vector<std::byte>& answer) {
  AnswerU64(session_.status, answer);
  return std::nullopt;
}

Check VhostModel::SetStatus(VhostMessage& message, std::vector<std::byte>&) {
  const auto status = static_cast<uint8_t>(message.Field(kU64Value));
  session_.status = status;
  if (!personality_.accepts_features_ok) session_.status &= ~kFeaturesOk;
  if (status == 0) ResetRings();
  return std::nullopt;
}

Check VhostModel::ResetDevice(VhostMessage&, std::vector<std::byte>&) {
  session_.status = 0;
  ++session_.resets;
  ResetRings();
  return std::nullopt;
}

// The device forgets what the driver accepted; bit 30 is not the driver's.
void VhostModel::ResetRings() {
  for (RingModel& ring : rings_) ring.Reset(trace_);
  inflight_.Clear();
  session_.features_set = false;
  session_.features &= Bit(kBitProtocolFeatures);
}

// --- Memory ------------------------------------------------------------------

Check VhostModel::SetMemTable(VhostMessage& message, std::vector<std::byte>&) {
  BackendMemory next(fds_);
  const std::vector<RegionDescription> regions = ParseTable(message.payload);
  for (size_t i = 0; i < regions.size(); ++i) {
    if (Check breach = next.Add(regions[i], message.fds[i].get())) {
      return breach;
    }
  }
  memory_ = std::move(next);
  for (RingModel& ring : rings_) ring.Rebind(memory_);
  return std::nullopt;
}

Check VhostModel::GetMaxMemSlots(VhostMessage&,
                                 std::vector<std::byte>& answer) {
  AnswerU64(personality_.max_slots, answer);
  return std::nullopt;
}

Check VhostModel::AddMemReg(VhostMessage& message, std::vector<std::byte>&) {
  return memory_.Add(ParseSingleRegion(message.payload),
                     message.fds.front().get());
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
  RingOf(message).SetBase(static_cast<uint32_t>(message.Field(kStateNum)));
  return std::nullopt;
}

Check VhostModel::SetVringAddr(VhostMessage& message, std::vector<std::byte>&) {
  RingOf(message).SetAddresses({message.Field(kAddrDesc),
                                message.Field(kAddrAvail),
                                message.Field(kAddrUsed)});
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
  if (ring_rules().format == virtio_user::RingFormat::kSplit) {
    ring.SetNotes(inflight_.NotesOf(ring.index()));
  }
  if (!ring.Start(memory_, ring_rules(), trace_)) {
    return Breach{Rule::kAddrOutside, "the ring cannot be reached"};
  }
  // Nothing says when such a ring is to be looked at, so always.
  if (!ring.kick().valid()) ring.SawKick();
  return std::nullopt;
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
  RingOf(message).SetEnabled(message.Field(kStateNum) == 1);
  return std::nullopt;
}

const VhostModel::Handler VhostModel::kHandlers[] = {
    {kReqGetFeatures, &VhostModel::GetFeatures},
    {kReqSetFeatures, &VhostModel::SetFeatures},
    {kReqSetOwner, &VhostModel::SetOwner},
    {kReqSetMemTable, &VhostModel::SetMemTable},
    {kReqSetVringNum, &VhostModel::SetVringNum},
    {kReqSetVringAddr, &VhostModel::SetVringAddr},
    {kReqSetVringBase, &VhostModel::SetVringBase},
    {kReqGetVringBase, &VhostModel::GetVringBase},
    {kReqSetVringKick, &VhostModel::SetVringKick},
    {kReqSetVringCall, &VhostModel::SetVringCall},
    {kReqSetVringErr, &VhostModel::SetVringErr},
    {kReqGetProtocolFeatures, &VhostModel::GetProtocolFeatures},
    {kReqSetProtocolFeatures, &VhostModel::SetProtocolFeatures},
    {kReqGetQueueNum, &VhostModel::GetQueueNum},
    {kReqSetVringEnable, &VhostModel::SetVringEnable},
    {kReqSendRarp, &VhostModel::SendRarp},
    {kReqNetSetMtu, &VhostModel::NetSetMtu},
    {kReqSetBackendReqFd, &VhostModel::SetBackendReqFd},
    {kReqGetConfig, &VhostModel::GetConfig},
    {kReqGetInflightFd, &VhostModel::GetInflightFd},
    {kReqSetInflightFd, &VhostModel::SetInflightFd},
    {kReqResetDevice, &VhostModel::ResetDevice},
    {kReqGetMaxMemSlots, &VhostModel::GetMaxMemSlots},
    {kReqAddMemReg, &VhostModel::AddMemReg},
    {kReqRemMemReg, &VhostModel::RemMemReg},
    {kReqSetStatus, &VhostModel::SetStatus},
    {kReqGetStatus, &VhostModel::GetStatus},
};

VhostModel::Apply VhostModel::FindHandler(uint32_t request) {
  const auto found = std::ranges::find(kHandlers, request, &Handler::request);
  return found == std::end(kHandlers) ? nullptr : found->apply;
}

}  // namespace backend_sim
