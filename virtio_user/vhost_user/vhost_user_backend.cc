// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/vhost_user/vhost_user_backend.h"

#include <algorithm>
#include <cinttypes>
#include <utility>

#include "virtio_user/base/check.h"

namespace virtio_user {
namespace {

// The bits of the feature word that belong to vhost-user itself.
constexpr FeatureSet kTransportBits = {Feature::kProtocolFeatures,
                                       Feature::kVhostLogAll};

// 256 rings can be named, two a pair.
constexpr uint32_t kMaxPairsOnTheWire = kVhostUserMaxVrings / 2;

// What is known before a peer has said anything.
BackendCaps CapsOfNobody() {
  return {.queue_pair_limit = kMaxPairsOnTheWire,
          .max_memory_regions = kVhostUserMaxRegions,
          .link_state = true};
}

}  // namespace

VhostUserBackend::VhostUserBackend(std::unique_ptr<Channel> channel,
                                   const VhostUserOptions& options)
    : channel_(std::move(channel)),
      options_(options),
      requests_(*channel_),
      window_(*channel_, &requests_) {
  caps_ = CapsOfNobody();
}

VhostUserBackend::~VhostUserBackend() { Detach(); }

void VhostUserBackend::BeginCall(Duration budget) {
  deadline_ = channel_->After(budget);
}

Result<void> VhostUserBackend::Attach() {
  VU_CHECK(!attached_);
  channel_->SetAttachDeadline(deadline_);
  if (auto attached = channel_->Attach(); !attached) return attached;
  attached_ = true;
  // Nothing that the last peer agreed to holds for this one.
  ForgetAgreement();
  rings_started_ = false;
  regions_.Clear();
  (void)requests_.TakeNews();
  return {};
}

void VhostUserBackend::ForgetAgreement() {
  CloseRequestChannel();
  has_protocol_bit_ = false;
  protocol_features_ = 0;
  caps_ = CapsOfNobody();
}

void VhostUserBackend::Detach() {
  if (!std::exchange(attached_, false)) return;
  read_ahead_.reset();
  CloseRequestChannel();
  channel_->Detach();
}

LinkState VhostUserBackend::Poll() { return channel_->Poll(); }

int VhostUserBackend::fd() const { return channel_->fd(); }

void VhostUserBackend::BeginBatch() {
  VU_CHECK(!in_batch_);
  in_batch_ = true;
  layout_before_batch_ = layout_;
  rings_started_before_batch_ = rings_started_;
}

void VhostUserBackend::Discard() {
  if (std::exchange(in_batch_, false)) {
    layout_ = layout_before_batch_;
    rings_started_ = rings_started_before_batch_;
  }
  window_.Clear();
  regions_.Discard();
}

std::expected<void, CommitError> VhostUserBackend::Commit() {
  VU_CHECK(in_batch_);
  in_batch_ = false;
  if (window_.messages().empty()) return {};
  if (!Speaks(ProtocolFeature::kReplyAck)) AddBarrier();
  return RunAcked();
}

void VhostUserBackend::AddBarrier() {
  const size_t begin = window_.bytes().size();
  MessageWriter(window_.bytes()).Empty(VhostUserRequest::kGetFeatures);
  Enqueue({.begin = begin,
           .request = VhostUserRequest::kGetFeatures,
           .operation = BackendOperation::kGetFeatures,
           .reply_bytes = sizeof(uint64_t)});
}

void VhostUserBackend::Enqueue(QueuedMessage message) {
  message.end = window_.bytes().size();
  window_.Enqueue(message);
}

Result<void> VhostUserBackend::Tell(QueuedMessage message) {
  if (Speaks(ProtocolFeature::kReplyAck)) {
    SetNeedReply(std::span(window_.bytes()).subspan(message.begin));
    message.reply_bytes = sizeof(uint64_t);
  }
  Enqueue(message);
  if (in_batch_) return {};
  in_batch_ = true;
  return AsResult(Commit());
}

std::expected<void, CommitError> VhostUserBackend::Run(
    MessageWindow::OnReply on_reply) {
  if (!attached_) {
    const QueuedMessage& unsent = window_.messages().front();
    const CommitError none = {
        .operation = unsent.operation,
        .vring = unsent.vring,
        .error = NameMessage(unsent, Error::Make(ErrorCode::kDisconnected,
                                                 "no back-end is connected; "
                                                 "reattach"))};
    window_.Clear();
    regions_.Discard();
    return std::unexpected(none);
  }
  read_ahead_.reset();  // Whatever is said now may change what was read.
  auto done = window_.Exchange(deadline_, on_reply);
  // A refusal leaves the stream usable, all else does not.
  const bool refused =
      !done && done.error().error.code() == ErrorCode::kRefused;
  if (!window_.in_step() || (!done && !refused)) Detach();
  return done;
}

std::expected<void, CommitError> VhostUserBackend::RunAcked() {
  const auto done = Run([this](size_t index, std::span<const std::byte> payload)
                            -> Result<void> {
    const QueuedMessage& message = window_.messages()[index];
    const auto answer = DecodePayload<uint64_t>(payload);
    const bool is_barrier = message.request == VhostUserRequest::kGetFeatures;
    if (is_barrier) {
      // It comes last, and none of what came before was acked.
      regions_.AcceptedAll();
      return {};
    }
    if (answer == 0) {
      regions_.Accepted(index);
      return {};
    }
    if (!message.vring) {
      return Fail(
          ErrorCode::kRefused, "the back-end refused %s (ack %" PRIu64 ")",
          VhostUserRequestName(static_cast<uint32_t>(message.request)).data(),
          answer);
    }
    return Fail(
        ErrorCode::kRefused,
        "the back-end refused %s of ring %u (ack %" PRIu64 ")",
        VhostUserRequestName(static_cast<uint32_t>(message.request)).data(),
        *message.vring, answer);
  });
  regions_.EndWindow();
  return done;
}

Result<void> VhostUserBackend::CheckNoBatch(BackendOperation operation) const {
  if (!in_batch_) return {};
  return Fail(ErrorCode::kWrongState, "%s has an answer: not inside a batch",
              ToString(operation).data());
}

Result<uint64_t> VhostUserBackend::AskU64(VhostUserRequest request,
                                          BackendOperation operation) {
  if (auto free = CheckNoBatch(operation); !free) return Fail(free);
  const size_t begin = window_.bytes().size();
  MessageWriter(window_.bytes()).Empty(request);
  Enqueue({.begin = begin,
           .request = request,
           .operation = operation,
           .reply_bytes = sizeof(uint64_t)});
  uint64_t answer = 0;
  const auto done = AsResult(
      Run([&](size_t, std::span<const std::byte> payload) -> Result<void> {
        answer = DecodePayload<uint64_t>(payload);
        return {};
      }));
  if (!done) return Fail(done);
  return answer;
}

Result<void> VhostUserBackend::SetOwner() {
  const size_t begin = window_.bytes().size();
  MessageWriter(window_.bytes()).Empty(VhostUserRequest::kSetOwner);
  Enqueue({.begin = begin,
           .request = VhostUserRequest::kSetOwner,
           .operation = BackendOperation::kSetOwner});
  if (in_batch_) return {};
  return AsResult(RunAcked());
}

Result<FeatureSet> VhostUserBackend::GetFeatures() {
  const auto word =
      AskU64(VhostUserRequest::kGetFeatures, BackendOperation::kGetFeatures);
  if (!word) return Fail(word);
  const FeatureSet offered = FeatureSet::FromWords(*word);
  // What was agreed before is agreed anew.
  ForgetAgreement();
  has_protocol_bit_ = offered.Has(Feature::kProtocolFeatures);
  // Without the bit there is no ENABLE and there are no protocol features.
  caps_.ring_enable = has_protocol_bit_;
  if (has_protocol_bit_) {
    if (auto done = NegotiateProtocol(offered); !done) return Fail(done);
  }
  return offered & ~kTransportBits;
}

Result<void> VhostUserBackend::NegotiateProtocol(FeatureSet features) {
  const auto offered = AskU64(VhostUserRequest::kGetProtocolFeatures,
                              BackendOperation::kGetFeatures);
  if (!offered) return Fail(offered);
  uint64_t wanted = *offered & kSpokenProtocolFeatures;
  constexpr uint64_t kRequests = ProtocolMask(ProtocolFeature::kBackendReq);
  // It can be done without, also where descriptors run short.
  if ((wanted & kRequests) != 0 &&
      (!options_.hears_requests || !MakeRequestChannel())) {
    wanted &= ~kRequests;
  }
  const size_t begin = window_.bytes().size();
  MessageWriter(window_.bytes())
      .U64(VhostUserRequest::kSetProtocolFeatures, wanted);
  Enqueue({.begin = begin,
           .request = VhostUserRequest::kSetProtocolFeatures,
           .operation = BackendOperation::kGetFeatures});
  // Not acked: REPLY_ACK comes into force with this very message.
  if (auto sent = AsResult(RunAcked()); !sent) return sent;
  protocol_features_ = wanted;
  caps_.status = Speaks(ProtocolFeature::kStatus);
  caps_.config = Speaks(ProtocolFeature::kConfig);
  caps_.mtu = Speaks(ProtocolFeature::kMtu);
  caps_.rarp = Speaks(ProtocolFeature::kRarp);
  caps_.reset_device = Speaks(ProtocolFeature::kResetDevice);
  caps_.inflight = Speaks(ProtocolFeature::kInflightShmfd);
  caps_.multiqueue = Speaks(ProtocolFeature::kMq);
  return AskLimits(features.Has(Feature::kNetMtu) ? kNetConfigMtuBytes
                                                  : kNetConfigFrontBytes);
}

// How many queues and memory slots there are and, with it, the front of the
// configuration space: what the device asks for next. One wait for all.
Result<void> VhostUserBackend::AskLimits(size_t config_bytes) {
  if (caps_.multiqueue) EnqueueLimit(VhostUserRequest::kGetQueueNum);
  if (Speaks(ProtocolFeature::kConfigureMemSlots)) {
    EnqueueLimit(VhostUserRequest::kGetMaxMemSlots);
  }
  if (Speaks(ProtocolFeature::kBackendReq)) EnqueueRequestChannel();
  ConfigFront front{.count = config_bytes};
  if (caps_.config) EnqueueGetConfig(0, front.used());
  if (window_.messages().empty()) return {};
  Result<void> config;
  Limits limits;
  const auto done =
      AsResult(Run([&](size_t index, std::span<const std::byte> payload) {
        const VhostUserRequest asked = window_.messages()[index].request;
        if (asked == VhostUserRequest::kGetConfig) {
          config = TakeConfig(payload, 0, front.used());
          // A refusal answers GetConfig, not this question.
          const bool refused =
              !config && config.error().code() == ErrorCode::kRefused;
          return refused ? Result<void>() : config;
        }
        TakeLimit(asked, DecodePayload<uint64_t>(payload), limits);
        return Result<void>();
      }));
  request_pair_ = {};
  if (!done) return done;
  if (auto sound = ApplyLimits(limits); !sound) return sound;
  if (!caps_.config) return {};
  read_ahead_bytes_ = config_bytes;
  if (config) {
    read_ahead_ = front;
  } else {
    read_ahead_ = std::unexpected(config.error());
  }
  return {};
}

void VhostUserBackend::EnqueueLimit(VhostUserRequest request) {
  const size_t begin = window_.bytes().size();
  MessageWriter(window_.bytes()).Empty(request);
  Enqueue({.begin = begin,
           .request = request,
           .operation = BackendOperation::kGetFeatures,
           .reply_bytes = sizeof(uint64_t)});
}

void VhostUserBackend::TakeLimit(VhostUserRequest asked, uint64_t answer,
                                 Limits& limits) {
  if (asked == VhostUserRequest::kGetQueueNum) {
    limits.pairs = answer;
  } else if (asked == VhostUserRequest::kGetMaxMemSlots) {
    limits.slots = answer;
  } else if (answer != 0) {
    // The back-end can do without its channel, so we can.
    CloseRequestChannel();
  }
}

Result<void> VhostUserBackend::ApplyLimits(const Limits& limits) {
  if (limits.pairs == 0) {
    Detach();
    return Fail(ErrorCode::kProtocol,
                "VHOST_USER_GET_QUEUE_NUM answered 0: a network back-end "
                "serves at least one queue pair");
  }
  caps_.max_queue_pairs = static_cast<uint32_t>(
      std::min<uint64_t>(limits.pairs, kMaxPairsOnTheWire));
  // Every back-end takes a table of so many.
  caps_.memory_slots = limits.slots >= kVhostUserMaxRegions;
  if (caps_.memory_slots) {
    caps_.max_memory_regions =
        std::min<uint64_t>(limits.slots, kMaxMemorySlots);
  }
  return {};
}

Result<void> VhostUserBackend::SetFeatures(FeatureSet features) {
  if (features.high() != 0) {
    unsigned bit = 64;
    while (!features.HasBit(bit)) ++bit;
    return Fail(ErrorCode::kUnsupported,
                "feature bit %u (%s): vhost-user's feature word ends at bit 63",
                bit, FeatureName(bit).data());
  }
  layout_ = features.Has(Feature::kRingPacked) ? RingFormat::kPacked
                                               : RingFormat::kSplit;
  if (has_protocol_bit_) features.Add(Feature::kProtocolFeatures);
  const size_t begin = window_.bytes().size();
  MessageWriter(window_.bytes())
      .U64(VhostUserRequest::kSetFeatures, features.low());
  return Tell({.begin = begin,
               .request = VhostUserRequest::kSetFeatures,
               .operation = BackendOperation::kSetFeatures});
}

}  // namespace virtio_user
