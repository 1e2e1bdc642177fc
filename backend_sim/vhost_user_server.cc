// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/vhost_user_server.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "backend_sim/answer_faults.h"
#include "backend_sim/seeded_entropy.h"
#include "backend_sim/wire_request.h"
#include "virtio_user/base/check.h"

namespace backend_sim {

using virtio_user::Duration;
using virtio_user::FileDescriptor;

namespace {

constexpr std::array kMessageFaults{
    FaultKind::kCloseBefore, FaultKind::kCloseAfter,
    FaultKind::kCloseUnanswered, FaultKind::kStall, FaultKind::kRefuse};

// How a session of a back-end ends that crashes.
constexpr std::array kCrashes{FaultKind::kCloseBefore, FaultKind::kCloseAfter,
                              FaultKind::kCloseUnanswered};

// Whatever it is, no handler takes so long a payload: the model says which rule
// was broken.
void RefuseUnread(const WireHeader& header, VhostModel& model) {
  (void)model.Handle({.header = header,
                      .payload = std::vector<std::byte>(kWireMaxPayload + 1),
                      .fds = {}});
}

}  // namespace

VhostUserServer::VhostUserServer(VhostUserServerOptions options,
                                 virtio_user::FdOps& fds, Trace& trace,
                                 FaultPlan& faults)
    : next_personality_(std::move(options.personality)),
      own_entropy_(options.entropy == nullptr
                       ? std::make_unique<SeededEntropy>(1)
                       : nullptr),
      entropy_(own_entropy_ ? *own_entropy_ : *options.entropy),
      fds_(fds),
      trace_(trace),
      faults_(faults),
      model_(next_personality_, fds, trace),
      packets_(model_, trace, options.packets) {
  model_.SetMemoryMaker(std::move(options.make_memory));
}

void VhostUserServer::Connect() {
  Disconnect();
  const auto& successors = next_personality_.successors;
  if (std::exchange(crashed_, false) && !successors.empty()) {
    const Successor& drawn = successors[entropy_.Choose(successors.size())];
    model_.Connect(SucceedBy(next_personality_, drawn));
  } else {
    model_.Connect(next_personality_);
  }
  connected_ = true;
  DrawPiece();
}

void VhostUserServer::Disconnect() {
  model_.Disconnect();
  partial_.clear();
  partial_fds_.clear();
  connected_ = false;
  dead_ = false;
}

void VhostUserServer::SetPersonality(Personality personality) {
  next_personality_ = std::move(personality);
}

size_t VhostUserServer::BytesMissing() const {
  if (partial_.size() < kWireHeaderBytes) {
    return kWireHeaderBytes - partial_.size();
  }
  return kWireHeaderBytes + DecodeHeader(partial_).size - partial_.size();
}

size_t VhostUserServer::BytesWanted() const {
  return std::min(BytesMissing(), piece_);
}

// How much is read at a time from here on.
void VhostUserServer::DrawPiece() {
  piece_ = SIZE_MAX;
  const uint32_t most = model_.personality().messages.read_bytes;
  if (most != 0) piece_ = 1 + static_cast<size_t>(entropy_.Choose(most));
  if (partial_.empty()) {
    const auto fault = faults_.Take(FaultKind::kReadInPieces, message_count_);
    message_piece_ = fault ? std::max<size_t>(fault->argument, 1) : SIZE_MAX;
    if (fault) TraceFault(*fault);
  }
  piece_ = std::min(piece_, message_piece_);
}

ServerOutput VhostUserServer::OnBytes(std::span<const std::byte> bytes,
                                      std::vector<FileDescriptor> received) {
  VU_CHECK(connected_);
  ServerOutput output;
  std::ranges::move(received, std::back_inserter(partial_fds_));
  while (!bytes.empty() && !dead_) {
    const size_t count = std::min(BytesWanted(), bytes.size());
    partial_.insert(partial_.end(), bytes.begin(),
                    bytes.begin() + static_cast<std::ptrdiff_t>(count));
    bytes = bytes.subspan(count);
    if (partial_.size() >= kWireHeaderBytes) {
      // Nobody waits for a payload that no request has.
      if (DecodeHeader(partial_).size > kWireMaxPayload) {
        RefuseUnread(DecodeHeader(partial_), model_);
        output.close = dead_ = true;
      } else if (BytesMissing() == 0) {
        HandleMessage(output);
      }
    }
    DrawPiece();
  }
  return output;
}

// What ends this message, by plan or because the back-end is one that crashes.
std::optional<Fault> VhostUserServer::FaultOfMessage() {
  auto fault = faults_.Take(kMessageFaults, message_count_);
  const uint32_t odds = model_.personality().crash_per_mille;
  if (!fault && odds != 0 && entropy_.Chance({odds, 1000})) {
    crashed_ = true;
    const size_t drawn = static_cast<size_t>(entropy_.Choose(kCrashes.size()));
    fault = Fault{.kind = kCrashes[drawn], .at = message_count_};
  }
  ++message_count_;
  if (fault) TraceFault(*fault);
  return fault;
}

// The same of an answer.
std::optional<Fault> VhostUserServer::FaultOfAnswer() {
  auto fault =
      faults_.TakeOfAnswer(AnswerFaults(), answer_count_, message_count_ - 1);
  const Personality& personality = model_.personality();
  if (!fault && personality.hostile && personality.answer_lies_per_mille != 0 &&
      entropy_.Chance({personality.answer_lies_per_mille, 1000})) {
    fault = DrawAnswerFault(entropy_, answer_count_);
  }
  ++answer_count_;
  if (fault) TraceFault(*fault);
  return fault;
}

void VhostUserServer::HandleMessage(ServerOutput& output) {
  VhostMessage message;
  message.header = DecodeHeader(partial_);
  message.payload.assign(partial_.begin() + kWireHeaderBytes, partial_.end());
  message.fds = std::exchange(partial_fds_, {});
  partial_.clear();
  const WireHeader header = message.header;
  trace_.AddMessage({.direction = Direction::kToBackend,
                     .request = header.request,
                     .flags = header.flags,
                     .fd_count = static_cast<uint32_t>(message.fds.size()),
                     .payload = message.payload});
  const auto fault = FaultOfMessage();
  const auto is = [&](FaultKind kind) { return fault && fault->kind == kind; };
  output.stall = is(FaultKind::kStall);
  output.close = is(FaultKind::kCloseBefore);
  dead_ = output.stall || output.close;
  if (dead_) return;
  if (header.request == kReqGetVringBase) packets_.Drain();
  ModelAnswer answer = is(FaultKind::kRefuse)
                           ? model_.Refuse(header)
                           : model_.Handle(std::move(message));
  const bool close = answer.close;
  if (answer.answered && !is(FaultKind::kCloseUnanswered)) {
    EmitAnswer(header, std::move(answer), output);
  }
  output.close = output.close || close || is(FaultKind::kCloseAfter) ||
                 is(FaultKind::kCloseUnanswered);
  dead_ = output.close;
}

void VhostUserServer::EmitAnswer(const WireHeader& request, ModelAnswer given,
                                 ServerOutput& output) {
  WireHeader header{request.request, kWireAnswerFlags, 0};
  std::vector<std::byte> body = std::move(given.payload);
  const auto fault = FaultOfAnswer();
  const auto is = [&](FaultKind kind) { return fault && fault->kind == kind; };
  if (is(FaultKind::kReplyNever)) return;
  const size_t honest_bytes = body.size();
  SpoilAnswer(fault.value_or(Fault{}), header, body);
  const bool other_ring =
      is(FaultKind::kReplyGarbageIndex) && request.request == kReqGetVringBase;
  // "No such configuration" is an answer too (vhost-user: GET_CONFIG).
  const bool other_size = body.size() != honest_bytes &&
                          !(request.request == kReqGetConfig && body.empty());
  if (header.request != request.request || other_size ||
      (header.flags & ~kWireNeedReply) != kWireAnswerFlags || other_ring) {
    ++lie_count_;
  }

  OutgoingAnswer answer;
  answer.bytes.reserve(kWireHeaderBytes + body.size());
  EncodeHeader(header, answer.bytes);
  answer.bytes.insert(answer.bytes.end(), body.begin(), body.end());
  answer.fds = std::move(given.fds);
  const uint32_t late_us = model_.personality().messages.late_us;
  if (late_us != 0) {
    answer.delay = std::chrono::microseconds(entropy_.Choose(late_us + 1));
  }
  if (is(FaultKind::kReplyLate)) answer.delay += Duration(fault->argument);
  if (is(FaultKind::kReplyExtraFds)) AddExtraFds(fault->argument, answer);
  trace_.AddMessage({.direction = Direction::kToFrontend,
                     .request = header.request,
                     .flags = header.flags,
                     .fd_count = static_cast<uint32_t>(answer.fds.size()),
                     .payload = body});
  if (is(FaultKind::kReplyCutOff)) {
    output.close = true;
    answer.bytes.resize(std::min<size_t>(fault->argument, answer.bytes.size()));
    if (answer.bytes.empty()) return;
  }
  if (is(FaultKind::kReplyTwice)) {
    OutgoingAnswer first;
    first.bytes = answer.bytes;
    output.answers.push_back(std::move(first));
  }
  if (is(FaultKind::kReplyInPieces)) {
    AddInPieces(std::move(answer), fault->argument, output.answers);
  } else {
    output.answers.push_back(std::move(answer));
  }
}

void VhostUserServer::AddExtraFds(uint64_t count, OutgoingAnswer& answer) {
  for (uint64_t i = 0; i < std::min<uint64_t>(count, kWireMaxFds); ++i) {
    auto made = FileDescriptor::CreateEvent(fds_);
    if (made) answer.fds.push_back(*std::move(made));
  }
}

void VhostUserServer::TraceFault(const Fault& fault) {
  trace_.Add({.kind = TraceKind::kFault,
              .detail = static_cast<uint8_t>(fault.kind),
              .words = {fault.at, fault.argument}});
}

size_t VhostUserServer::Step() {
  return connected_ && !dead_ ? packets_.Step() : 0;
}

}  // namespace backend_sim
