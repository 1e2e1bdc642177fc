// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/call_results.h"

#include <algorithm>
#include <string>

#include "fuzz/finding.h"
#include "tests/fakes/vhost_requests.h"

namespace fuzz {

using virtio_user::ErrorCode;
using virtio_user::FeatureSet;
using virtio_user::InflightRegion;
using virtio_user::InflightShape;
using virtio_user::Result;
using virtio_user::RingFormat;
using virtio_user::VringBaseQuery;

namespace {

constexpr uint64_t kBackendReq = 1 << 5;
// MQ, RARP, REPLY_ACK, MTU, BACKEND_REQ, CONFIG, INFLIGHT_SHMFD, RESET_DEVICE,
// CONFIGURE_MEM_SLOTS, STATUS.
constexpr uint64_t kSpoken = 1 << 0 | 1 << 2 | 1 << 3 | 1 << 4 | kBackendReq |
                             1 << 9 | 1 << 12 | 1 << 13 | 1 << 15 | 1 << 16;
// LOG_ALL and PROTOCOL_FEATURES, which are vhost-user's own.
constexpr uint64_t kOfTheTransport = 1 << 26 | virtio_user::kBit30;
// Of one device.
constexpr uint64_t kMostPairs = 128;

// Why what came is no answer; null: it is one, or may become one.
const char* FaultIn(const AnsweringChannel& channel) {
  const HeardAnswers& heard = channel.heard();
  if (heard.fault() != nullptr) return heard.fault();
  return heard.surplus() && !channel.has_unread_question()
             ? "more than the answers"
             : nullptr;
}

void JudgeFault(const AnsweringChannel& channel, const char* fault,
                const Result<void>& done) {
  Expect(!done, "answers", fault);
  Expect(!channel.attached(), "answers", "a peer that lied is attached");
  const ErrorCode code =
      channel.heard().refused() ? ErrorCode::kRefused : ErrorCode::kProtocol;
  if (done.error().code() == code) return;
  const std::string text =
      std::string(fault) + ": " + std::string(done.error().text());
  Expect(false, "answers", text);
}

// The peer did nothing wrong.
void JudgeError(AnsweringChannel& channel, const CallBegin& begin,
                ErrorCode code) {
  switch (code) {
    case ErrorCode::kProtocol:
      Expect(channel.heard().no_pairs() || channel.heard().surplus(), "answers",
             "a lawful one is a lie");
      return;
    case ErrorCode::kRefused:
      Expect(channel.heard().refused(), "answers", "nobody said no");
      return;
    case ErrorCode::kDeadline:
      Expect(channel.now() - begin.at == begin.granted, "deadline",
             "a call gives up early");
      return;
    case ErrorCode::kDisconnected:
      Expect(!begin.attached || channel.closed(), "link",
             "a peer that is there was lost");
      return;
    default:
      return;  // JudgeRefusal's.
  }
}

void JudgeRefusal(const AnsweringChannel& channel, const CallBegin& begin,
                  const Result<void>& done) {
  if (done) {
    return Expect(!begin.causes.certain(), "refusals",
                  "what cannot be is done");
  }
  const ErrorCode code = done.error().code();
  if (!IsOwnRefusal(code)) {
    const bool nobody = code == ErrorCode::kDisconnected && !begin.attached;
    return Expect(!begin.causes.certain() || nobody, "refusals",
                  "what cannot be is tried");
  }
  if (begin.causes.Has(code)) {
    return Expect(channel.sent_bytes() == begin.sent_bytes, "refusals",
                  "too late: something was said");
  }
  const std::string text =
      "without a cause: " + std::string(virtio_user::ToString(code)) + ", " +
      std::string(done.error().text());
  Expect(false, "refusals", text);
}

}  // namespace

void JudgeCall(AnsweringChannel& channel, const CallBegin& begin,
               const Result<void>& done) {
  JudgeRefusal(channel, begin, done);
  const HeardAnswers& heard = channel.heard();
  if (const char* const fault = FaultIn(channel); fault != nullptr) {
    return JudgeFault(channel, fault, done);
  }
  Expect(!heard.no_pairs() || (!done && !channel.attached()), "answers",
         "a back-end without queue pairs is taken");
  Expect(
      !heard.refused() || (!done && done.error().code() == ErrorCode::kRefused),
      "answers", "a no is heard as something else");
  if (channel.attached()) {
    Expect(heard.complete() && !channel.has_unread_question() &&
               !channel.has_untaken_answer(),
           "answers", "one is left behind");
  }
  if (!done) JudgeError(channel, begin, done.error().code());
}

KnownBackEnd::Agreement SaidAgreement(const AnsweringChannel& channel) {
  const HeardAnswers::Values& said = channel.heard().values();
  KnownBackEnd::Agreement agreement;
  agreement.protocol_bit = (said.features & virtio_user::kBit30) != 0;
  if (!agreement.protocol_bit) return agreement;
  agreement.protocol = said.protocol & kSpoken;
  if (!channel.has_requests()) agreement.protocol &= ~kBackendReq;
  if ((agreement.protocol & virtio_user::kProtoMemSlots) != 0) {
    agreement.slots = said.slots;
  }
  return agreement;
}

void JudgeFeatures(AnsweringChannel& channel,
                   const virtio_user::VhostUserBackend& backend,
                   FeatureSet offered) {
  if (channel.heard().fault() != nullptr) return;
  const HeardAnswers::Values& said = channel.heard().values();
  Expect(offered.low() == (said.features & ~kOfTheTransport) &&
             offered.high() == 0,
         "features", "others were offered");
  const auto [has_protocol, agreed, slots] = SaidAgreement(channel);
  const virtio_user::BackendCaps& caps = backend.caps();
  Expect(caps.ring_enable == has_protocol, "features", "rings are enabled");
  Expect(backend.protocol_features() == agreed, "features",
         "others of the protocol were offered");
  const bool has_queues = (agreed & virtio_user::kProtoMq) != 0;
  Expect(caps.max_queue_pairs ==
             (has_queues ? std::min(said.pairs, kMostPairs) : 1),
         "limits", "as many queue pairs");
  // A table of 8 regions is taken by everybody.
  const bool has_slots = slots >= KnownBackEnd::kRegionsOfAMessage;
  Expect(caps.memory_slots == has_slots, "limits", "memory slots");
  Expect(caps.max_memory_regions ==
             (has_slots ? std::min(slots, KnownBackEnd::kMostSlots)
                        : KnownBackEnd::kRegionsOfAMessage),
         "limits", "as many memory regions");
}

// Of a packed ring index and wrap counter of both sides, the driver's in the
// lower half.
void JudgeBases(AnsweringChannel& channel,
                std::span<const VringBaseQuery> queries, RingFormat layout) {
  if (channel.heard().fault() != nullptr) return;
  const auto said = channel.heard().bases();
  Expect(said.size() == queries.size(), "bases", "as many answers");
  for (size_t i = 0; i < queries.size(); ++i) {
    const VringBaseQuery& query = queries[i];
    Expect(query.answered && query.vring == said[i].ring, "bases",
           "of another ring");
    const uint32_t num = said[i].num;
    if (layout == RingFormat::kSplit) {
      Expect(query.base.avail == num && query.base.used == num, "bases",
             "another index");
      continue;
    }
    Expect(query.base.avail == (num & 0x7fff) &&
               query.base.avail_wrap == ((num >> 15 & 1) != 0) &&
               query.base.used == (num >> 16 & 0x7fff) &&
               query.base.used_wrap == (num >> 31 != 0),
           "bases", "another place of a packed ring");
  }
}

void JudgeNotes(AnsweringChannel& channel, const InflightRegion& notes,
                const InflightShape& shape) {
  if (channel.heard().fault() != nullptr) return;
  const HeardAnswers::Values& said = channel.heard().values();
  Expect(notes.mmap_size == said.notes_bytes, "notes", "as many bytes");
  Expect(notes.fd.valid() == (said.notes_bytes != 0), "notes",
         "a descriptor without memory, or memory without one");
  if (said.notes_bytes == 0) return;
  Expect(notes.mmap_offset == said.notes_offset, "notes", "another place");
  Expect(notes.shape.num_queues == shape.num_queues &&
             notes.shape.queue_size == shape.queue_size,
         "notes", "of other queues");
}

void JudgeConfig(AnsweringChannel& channel, uint32_t offset,
                 std::span<const std::byte> bytes, const Result<void>& done) {
  HeardAnswers& heard = channel.heard();
  if (heard.fault() != nullptr ||
      (!done && done.error().code() != ErrorCode::kRefused)) {
    return;
  }
  const HeardAnswers::Values& said = heard.values();
  if (heard.asked() == 0) {
    Expect(heard.TakeAhead() == (done ? HeardAnswers::Ahead::kBytes
                                      : HeardAnswers::Ahead::kRefusal),
           "config", "nobody was asked");
  }
  Expect(said.config_offset == offset && said.config_bytes == bytes.size(),
         "config", "of another place");
  Expect(!done || std::ranges::equal(std::span(said.config).first(bytes.size()),
                                     bytes),
         "config", "other bytes");
}

}  // namespace fuzz
