// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/lying_device.h"

#include <algorithm>
#include <cstring>

#include "fuzz/finding.h"
#include "fuzz/reader.h"
#include "virtio_user/spec/net.h"
#include "virtio_user/spec/ring.h"

namespace fuzz {

using virtio_user::VirtqDesc;
using virtio_user::VirtqUsedElem;

namespace {

template <typename T>
T Get(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof(value));
  return value;
}

template <typename T>
void Set(std::byte* at, T value) {
  std::memcpy(at, &value, sizeof(value));
}

struct Tail {
  uint32_t len;
  uint16_t id;
  uint16_t flags;
};

constexpr uint16_t kNext = virtio_user::kDescFlagNext;
constexpr uint16_t kAvail = virtio_user::kPackedFlagAvail;
constexpr uint16_t kUsed = virtio_user::kPackedFlagUsed;

}  // namespace

void LyingDevice::Act(Reader& input) {
  const uint8_t what = input.Byte();
  switch (what % 8) {
    case 0:
    case 1:
    case 2:
    case 3:
      return Use(input);
    case 4:
      return Pop();
    case 5:
      return Overwrite(input);
    case 6:
      // Whether it wants kicks; packed: 2 is for "at that descriptor".
      Set<uint16_t>(memory_.layout.device + (packed() ? 2 : 0), what / 8 % 4);
      return;
    default:
      // Any used index, mostly not far away; packed: a used element again.
      lied_ = true;
      used_ = static_cast<uint16_t>(
          packed() ? used_ : used_ + static_cast<int8_t>(input.Byte()));
      Set<uint16_t>(memory_.layout.device + (packed() ? 0 : 2), used_);
      return;
  }
}

void LyingDevice::Restart(virtio_user::RingPosition at) {
  rules_.Forget();
  if (frames_ != nullptr) frames_->Forget();
  chain_count_ = 0;
  next_ = used_ = at.index;
  next_wrap_ = used_wrap_ = at.wrap;
  tampered_ = ring_tampered_ = lied_ = false;
}

std::byte* LyingDevice::DescAt(size_t index) const {
  return memory_.layout.desc + index % memory_.layout.num * sizeof(VirtqDesc);
}

void LyingDevice::Pass(uint16_t count, uint16_t& index, bool& wrap) const {
  for (; count != 0; --count) {
    if (++index < memory_.layout.num) continue;
    index = 0;
    wrap = !wrap;
  }
}

void LyingDevice::Pop() {
  if (chain_count_ == chains_.size()) return;
  packed() ? PopPacked() : PopSplit();
}

void LyingDevice::PopPacked() {
  const uint16_t first = next_;
  Chain chain{.addr = Get<uint64_t>(DescAt(next_))};
  for (chain.count = 1; chain.count <= memory_.layout.num; ++chain.count) {
    const auto tail = Get<Tail>(DescAt(next_) + 8);
    if (((tail.flags & kAvail) != 0) != next_wrap_ ||
        ((tail.flags & kUsed) != 0) == next_wrap_) {
      Expect(chain.count == 1 || tampered_ || lied_, "offered",
             "a list that is there in part");
      return;
    }
    Pass(1, next_, next_wrap_);
    chain.id = tail.id;
    if ((tail.flags & kNext) == 0) break;
  }
  Remember(chain, first);
}

void LyingDevice::PopSplit() {
  const uint16_t num = memory_.layout.num;
  const auto available = Get<uint16_t>(memory_.layout.driver + 2);
  if (available == next_) return;
  Expect(tampered_ || lied_ || static_cast<uint16_t>(available - next_) <= num,
         "offered", "more than a ring full");
  const auto id = Get<uint16_t>(memory_.layout.driver + 4 +
                                2 * size_t{next_} % (2 * memory_.layout.num));
  ++next_;
  Remember({.id = id, .addr = Get<uint64_t>(DescAt(id))}, id);
}

void LyingDevice::Remember(Chain chain, uint16_t first) {
  // More than are out at a time.
  if (++chains_seen_ == 0) chains_seen_ = 1;
  chain.whose = chains_seen_;
  chains_[chain_count_++] = chain;
  if (tampered_) return;
  // A driver that was lied to may use again what the device still has.
  const auto read =
      packed() ? rules_.TakePacked(first, chain.count, chain.whose, !lied_)
               : rules_.TakeSplit(first, chain.whose, !lied_);
  if (frames_ != nullptr && !lied_) frames_->Read(read);
}

