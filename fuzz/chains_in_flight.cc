// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/chains_in_flight.h"

#include <algorithm>
#include <utility>

#include "fuzz/finding.h"
#include "fuzz/reader.h"
#include "virtio_user/base/check.h"
#include "virtio_user/spec/ring.h"

namespace fuzz {

using virtio_user::PackedDesc;
using virtio_user::RingPosition;
using virtio_user::VirtqDesc;

namespace {

constexpr uint16_t kNext = virtio_user::kDescFlagNext;
constexpr uint16_t kWrite = virtio_user::kDescFlagWrite;
constexpr uint16_t kAvail = virtio_user::kPackedFlagAvail;
constexpr uint16_t kUsed = virtio_user::kPackedFlagUsed;

}  // namespace

uint16_t ChainsInFlight::Word(const std::byte* area, size_t at) const {
  return ValueAt<uint16_t>(area + at);
}

const std::byte* ChainsInFlight::DescAt(size_t index) const {
  Expect(index < memory_.layout.num, "offered",
         "a descriptor that the ring has not");
  return memory_.layout.desc + index * sizeof(VirtqDesc);
}

void ChainsInFlight::Pass(uint16_t count, RingPosition& position) const {
  if (!packed()) {
    position.index = static_cast<uint16_t>(position.index + count);
    return;
  }
  for (; count != 0; --count) {
    if (++position.index < memory_.layout.num) continue;
    position = {.index = 0, .wrap = !position.wrap};
  }
}

uint16_t ChainsInFlight::free_descriptors() const {
  uint16_t free = memory_.layout.num;
  for (size_t i = 0; i < count_; ++i) {
    free = static_cast<uint16_t>(free - chains_[i].descriptors);
  }
  return free;
}

size_t ChainsInFlight::buffers() const {
  size_t buffers = 0;
  for (size_t i = 0; i < count_; ++i) buffers += chains_[i].buffers;
  return buffers;
}

std::span<ChainsInFlight::Chain> ChainsInFlight::TakeNew() {
  const size_t before = count_;
  if (packed()) {
    while (ReadPacked()) {
    }
  } else {
    const uint16_t available = Word(memory_.layout.driver, 2);
    while (next_.index != available) ReadSplit();
  }
  return std::span(chains_).subspan(before, count_ - before);
}

void ChainsInFlight::ReadSplit() {
  const uint16_t num = memory_.layout.num;
  Chain chain;
  size_t index = Word(memory_.layout.driver,
                      4 + 2 * size_t{next_.index} % (2 * size_t{num}));
  chain.id = static_cast<uint32_t>(index);
  const uint16_t free = free_descriptors();
  for (bool more = true; more;) {
    Expect(chain.descriptors < free, "offered", "more than a ring full");
    const auto desc = ValueAt<VirtqDesc>(DescAt(index));
    if (chain.descriptors++ == 0) chain.addr = desc.addr;
    if ((desc.flags & kWrite) != 0) chain.writable_bytes += desc.len;
    more = (desc.flags & kNext) != 0;
    index = desc.next;
  }
  chains_[count_++] = chain;
  Pass(1, next_);
}

bool ChainsInFlight::ReadPacked() {
  Chain chain;
  const uint16_t free = free_descriptors();
  for (bool more = true; more;) {
    const auto desc = ValueAt<PackedDesc>(DescAt(next_.index));
    if (((desc.flags & kAvail) != 0) != next_.wrap ||
        ((desc.flags & kUsed) != 0) == next_.wrap) {
      Expect(chain.descriptors == 0, "offered", "a list that is there in part");
      return false;
    }
    Expect(chain.descriptors < free, "offered", "more than a ring full");
    if (chain.descriptors++ == 0) chain.addr = desc.addr;
    if ((desc.flags & kWrite) != 0) chain.writable_bytes += desc.len;
    chain.id = desc.id;
    more = (desc.flags & kNext) != 0;
    Pass(1, next_);
  }
  chains_[count_++] = chain;
  return true;
}

// Of a split ring: what the driver knows to be used.
uint16_t ChainsInFlight::ready() const {
  return static_cast<uint16_t>(seen_ - taken_.index);
}

void ChainsInFlight::SeeIndex() {
  const uint16_t index = Word(memory_.layout.device, 2);
  const auto gone = static_cast<uint16_t>(index - seen_);
  if (gone > static_cast<uint16_t>(next_.index - seen_)) {
    broken_ = true;
  } else {
    seen_ = index;
  }
}

bool ChainsInFlight::IsUsed() const {
  if (!packed()) return ready() != 0;
  const auto flags = ValueAt<PackedDesc>(DescAt(taken_.index)).flags;
  return ((flags & kAvail) != 0) == taken_.wrap &&
         ((flags & kUsed) != 0) == taken_.wrap;
}

ChainsInFlight::Element ChainsInFlight::NextElement() const {
  if (packed()) {
    const auto desc = ValueAt<PackedDesc>(DescAt(taken_.index));
    return {.id = desc.id, .bytes = desc.len};
  }
  const std::byte* const at =
      memory_.layout.device + 4 + taken_.index % memory_.layout.num * 8u;
  return {.id = ValueAt<uint32_t>(at), .bytes = ValueAt<uint32_t>(at + 4)};
}

size_t ChainsInFlight::Take(std::span<Used> out) {
  if (broken_) return 0;
  if (!packed() && ready() < out.size()) SeeIndex();
  size_t taken = 0;
  while (!broken_ && taken < out.size() && (batch_left_ != 0 || IsUsed())) {
    if (count_ == 0 && packed()) {
      may_break_ = true;
      break;
    }
    if (!TakeOne(out[taken])) break;
    ++taken;
  }
  return taken;
}

bool ChainsInFlight::Looked(bool driver_broken) {
  const bool did = std::exchange(may_break_, false) && driver_broken;
  Expect(driver_broken == (broken_ || did), "broken",
         driver_broken ? "by nothing that breaks a rule"
                       : "a rule was broken, and it goes on");
  broken_ = driver_broken;
  return did;
}

bool ChainsInFlight::Accept(Used& used, size_t& place) {
  const Element element = NextElement();
  const auto chains = std::span(chains_).first(count_);
  place = static_cast<size_t>(
      std::ranges::find(chains, element.id, &Chain::id) - chains.begin());
  if (place == count_) return false;
  const uint32_t most = chains_[place].writable_bytes;
  if (kind_.device_writes && element.bytes > most) return false;
  // What a device says to have written where it cannot means nothing.
  used.bytes = kind_.device_writes ? element.bytes : 0;
  return !kind_.in_order || packed() || place < ready();
}

// An element stands for one chain; in order for all up to its own, and those in
// front of that are full.
bool ChainsInFlight::TakeOne(Used& used) {
  size_t place = 0;
  if (batch_left_ == 0) {
    if (!Accept(used, place)) {
      broken_ = true;
      return false;
    }
    if (kind_.in_order) {
      batch_left_ = place + 1;
      batch_bytes_ = used.bytes;
    }
  }
  if (kind_.in_order) {
    place = 0;
    --batch_left_;
    used.bytes = batch_left_ == 0 ? batch_bytes_ : chains_[0].writable_bytes;
  }
  used = Remove(place, used.bytes);
  return true;
}

ChainsInFlight::Used ChainsInFlight::Remove(size_t place, uint32_t bytes) {
  VU_CHECK(place < count_);
  const Chain chain = chains_[place];
  std::copy(chains_.begin() + place + 1, chains_.begin() + count_,
            chains_.begin() + place);
  --count_;
  Pass(packed() ? chain.descriptors : uint16_t{1}, taken_);
  return {.chain = chain, .bytes = bytes};
}

void ChainsInFlight::Restart(RingPosition at) {
  count_ = batch_left_ = 0;
  next_ = taken_ = at;
  seen_ = at.index;
  broken_ = may_break_ = false;
}

}  // namespace fuzz
