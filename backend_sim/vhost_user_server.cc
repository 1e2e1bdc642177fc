// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/vhost_user_server.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "backend_sim/wire_request.h"
#include "virtio_user/base/check.h"

namespace backend_sim {

using virtio_user::Duration;
using virtio_user::FileDescriptor;

namespace {

constexpr std::array kMessageFaults{
    FaultKind::kCloseBefore, FaultKind::kCloseAfter,
    FaultKind::kCloseUnanswered, FaultKind::kStall, FaultKind::kRefuse};

constexpr std::array kAnswerFaults{
    FaultKind::kReplyNack,         FaultKind::kReplyWrongSize,
    FaultKind::kReplyWrongRequest, FaultKind::kReplyWrongVersion,
    FaultKind::kReplyWithoutFlag,  FaultKind::kReplyReservedFlags,
    FaultKind::kReplyExtraFds,     FaultKind::kReplyInPieces,
    FaultKind::kReplyLate,         FaultKind::kReplyNever,
    FaultKind::kReplyTwice,        FaultKind::kReplyGarbageIndex};

// What a fault does to an answer before it is put into bytes.
void Spoil(const Fault& fault, WireHeader& header,
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
      for (size_t i = 0; i < std::min<size_t>(payload.size(), 4); ++i) {
        payload[i] = ~payload[i];
      }
      break;
    default:
      break;
  }
  header.size = static_cast<uint32_t>(payload.size());
}

// Cuts an answer into pieces of `bytes`, each a microsecond after the last.
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

}  // namespace

VhostUserServer::VhostUserServer(VhostUserServerOptions options,
                                 virtio_user::FdOps& fds, Trace& trace,
                                 FaultPlan& faults)
    : next_personality_(std::move(options.personality)),
      fds_(fds),
      trace_(trace),
      faults_(faults),
      model_(next_personality_, fds, trace),
      packets_(model_, trace, options.packets) {
  model_.SetMemoryMaker(std::move(options.make_memory));
}

void VhostUserServer::Connect() {
  Disconnect();
  model_.Connect(next_personality_);
  connected_ = true;
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

size_t VhostUserServer::BytesWanted() const {
  if (partial_.size() < kWireHeaderBytes) {
    return kWireHeaderBytes - partial_.size();
  }
  return kWireHeaderBytes + DecodeHeader(partial_).size - partial_.size();
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
    if (partial_.size() < kWireHeaderBytes) break;
    // Nobody waits for a payload that no request has.
    if (DecodeHeader(partial_).size > kWireMaxPayload) {
      output.close = dead_ = true;
    } else if (BytesWanted() == 0) {
      HandleMessage(output);
    }
  }
  return output;
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
  const auto fault = faults_.Take(kMessageFaults, message_count_++);
  if (fault) TraceFault(*fault);
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
  output.close =
      close || is(FaultKind::kCloseAfter) || is(FaultKind::kCloseUnanswered);
  dead_ = output.close;
}

void VhostUserServer::EmitAnswer(const WireHeader& request, ModelAnswer given,
                                 ServerOutput& output) {
  WireHeader header{request.request, kWireAnswerFlags, 0};
  std::vector<std::byte> body = std::move(given.payload);
  const auto fault =
      faults_.TakeOfAnswer(kAnswerFaults, answer_count_++, message_count_ - 1);
  if (fault) TraceFault(*fault);
  const auto is = [&](FaultKind kind) { return fault && fault->kind == kind; };
  if (is(FaultKind::kReplyNever)) return;
  Spoil(fault.value_or(Fault{}), header, body);

  OutgoingAnswer answer;
  EncodeHeader(header, answer.bytes);
  answer.bytes.insert(answer.bytes.end(), body.begin(), body.end());
  answer.fds = std::move(given.fds);
  if (is(FaultKind::kReplyLate)) answer.delay = Duration(fault->argument);
  if (is(FaultKind::kReplyExtraFds)) AddExtraFds(fault->argument, answer);
  trace_.AddMessage({.direction = Direction::kToFrontend,
                     .request = header.request,
                     .flags = header.flags,
                     .fd_count = static_cast<uint32_t>(answer.fds.size()),
                     .payload = body});
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