void LyingDevice::Forget(size_t place, size_t count) {
  for (size_t i = place; i < place + count; ++i) {
    rules_.GiveBack(chains_[i].whose);
  }
  std::copy(chains_.begin() + place + count, chains_.begin() + chain_count_,
            chains_.begin() + place);
  chain_count_ -= count;
}

// Which of the popped chains, with which header, how long, and the lies.
void LyingDevice::Use(Reader& input) {
  const uint8_t how = input.Byte();
  if (chain_count_ == 0) Pop();
  if (chain_count_ == 0 && (how & 0x40) == 0) return;
  const size_t place = chain_count_ == 0 ? 0 : (how & 7) % chain_count_;
  Chain chain = chain_count_ == 0 ? Chain{} : chains_[place];
  WriteHeader(chain.addr, how, input);
  uint32_t bytes = input.Word();
  if ((how & 0x10) != 0) bytes = static_cast<uint32_t>(input.Number(4));
  uint16_t skip = packed() ? chain.count : uint16_t{1};
  if ((how & 0x40) != 0) {
    // An id and a step that nobody knows.
    lied_ = true;
    chain.id = input.Word();
    skip = static_cast<uint16_t>(input.Byte() % 20);
  } else if ((how & 0x80) != 0) {
    // One element for all up to this one, which is a rule in order alone.
    lied_ = lied_ || (!rules_.kind().in_order && place != 0);
    for (size_t i = 0; i < place; ++i) {
      skip = static_cast<uint16_t>(skip + (packed() ? chains_[i].count : 1));
    }
    Forget(0, place + 1);
  } else if ((how & 0x20) == 0) {
    lied_ = lied_ || (rules_.kind().in_order && place != 0);
    Forget(place, 1);
  } else {
    // It will be used once more.
    lied_ = true;
  }
  Put(chain.id, bytes, skip);
}

// Any header, or one that says "one buffer" alone.
void LyingDevice::WriteHeader(uint64_t addr, uint8_t how, Reader& input) {
  // In a ring that it only reads it has nothing to write.
  if (!rules_.kind().device_writes) {
    if ((how & 8) == 0) return;
    tampered_ = true;
  }
  std::byte header[virtio_user::kHashNetHeaderBytes] = {};
  header[offsetof(virtio_user::NetHeader, num_buffers)] = std::byte{1};
  if ((how & 8) != 0) {
    const auto said = input.Take(sizeof(header));
    std::ranges::copy(said, header);
  }
  const auto memory = memory_.From(addr);
  if (memory.size() < sizeof(header)) return;
  std::memcpy(memory.data(), header, sizeof(header));
}

void LyingDevice::Put(uint32_t id, uint32_t bytes, uint16_t skip) {
  if (packed()) {
    Set(DescAt(used_) + 8,
        Tail{.len = bytes,
             .id = static_cast<uint16_t>(id),
             .flags = used_wrap_ ? static_cast<uint16_t>(kAvail | kUsed)
                                 : uint16_t{0}});
    return Pass(skip, used_, used_wrap_);
  }
  std::byte* const element = memory_.layout.device +
                             virtio_user::kUsedRingOffset +
                             used_ % memory_.layout.num * sizeof(VirtqUsedElem);
  Set(element, VirtqUsedElem{.id = id, .len = bytes});
  used_ = static_cast<uint16_t>(used_ + skip);
  Set(memory_.layout.device + virtio_user::kUsedIdxOffset, used_);
}

void LyingDevice::Overwrite(Reader& input) {
  tampered_ = true;
  const size_t offset = input.Word();
  // What is the device's stands last in the ring.
  const auto drivers =
      static_cast<size_t>(memory_.layout.device - memory_.ring.data());
  const auto bytes = input.Chunk();
  if (offset < drivers && !bytes.empty()) ring_tampered_ = true;
  WriteAcross({memory_.ring, memory_.buffers, memory_.scratch}, offset, bytes);
}

}  // namespace fuzz
