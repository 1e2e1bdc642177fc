// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/vhost_model.h"

#include <algorithm>
#include <utility>

#include "backend_sim/model_checks.h"
#include "backend_sim/wire_request.h"

namespace backend_sim {

namespace {

inline constexpr uint8_t kDriverOk = 4;
inline constexpr uint8_t kFeaturesOk = 8;

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
  rings_.reserve(count);
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
  if (const auto rule = Judge(message)) return RefuseFor(*rule, message.header);
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

// The rule for which a message is not carried out.
std::optional<Rule> VhostModel::Judge(const VhostMessage& message) {
  for (const auto check :
       {CheckFraming, CheckSession, CheckRings, CheckInflight, CheckStrictly}) {
    Check breach = check(*this, message);
    if (!breach) continue;
    const Rule rule = breach->rule;
    Record(message.header.request, *std::move(breach));
    if (!Overlooks(rule)) return rule;
  }
  return std::nullopt;
}

bool VhostModel::Overlooks(Rule rule) const {
  return Tolerates(rule) || (personality_.strictness == Strictness::kNote &&
                             CanBeOverlooked(rule));
}

bool VhostModel::Tolerates(Rule rule) const {
  return HasBit(personality_.messages.tolerates, static_cast<unsigned>(rule));
}

ModelAnswer VhostModel::RefuseFor(Rule rule, const WireHeader& header) {
  const MessageBehaviour& behaviour = personality_.messages;
  if (rule == Rule::kFeaturesNotOffered &&
      behaviour.remembers_refused_features) {
    session_.features_refused = true;
    session_.status &= ~kFeaturesOk;
  }
  const bool close =
      personality_.strictness == Strictness::kClose ||
      (rule == Rule::kRingIndex && behaviour.closes_for_ring_index);
  if (!close) return Refuse(header);
  ModelAnswer end;
  end.close = true;
  return end;
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
      (session_.HasProtocol(kProtocolReplyAck) ||
       Tolerates(Rule::kNeedReplyGate))) {
    answer.answered = true;
    answer.payload.resize(8);
    Put(answer.payload, kU64Value, 1);
    return answer;
  }
  answer.close = true;
  return answer;
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
  const MessageBehaviour& behaviour = personality_.messages;
  if (!ring.started()) return false;
  if (!ring.call_given() && !behaviour.serves_without_call) return false;
  if (behaviour.serves_ready_rings_alone &&
      !(ring.enabled() && FirstPairReady())) {
    return false;
  }
  if (personality_.starts_at_first_kick && !ring.kicked()) return false;
  return !session_.HasProtocol(kProtocolStatus) ||
         (session_.status & kDriverOk) != 0;
}

bool VhostModel::FirstPairReady() const {
  return std::ranges::all_of(
      std::span(rings_).first(2), [](const RingModel& ring) {
        return ring.started() && ring.enabled() && ring.call_given();
      });
}

void VhostModel::AnswerU64(uint64_t value, std::vector<std::byte>& answer) {
  answer.resize(8);
  Put(answer, kU64Value, value);
}

RingModel& VhostModel::RingOf(const VhostMessage& message) {
  return rings_[message.Field(kStateIndex)];
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
