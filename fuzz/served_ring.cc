// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/served_ring.h"

#include <algorithm>
#include <cstring>
#include <tuple>
#include <utility>

#include "fuzz/finding.h"
#include "fuzz/reader.h"
#include "fuzz/seen_events.h"
#include "virtio_user/base/check.h"
#include "virtio_user/spec/ring.h"

namespace fuzz {

using virtio_user::PackedDesc;
using virtio_user::RingPosition;
using virtio_user::VirtqUsedElem;

namespace {

size_t CountDifferent(std::span<const std::byte> one,
                      std::span<const std::byte> other) {
  size_t count = 0;
  for (size_t i = 0; i < one.size(); ++i) count += one[i] != other[i] ? 1 : 0;
  return count;
}

// In how many bytes the requests differ; nothing: something else does.
std::optional<size_t> CountDifferent(const SeenChain& one,
                                     const SeenChain& other) {
  const auto shape = [](const SeenChain& chain) {
    return std::tuple(chain.well_formed, chain.ends, chain.plain,
                      chain.too_long, chain.readable, chain.first_writable,
                      chain.id, chain.descriptors, chain.request_bytes);
  };
  if (shape(one) != shape(other)) return std::nullopt;
  return CountDifferent(one.Request(), other.Request());
}

// Whether a word that was written while a chain was served makes another
// request of it. Nothing: it may have been read more than once, or hit what the
// device writes.
std::optional<bool> MakesOther(const SeenChain& before, const SeenChain& after,
                               const DriverWord& word) {
  const auto different = CountDifferent(before, after);
  const size_t place = before.first_writable.value_or(word.at - 1) - word.at;
  if (!different || place < word.after.size() ||
      *different > CountDifferent(word.before, word.after)) {
    return std::nullopt;
  }
  return *different != 0;
}

bool IsEqual(std::span<const std::byte> memory, const std::byte* expected) {
  return std::memcmp(memory.data(), expected, memory.size()) == 0;
}

constexpr uint16_t kAvail = virtio_user::kPackedFlagAvail;
constexpr uint16_t kUsed = virtio_user::kPackedFlagUsed;

}  // namespace

ServedRing::ServedRing(RingMemory& memory, virtio_user::EventIndex event_index,
                       RingPosition begin)
    : memory_(memory), event_index_(event_index), next_(begin), told_(begin) {
  VU_CHECK(memory.ring().size() <= ring_.size());
}

size_t ServedRing::At(const std::byte* area) const {
  return static_cast<size_t>(area - memory_.ring().data());
}

RingImage ServedRing::Image() const {
  const auto& layout = memory_.layout();
  return {layout.format, layout.num,
          std::span(ring_).subspan(At(layout.desc), layout.DescBytes()),
          std::span(ring_).subspan(At(layout.driver), layout.DriverBytes()),
          std::span(buffers_).first(memory_.buffers().size())};
}

void ServedRing::Before() {
  if (!packed()) {
    // A driver that has written where the device alone does would look like a
    // device that has given back.
    std::byte* const index =
        memory_.layout().device + virtio_user::kUsedIdxOffset;
    const auto stands = ValueAt<uint16_t>(std::span(index, 2), 0);
    if (static_cast<uint16_t>(stands - next_.index - 1) <
        memory_.layout().num) {
      std::memcpy(index, &next_.index, sizeof(next_.index));
    }
    used_before_ = ValueAt<uint16_t>(std::span(index, 2), 0);
  }
  std::ranges::copy(memory_.ring(), ring_.begin());
  std::ranges::copy(memory_.buffers(), buffers_.begin());
}

void ServedRing::AfterOthers(const ServedCall& call) {
  broken_ = call.broken;
  settled_ = call.drained;
  if (packed()) {
    lost_ = true;
    return;
  }
  next_.index = static_cast<uint16_t>(next_.index + call.chains.value_or(0));
  told_ = next_;
  if (call.drained) kick_ = next_;
}

ServedRing::Judged ServedRing::After(const ServedCall& call,
                                     const DriverWord* word, Answer answer) {
  if (lost_) return Judged::kNot;
  const size_t ready = Ready();
  bool known = true;
  size_t count = 0;
  other_ack_.reset();
  for (const size_t most = GivenBack(call.chains); count < most; ++count) {
    const RingPosition at = next_;
    const auto bytes = TakeElement();
    if (!bytes) break;
    const bool before = word == nullptr || WasGivenBack(word->ring, at);
    known = known && TakeAnswer(before ? nullptr : word, *bytes, answer);
    if (!before) word = nullptr;
  }
  Expect(count == call.chains.value_or(count), "one-used-element",
         "served and given back differ");
  if (word != nullptr) PutWord(*word);
  ExpectAll(ready, count, call);
  PutKick(call);
  ExpectInterrupt(call);
  CompareRing();
  const Judged judged = known ? CompareBuffers() : Judged::kNot;
  broken_ = call.broken;
  settled_ = settled_ || call.drained;
  return judged;
}

bool ServedRing::WasGivenBack(std::span<const std::byte> ring,
                              RingPosition at) const {
  const auto& layout = memory_.layout();
  if (packed()) {
    const auto flags =
        ValueAt<PackedDesc>(ring, at.index * sizeof(PackedDesc)).flags;
    return ((flags & kUsed) != 0) == at.wrap;
  }
  const auto index =
      ValueAt<uint16_t>(ring, At(layout.device) + virtio_user::kUsedIdxOffset);
  return static_cast<uint16_t>(index - at.index - 1) < layout.num;
}

void ServedRing::PutWord(const DriverWord& word) {
  if (!word.stays) return;
  std::ranges::copy(word.after,
                    buffers_.begin() + static_cast<std::ptrdiff_t>(word.at));
}

// As it was before it was given back, which a packed ring's first descriptor
// says by now.
void ServedRing::SeeAgain() {
  const auto trade = [&] {
    if (!packed()) return;
    std::byte* const at = ring_.data() + seen_at_.index * sizeof(PackedDesc);
    std::swap_ranges(at, at + sizeof(PackedDesc),
                     reinterpret_cast<std::byte*>(&seen_head_));
  };
  trade();
  SeeChain(Image(), seen_at_, with_word_);
  trade();
}

bool ServedRing::TakeAnswer(const DriverWord* word, uint32_t bytes,
                            Answer answer) {
  bool differs = false;
  if (word != nullptr) {
    const auto place = std::span(buffers_).subspan(word->at);
    std::ranges::copy(word->after, place.begin());
    SeeAgain();
    if (!word->stays) std::ranges::copy(word->before, place.begin());
    const auto seen = MakesOther(chain_, with_word_, *word);
    if (!seen) return false;
    differs = *seen;
  } else if (other_ack_) {
    std::swap(buffers_[other_ack_->at], other_ack_->value);
    SeeAgain();
    std::swap(buffers_[other_ack_->at], other_ack_->value);
    if (CountDifferent(chain_, with_word_) != size_t{0}) return false;
  }
  const auto written = answer(chain_, differs ? &with_word_ : nullptr, bytes);
  if (!written) return true;
  Expect(chain_.first_writable.has_value(), "element",
         "a byte was written into a chain that has none to write");
  const size_t at = *chain_.first_writable;
  // Two that differ are not followed.
  if (other_ack_ && other_ack_->at != at &&
      written->with_word != written->ack) {
    return false;
  }
  buffers_[at] = std::byte{written->ack};
  if (written->with_word != written->ack) {
    other_ack_ = {at, std::byte{written->with_word}};
  } else if (other_ack_ && other_ack_->at == at) {
    other_ack_.reset();
  }
  return true;
}

size_t ServedRing::Ready() const {
  if (packed()) return 0;
  const auto index = ValueAt<uint16_t>(
      ring_, At(memory_.layout().driver) + virtio_user::kAvailIdxOffset);
  return static_cast<uint16_t>(index - next_.index);
}

ServedRing::Offer ServedRing::Offered(size_t ready) {
  const RingImage image = Image();
  if (packed()) {
    if (!IsAvailable(image, next_)) return Offer::kNothing;
    SeeChain(image, next_, chain_);
    return chain_.ends ? Offer::kChain : Offer::kBroken;
  }
  if (ready == 0) return Offer::kNothing;
  return ready > image.num || NextHead() >= image.num ? Offer::kBroken
                                                      : Offer::kChain;
}

void ServedRing::ExpectAll(size_t ready, size_t given_back,
                           const ServedCall& call) {
  if (broken_) {
    return Expect(given_back == 0, "broken-for-good", "chains are given back");
  }
  if (!settled_) return;
  if (!packed()) {
    const size_t most = ready > memory_.layout().num ? 0 : ready;
    Expect(given_back <= most, "offered", "more than the driver offers");
    ready -= given_back;
  }
  const Offer next = Offered(ready);
  if (call.broken) {
    return Expect(next == Offer::kBroken, "offered",
                  "broken, where the ring keeps to the rules");
  }
  Expect(!call.drained || next != Offer::kChain, "offered",
         "a chain was not taken");
  Expect(!call.drained || next != Offer::kBroken, "offered",
         "a ring that breaks the rules is not broken");
}

size_t ServedRing::GivenBack(std::optional<size_t> served) const {
  if (served || packed()) return served.value_or(memory_.layout().num);
  const auto index =
      ValueAt<uint16_t>(memory_.ring(), At(memory_.layout().device) +
                                            virtio_user::kUsedIdxOffset);
  if (index == used_before_) return 0;
  const auto count = static_cast<uint16_t>(index - next_.index);
  Expect(count <= memory_.layout().num, "used-index", "more than a ring full");
  return count;
}

std::optional<uint32_t> ServedRing::TakeElement() {
  return packed() ? TakePacked() : TakeSplit();
}

uint16_t ServedRing::NextHead() const {
  const auto& layout = memory_.layout();
  const size_t slot = next_.index % layout.num;
  return ValueAt<uint16_t>(
      ring_, At(layout.driver) + virtio_user::kAvailRingOffset + 2 * slot);
}

std::optional<uint32_t> ServedRing::TakeSplit() {
  const auto& layout = memory_.layout();
  const uint16_t head = NextHead();
  Expect(head < layout.num, "element", "for a head that the ring has not");
  seen_at_ = {head};
  SeeChain(Image(), seen_at_, chain_);
  const size_t at = At(layout.device) + virtio_user::kUsedRingOffset +
                    next_.index % layout.num * sizeof(VirtqUsedElem);
  const auto element = ValueAt<VirtqUsedElem>(memory_.ring(), at);
  Expect(element.id == head, "element", "another chain than was next");
  std::memcpy(ring_.data() + at, &element, sizeof(element));
  ++next_.index;
  std::memcpy(ring_.data() + At(layout.device) + virtio_user::kUsedIdxOffset,
              &next_.index, sizeof(next_.index));
  return element.len;
}

std::optional<uint32_t> ServedRing::TakePacked() {
  const size_t at = next_.index * sizeof(PackedDesc);
  const auto desc = ValueAt<PackedDesc>(memory_.ring(), at);
  // A driver may have written there what looks like it.
  const bool given_back = IsAvailable(Image(), next_) &&
                          ((desc.flags & kAvail) != 0) == next_.wrap &&
                          ((desc.flags & kUsed) != 0) == next_.wrap;
  if (!given_back) return std::nullopt;
  seen_at_ = next_;
  seen_head_ = ValueAt<PackedDesc>(ring_, at);
  SeeChain(Image(), seen_at_, chain_);
  Expect(chain_.ends, "element", "for a list that has no end");
  Expect(desc.id == chain_.id, "element", "another id than the list's last");
  std::memcpy(ring_.data() + at + sizeof(desc.addr), &desc.len,
              sizeof(desc) - sizeof(desc.addr));
  for (uint16_t i = 0; i < chain_.descriptors; ++i) {
    if (++next_.index < memory_.layout().num) continue;
    next_.index = 0;
    next_.wrap = !next_.wrap;
  }
  return desc.len;
}

void ServedRing::PutKick(const ServedCall& call) {
  const auto& layout = memory_.layout();
  const auto device =
      std::span(ring_).subspan(At(layout.device), layout.DeviceBytes());
  if (!settled_) {
    // What it asked for last is not known; and a packed ring is lost then.
    const size_t at =
        virtio_user::kUsedRingOffset + layout.num * sizeof(VirtqUsedElem);
    std::memcpy(device.data() + at, layout.device + at, sizeof(uint16_t));
  } else if (event_index_ == virtio_user::EventIndex::kOn && call.drained &&
             kick_ != next_) {
    AskForKick(Image(), next_, device);
  }
  if (call.drained) kick_ = next_;
}

void ServedRing::ExpectInterrupt(const ServedCall& call) {
  if (!call.wants_interrupt) return;
  const bool wants = WantsInterrupt(Image(), event_index_, {told_, next_});
  Expect(*call.wants_interrupt == wants, "interrupt",
         wants ? "not wanted, where the driver does" : "wanted by nobody");
  told_ = next_;
}

void ServedRing::CompareRing() const {
  Expect(IsEqual(memory_.ring(), ring_.data()), "nothing-else",
         "written into the ring beside used elements and what is asked for");
}

ServedRing::Judged ServedRing::CompareBuffers() {
  bool equal = IsEqual(memory_.buffers(), buffers_.data());
  const bool with_word = !equal && other_ack_;
  if (with_word) {
    buffers_[other_ack_->at] = other_ack_->value;
    equal = IsEqual(memory_.buffers(), buffers_.data());
  }
  Expect(equal, "nothing-else",
         "the buffers are not what the answers make of them");
  return with_word ? Judged::kWithWord : Judged::kAll;
}

}  // namespace fuzz
