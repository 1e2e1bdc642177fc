// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/heard_answers.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "fuzz/finding.h"
#include "fuzz/reader.h"
#include "tests/fakes/vhost_requests.h"

namespace fuzz {

using namespace virtio_user;  // The requests.

namespace {

// Requests that end with the front of the configuration space, unless a user
// asks for it.
bool LeadsToLimits(uint32_t request) {
  return request == kReqSetProtocolFeatures || request == kReqGetQueueNum ||
         request == kReqGetMaxMemSlots || request == kSetBackendReqFd;
}

}  // namespace

void HeardAnswers::BeginCall() {
  fault_ = nullptr;
  surplus_ = 0;
  no_pairs_ = false;
  refused_ = false;
  asked_ = 0;
  base_count_ = 0;
}

void HeardAnswers::BeginStream() {
  first_ = waiting_ = have_ = surplus_ = 0;
  need_ = kHeaderBytes;
  brought_ = {};
  agreed_ = 0;
  last_request_ = 0;
}

void HeardAnswers::Ask(uint32_t request, uint32_t flags,
                       std::span<const std::byte> payload) {
  Expect((flags & ~kNeedReply) == kVersion, "asking", "flags of no request");
  Expect((flags & kNeedReply) == 0 || (agreed_ & kProtoReplyAck) != 0, "asking",
         "an ack is wanted without REPLY_ACK");
  if (request == kReqSetProtocolFeatures) agreed_ = Reader(payload).Number(8);
  const bool behind_limits = LeadsToLimits(last_request_);
  last_request_ = request;
  ahead_ = Ahead::kNothing;
  if (!IsAnswered(request, flags)) return;
  Expect(waiting_ < kMostWaiting, "asking", "more than a socket holds answers");
  Asked& asked = asks_[(first_ + waiting_) % kMostWaiting];
  asked.request = request;
  asked.payload_bytes = payload.size();
  const size_t count = std::min(payload.size(), asked.front.size());
  std::memcpy(asked.front.data(), payload.data(), count);
  asked.packed = packed_;
  asked.ahead = behind_limits && request == kReqGetConfig;
  ++waiting_;
  ++asked_;
  if (surplus_ != 0) TakeHeld();
}

void HeardAnswers::Hold(std::span<const std::byte> bytes) {
  if (bytes.size() > held_.size() - surplus_) {
    fault_ = "more than the answers";
    return;
  }
  std::memcpy(held_.data() + surplus_, bytes.data(), bytes.size());
  surplus_ += bytes.size();
}

void HeardAnswers::TakeHeld() {
  const auto held = held_;
  Take(std::span(held).first(std::exchange(surplus_, 0)));
}

void HeardAnswers::Bring(const Brought& brought) {
  if (fault_ != nullptr) return;
  const bool may = waiting_ > 0 && asks_[first_].request == kReqGetInflightFd &&
                   brought_.fd_count == 0 && brought.fd_count == 1;
  if (!may) fault_ = "descriptors that nobody asked for";
  brought_ = brought;
}

void HeardAnswers::Take(std::span<const std::byte> bytes) {
  while (!bytes.empty() && fault_ == nullptr) {
    if (waiting_ == 0) return Hold(bytes);
    const size_t count = std::min(bytes.size(), need_ - have_);
    std::memcpy(answer_.data() + have_, bytes.data(), count);
    have_ += count;
    bytes = bytes.subspan(count);
    if (have_ < need_) return;
    const Asked& asked = asks_[first_];
    if (need_ == kHeaderBytes) {
      if (!FitsHeader(asked, std::span(answer_).first(kHeaderBytes))) {
        fault_ = "the header of another answer";
        return;
      }
      need_ += ValueAt<uint32_t>(answer_, 8);
    }
    if (have_ == need_) JudgeFirst();
  }
}

void HeardAnswers::JudgeFirst() {
  const Asked& asked = asks_[first_];
  const auto payload = std::span<const std::byte>(answer_).subspan(
      kHeaderBytes, have_ - kHeaderBytes);
  const Verdict verdict = JudgePayload(asked, payload, brought_);
  if (asked.request == kReqGetConfig) {
    NoteConfig(asked, payload, verdict == Verdict::kRefusal);
  }
  if (verdict == Verdict::kUnlawful) {
    if (asked.request != kReqGetQueueNum) {
      fault_ = "what was not asked for";
      return;
    }
    no_pairs_ = true;
  }
  // A back-end that does not want to ask, or to show its configuration before
  // anybody wants to see it, can be used.
  if (verdict == Verdict::kRefusal && asked.request != kSetBackendReqFd &&
      !asked.ahead) {
    refused_ = true;
  }
  if (verdict == Verdict::kLawful) Note(asked, payload);
  Pop();
}

void HeardAnswers::Note(const Asked& asked,
                        std::span<const std::byte> payload) {
  switch (asked.request) {
    case kReqGetFeatures:
      values_.features = ValueAt<uint64_t>(payload, 0);
      return;
    case kReqGetProtocolFeatures:
      values_.protocol = ValueAt<uint64_t>(payload, 0);
      return;
    case kReqGetQueueNum:
      values_.pairs = ValueAt<uint64_t>(payload, 0);
      return;
    case kReqGetMaxMemSlots:
      values_.slots = ValueAt<uint64_t>(payload, 0);
      return;
    case kReqGetStatus:
      values_.status = ValueAt<uint64_t>(payload, 0);
      return;
    case kReqGetVringBase:
      if (base_count_ == kMostBases) return;
      bases_[base_count_++] = {.ring = ValueAt<uint32_t>(payload, 0),
                               .num = ValueAt<uint32_t>(payload, 4)};
      return;
    case kReqGetInflightFd:
      values_.notes_bytes = ValueAt<uint64_t>(payload, 0);
      values_.notes_offset = ValueAt<uint64_t>(payload, 8);
      return;
    default:
      return;
  }
}

void HeardAnswers::NoteConfig(const Asked& asked,
                              std::span<const std::byte> payload,
                              bool refused) {
  const auto bytes =
      payload.subspan(std::min(payload.size(), kConfigHeadBytes));
  values_.config_offset = ValueAt<uint32_t>(asked.front, 0);
  values_.config_bytes = asked.payload_bytes - kConfigHeadBytes;
  if (!bytes.empty()) {
    std::memcpy(values_.config.data(), bytes.data(), bytes.size());
  }
  if (asked.ahead) ahead_ = refused ? Ahead::kRefusal : Ahead::kBytes;
}

HeardAnswers::Ahead HeardAnswers::TakeAhead() {
  refused_ |= ahead_ == Ahead::kRefusal;
  return std::exchange(ahead_, Ahead::kNothing);
}

void HeardAnswers::Pop() {
  first_ = (first_ + 1) % kMostWaiting;
  --waiting_;
  have_ = 0;
  need_ = kHeaderBytes;
  brought_ = {};
}

}  // namespace fuzz
