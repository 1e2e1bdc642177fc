// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/answer_rules.h"

#include "fuzz/reader.h"
#include "tests/fakes/vhost_requests.h"

namespace fuzz {
namespace {

using namespace virtio_user;  // The requests.

constexpr size_t kAckBytes = 8;

struct AnswerSize {
  uint32_t request = 0;
  size_t bytes = 0;
};
// GET_CONFIG's is that of the question. GET_INFLIGHT_FD's has the padding that
// a C compiler gives it.
constexpr AnswerSize kOwnAnswers[] = {
    {kReqGetFeatures, 8},    {kReqGetProtocolFeatures, 8},
    {kReqGetVringBase, 8},   {kReqGetQueueNum, 8},
    {kReqGetMaxMemSlots, 8}, {kReqGetStatus, 8},
    {kReqGetInflightFd, 24}, {kReqGetConfig, kConfigHeadBytes}};

const AnswerSize* OwnAnswer(uint32_t request) {
  for (const AnswerSize& own : kOwnAnswers) {
    if (own.request == request) return &own;
  }
  return nullptr;
}

// "Back-end uses zero length of payload to indicate an error"; some send the
// header with no bytes behind it.
bool IsConfigRefusal(std::span<const std::byte> payload) {
  return payload.empty() || (payload.size() == kConfigHeadBytes &&
                             ValueAt<uint32_t>(payload, 4) == 0);
}

// Offset and size as asked, and all of the bytes. The flags are the asker's.
Verdict JudgeConfig(const Asked& asked, std::span<const std::byte> payload) {
  if (IsConfigRefusal(payload)) return Verdict::kRefusal;
  const bool fits = payload.size() == asked.payload_bytes &&
                    ValueAt<uint64_t>(payload, 0) ==
                        ValueAt<uint64_t>(std::span(asked.front), 0);
  return fits ? Verdict::kLawful : Verdict::kUnlawful;
}

// Nothing to keep, or memory inside of the file that came, for queues as asked.
Verdict JudgeInflight(const Asked& asked, std::span<const std::byte> payload,
                      const Brought& brought) {
  const auto size = ValueAt<uint64_t>(payload, 0);
  const auto offset = ValueAt<uint64_t>(payload, 8);
  if (size == 0) return Verdict::kLawful;
  const bool fits = ValueAt<uint32_t>(payload, 16) ==
                        ValueAt<uint32_t>(std::span(asked.front), 16) &&
                    brought.file_bytes && size <= *brought.file_bytes &&
                    offset <= *brought.file_bytes - size;
  return fits ? Verdict::kLawful : Verdict::kUnlawful;
}

// The ring that was asked for; an index of a split one has 16 bits, a packed
// one's two halves may be any.
Verdict JudgeVringBase(const Asked& asked, std::span<const std::byte> payload) {
  const bool fits = ValueAt<uint32_t>(payload, 0) ==
                        ValueAt<uint32_t>(std::span(asked.front), 0) &&
                    (asked.packed || ValueAt<uint32_t>(payload, 4) <= 0xffff);
  return fits ? Verdict::kLawful : Verdict::kUnlawful;
}

}  // namespace

bool IsAnswered(uint32_t request, uint32_t flags) {
  return (flags & kNeedReply) != 0 || OwnAnswer(request) != nullptr;
}

bool FitsHeader(const Asked& asked, std::span<const std::byte> header) {
  if (ValueAt<uint32_t>(header, 0) != asked.request) return false;
  // "need_reply" says nothing in an answer.
  const uint32_t flags = ValueAt<uint32_t>(header, 4) & ~kNeedReply;
  if (flags != (kVersion | kReply)) return false;
  const size_t bytes = ValueAt<uint32_t>(header, 8);
  if (asked.request == kReqGetConfig) return bytes <= asked.payload_bytes;
  const AnswerSize* const own = OwnAnswer(asked.request);
  return bytes == (own == nullptr ? kAckBytes : own->bytes);
}

Verdict JudgePayload(const Asked& asked, std::span<const std::byte> payload,
                     const Brought& brought) {
  if (asked.request == kReqGetConfig) return JudgeConfig(asked, payload);
  if (asked.request == kReqGetInflightFd) {
    return JudgeInflight(asked, payload, brought);
  }
  if (asked.request == kReqGetVringBase) return JudgeVringBase(asked, payload);
  const auto number = ValueAt<uint64_t>(payload, 0);
  if (OwnAnswer(asked.request) == nullptr) {
    return number == 0 ? Verdict::kLawful : Verdict::kRefusal;
  }
  const bool fits = (asked.request != kReqGetQueueNum || number >= 1) &&
                    (asked.request != kReqGetStatus || number <= 0xff);
  return fits ? Verdict::kLawful : Verdict::kUnlawful;
}

}  // namespace fuzz
