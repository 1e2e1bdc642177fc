// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/control_device.h"

#include <span>

#include "fuzz/finding.h"

namespace fuzz {

using virtio_user::DeviceBuffer;
using virtio_user::ErrorCode;
using virtio_user::Fail;
using virtio_user::FeatureSet;
using virtio_user::Result;

ControlDevice::ControlDevice(RingMemory& memory,
                             virtio_user::EventIndex event_index,
                             const ControlScene& scene)
    : memory_(memory),
      scene_(scene),
      queue_(memory.layout(), event_index),
      driver_(memory.ring(), memory.buffers()),
      ring_(memory, event_index) {}

Result<size_t> ControlDevice::Serve(Reader& input) {
  const auto set_pairs = [&](uint16_t wanted) -> Result<void> {
    effects_.calls.SetPairs(wanted);
    if (scene_.backend_refuses) return Fail(ErrorCode::kUnsupported, "not now");
    if (wanted > scene_.kPairs) {
      return Fail(ErrorCode::kInvalidArgument, "too many");
    }
    effects_.pairs = wanted;
    return {};
  };
  const auto set_offloads = [&](FeatureSet offloads) -> Result<void> {
    effects_.calls.SetOffloads(offloads);
    if (scene_.backend_refuses) return Fail(ErrorCode::kUnsupported, "not now");
    return {};
  };
  const auto clear_announce = [&] { effects_.calls.ClearAnnounce(); };
  const auto device = [&](std::span<const std::byte> request) {
    effects_.calls.TellDevice(request);
    return !scene_.device_refuses;
  };
  const auto resolve = [this](DeviceBuffer buffer) {
    return memory_.Resolve(buffer);
  };
  virtio_user::ControlTarget target{.accepted = scene_.accepted,
                                    .state = effects_.state,
                                    .set_queue_pairs = set_pairs,
                                    .set_guest_offloads = set_offloads,
                                    .clear_announce = clear_announce,
                                    .steering = scene_.steering};
  if (scene_.own_queue) target.device.emplace(device);
  return driver_.During(input, [&] {
    auto done = queue_.Serve(resolve, target);
    wants_interrupt_.reset();
    if (done) wants_interrupt_ = queue_.DriverWantsInterrupt();
    return done;
  });
}

void ControlDevice::Notify(Reader& input) {
  effects_.calls = wanted_.calls = {};
  ring_.Before();
  const auto served = Serve(input);
  const uint16_t num = memory_.layout().num;
  // Offloads count twice, and so does what a device hears and clears.
  Expect(effects_.calls.count() <= size_t{2} * num, "bounded",
         "more commands than chains");
  Expect(effects_.pairs >= 1 && effects_.pairs <= scene_.kPairs, "pairs",
         "a count that the device does not have");
  Expect(!broken_ || !served, "broken-for-good", "it goes on");
  Expect(served || !served.error().text().empty(), "error", "no reason");
  Expect(served.value_or(0) <= num, "bounded", "more than a ring full");
  broken_ = broken_ || !served;
  const ServedCall call = {
      .chains = served ? std::optional(*served) : std::nullopt,
      .broken = broken_,
      .drained = served && *served < num,
      .wants_interrupt = wants_interrupt_};
  Judge(call);
}

// Each request is one that the driver had written, before or meanwhile.
void ControlDevice::Judge(const ServedCall& call) {
  const backend_sim::WrittenWord none;
  const auto& word = driver_.wrote() ? PeerWrites::word() : none;
  const size_t at = static_cast<size_t>(word.at - memory_.buffers().data());
  const bool in_ring = at >= memory_.buffers().size();
  if (driver_.wrote() && in_ring) {
    ring_.AfterOthers(call);
    // Which requests there were is not known.
    wanted_ = effects_;
    return;
  }
  const DriverWord written = {
      .at = at,
      .before = std::as_bytes(std::span(&word.old, 1)).first(word.bytes),
      .after = std::as_bytes(std::span(&word.value, 1)).first(word.bytes),
      .stays = word.moment != backend_sim::PeerMoment::kDuring,
      .ring = PeerWrites::ring_before_word()};
  with_word_.reset();
  const auto judged = ring_.After(
      call, driver_.wrote() ? &written : nullptr,
      [this](const SeenChain& chain, const SeenChain* with_word,
             uint32_t bytes) { return Answer(chain, with_word, bytes); });
  if (judged == ServedRing::Judged::kNot) {
    wanted_ = effects_;
    return;
  }
  if (with_word_ &&
      (judged == ServedRing::Judged::kWithWord || *with_word_ == effects_)) {
    wanted_ = *std::move(with_word_);
  }
  CompareEffects();
}

void ControlDevice::CompareEffects() {
  Expect(effects_.calls == wanted_.calls, "once",
         "others were told something else than what was answered");
  Expect(effects_.pairs == wanted_.pairs, "effect", "another count of pairs");
  Expect(effects_.state == wanted_.state, "effect",
         "the state is not what the requests make of it");
}

std::optional<WrittenAck> ControlDevice::Answer(const SeenChain& chain,
                                                const SeenChain* with_word,
                                                uint32_t bytes) {
  Expect(bytes <= 1, "element", "more than an ack was written");
  if (bytes == 0) {
    Expect(!chain.well_formed || !chain.plain || !chain.first_writable,
           "answer", "a chain that keeps to the rules was not answered");
    return std::nullopt;
  }
  Expect(chain.well_formed, "answer",
         "a chain that breaks the rules was answered");
  if (with_word != nullptr) with_word_ = wanted_;
  const uint8_t ack = AnswerTo(chain, wanted_);
  if (!with_word_) return WrittenAck{ack};
  const SeenChain& other = with_word != nullptr ? *with_word : chain;
  return WrittenAck{ack, AnswerTo(other, *with_word_)};
}

uint8_t ControlDevice::AnswerTo(const SeenChain& chain,
                                ControlEffects& effects) const {
  if (!chain.readable || chain.too_long) return 1;
  return fuzz::AnswerTo(chain.Request(), scene_, effects);
}

}  // namespace fuzz
