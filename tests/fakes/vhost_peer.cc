// SPDX-License-Identifier: BSD-3-Clause

#include "tests/fakes/vhost_peer.h"

#include <algorithm>

namespace virtio_user {
namespace {

constexpr uint32_t kVersion = 1;
constexpr uint32_t kNeedReply = 8;
constexpr uint32_t kReplyFlags = 5;

enum class Gate {
  kNone,
  kBit30Offered,
  kBit30Acked,
  kMq,
  kConfig,
  kMemSlots,
  kStatus,
  kRarp,
  kMtu,
  kInflight,
  kResetDevice
};
enum class Fds { kNone, kOne, kRing, kRegions };

// The specification's table of front-end messages, as far as it is spoken.
struct Row {
  uint32_t request;
  size_t payload_bytes;  // Of tables and configuration: the fixed part.
  Fds fds = Fds::kNone;
  Gate gate = Gate::kNone;
};

constexpr Row kRows[] = {
    {kReqGetFeatures, 0},
    {kReqSetFeatures, 8},
    {kReqSetOwner, 0},
    {kReqSetMemTable, 8, Fds::kRegions},
    {kReqSetVringNum, 8},
    {kReqSetVringAddr, 40},
    {kReqSetVringBase, 8},
    {kReqGetVringBase, 8},
    {kReqSetVringKick, 8, Fds::kRing},
    {kReqSetVringCall, 8, Fds::kRing},
    {kReqGetProtocolFeatures, 0, Fds::kNone, Gate::kBit30Offered},
    {kReqSetProtocolFeatures, 8, Fds::kNone, Gate::kBit30Offered},
    {kReqGetQueueNum, 0, Fds::kNone, Gate::kMq},
    {kReqSetVringEnable, 8, Fds::kNone, Gate::kBit30Acked},
    {kReqGetConfig, 12, Fds::kNone, Gate::kConfig},
    {kReqSetConfig, 12, Fds::kNone, Gate::kConfig},
    {kReqSendRarp, 8, Fds::kNone, Gate::kRarp},
    {kReqNetSetMtu, 8, Fds::kNone, Gate::kMtu},
    {kReqGetInflightFd, 24, Fds::kNone, Gate::kInflight},
    {kReqSetInflightFd, 24, Fds::kOne, Gate::kInflight},
    {kReqResetDevice, 0, Fds::kNone, Gate::kResetDevice},
    {kReqGetMaxMemSlots, 0, Fds::kNone, Gate::kMemSlots},
    {kReqAddMemReg, 40, Fds::kOne, Gate::kMemSlots},
    {kReqRemMemReg, 40, Fds::kNone, Gate::kMemSlots},
    {kReqSetStatus, 8, Fds::kNone, Gate::kStatus},
    {kReqGetStatus, 0, Fds::kNone, Gate::kStatus},
};

const Row* FindRow(uint32_t request) {
  const auto* const row = std::ranges::find(kRows, request, &Row::request);
  return row == std::end(kRows) ? nullptr : row;
}

size_t ExpectedBytes(const Row& row, const Bytes& payload) {
  if (payload.size() < row.payload_bytes) return row.payload_bytes;
  if (row.request == kReqSetMemTable) return 8 + 32 * Get(payload, 0, 4);
  const bool config =
      row.request == kReqGetConfig || row.request == kReqSetConfig;
  return config ? 12 + Get(payload, 4, 4) : row.payload_bytes;
}

size_t ExpectedFds(const Row& row, const Bytes& payload) {
  switch (row.fds) {
    case Fds::kNone:
      return 0;
    case Fds::kOne:
      return 1;
    case Fds::kRegions:
      return Get(payload, 0, 4);
    case Fds::kRing:
      return (Get(payload, 0, 8) & 0x100) != 0 ? 0 : 1;
  }
  return 0;
}

}  // namespace

std::vector<uint32_t> VhostPeer::Requests() const {
  std::vector<uint32_t> requests;
  for (const WireRequest& request : log) requests.push_back(request.request);
  return requests;
}

void VhostPeer::OnConnect() {
  acked_features_ = 0;
  acked_protocol_ = 0;
  owned_ = false;
  status_ = 0;
}

bool VhostPeer::ClosesBefore(size_t index) {
  return close_before == index || (index > 0 && close_instead_of == index - 1);
}

bool VhostPeer::DropsAnswersAfter(size_t index) {
  return drop_answers_after == index;
}

void VhostPeer::Violation(const WireRequest& request, const std::string& what) {
  violations.push_back("message " + std::to_string(log.size() - 1) +
                       ", request " + std::to_string(request.request) + ": " +
                       what);
}

void VhostPeer::CheckShape(const WireRequest& request) {
  const Row* const row = FindRow(request.request);
  if (row == nullptr) return Violation(request, "unknown");
  if (request.payload.size() != ExpectedBytes(*row, request.payload)) {
    return Violation(request,
                     "payload of " + std::to_string(request.payload.size()));
  }
  if (request.fds.size() != ExpectedFds(*row, request.payload)) {
    Violation(request, std::to_string(request.fds.size()) + " descriptors");
  }
  if ((request.flags & ~kNeedReply) != kVersion) {
    Violation(request, "flags " + std::to_string(request.flags));
  }
  if ((request.flags & kNeedReply) != 0 &&
      (acked_protocol_ & kProtoReplyAck) == 0) {
    Violation(request, "need_reply without REPLY_ACK");
  }
}

void VhostPeer::CheckGates(const WireRequest& request) {
  const Row* const row = FindRow(request.request);
  if (row == nullptr) return;
  const auto open = [&] {
    switch (row->gate) {
      case Gate::kNone:
        return true;
      case Gate::kBit30Offered:
        return (features & kBit30) != 0;
      case Gate::kBit30Acked:
        return (acked_features_ & kBit30) != 0;
      case Gate::kMq:
        return (acked_protocol_ & kProtoMq) != 0;
      case Gate::kConfig:
        return (acked_protocol_ & kProtoConfig) != 0;
      case Gate::kRarp:
        return (acked_protocol_ & kProtoRarp) != 0;
      case Gate::kMtu:
        return (acked_protocol_ & kProtoMtu) != 0;
      case Gate::kInflight:
        return (acked_protocol_ & kProtoInflight) != 0;
      case Gate::kResetDevice:
        return (acked_protocol_ & kProtoResetDevice) != 0;
      case Gate::kMemSlots:
        return (acked_protocol_ & kProtoMemSlots) != 0;
      case Gate::kStatus:
        return (acked_protocol_ & kProtoStatus) != 0;
    }
    return false;
  };
  if (!open()) Violation(request, "its gate is closed");
}

void VhostPeer::Obey(const WireRequest& request) {
  const auto word = [&] { return Get(request.payload, 0, 8); };
  switch (request.request) {
    case kReqSetOwner:
      if (owned_) Violation(request, "owned already");
      owned_ = true;
      return;
    case kReqSetFeatures:
      if ((word() & ~features) != 0) Violation(request, "not offered");
      acked_features_ = word();
      return;
    case kReqSetProtocolFeatures:
      if ((word() & ~protocol) != 0) Violation(request, "not offered");
      acked_protocol_ = word();
      return;
    case kReqSetStatus:
      if (word() > 255) Violation(request, "status");
      status_ = word();
      return;
    default:
      return;
  }
}

std::optional<Bytes> VhostPeer::OwnAnswer(const WireRequest& request) const {
  switch (request.request) {
    case kReqGetFeatures:
      return U64Payload(features);
    case kReqGetProtocolFeatures:
      return U64Payload(protocol);
    case kReqGetQueueNum:
      return U64Payload(queue_num);
    case kReqGetMaxMemSlots:
      return U64Payload(mem_slots);
    case kReqGetStatus:
      return U64Payload(status_answer.value_or(status_));
    case kReqGetVringBase: {
      const auto index = static_cast<uint32_t>(Get(request.payload, 0, 4));
      return StatePayload(index, base_of(index));
    }
    case kReqGetInflightFd: {
      Bytes answer;
      Put(answer, inflight_bytes, 8);
      Put(answer, inflight_offset, 8);
      // The numbers come back, and so does the padding.
      answer.insert(answer.end(), request.payload.begin() + 16,
                    request.payload.end());
      return answer;
    }
    case kReqGetConfig: {
      // Byte i of its configuration space is i + 1.
      Bytes answer = request.payload;
      const size_t offset = Get(answer, 0, 4);
      for (size_t i = 12; i < answer.size(); ++i) {
        answer[i] = static_cast<std::byte>(offset + i - 12 + 1);
      }
      return answer;
    }
    default:
      return std::nullopt;
  }
}

std::optional<WireAnswer> VhostPeer::OnMessage(size_t index,
                                               const WireRequest& request) {
  if (close_instead_of == index) return std::nullopt;
  log.push_back(request);
  CheckShape(request);
  CheckGates(request);
  if (FindRow(request.request) == nullptr) return std::nullopt;
  // Before it is obeyed: a message turns its own ack neither on nor off.
  const bool acked = (request.flags & kNeedReply) != 0;
  std::optional<Bytes> payload = OwnAnswer(request);
  if (refuse.contains(index)) {
    payload = U64Payload(refusal);
  } else {
    Obey(request);
  }
  if (!payload && acked) payload = U64Payload(0);
  if (!payload) return std::nullopt;
  WireAnswer answer = {.bytes =
                           Message(request.request, kReplyFlags, *payload)};
  if (request.request == kReqGetInflightFd && !refuse.contains(index)) {
    answer.fd_count = 1;
    answer.fd_bytes = inflight_offset + inflight_bytes;
  }
  const size_t number = answer_count++;
  if (silent.contains(number)) return std::nullopt;
  if (spoil) spoil(number, request, answer);
  return answer;
}

}  // namespace virtio_user
