// SPDX-License-Identifier: BSD-3-Clause
//
// What ring tests stand on: shared memory with guard bytes whose device
// addresses are no pointers, a ring in it, and the bare hands of a peer that
// keeps to no rules.

#ifndef TESTS_RING_SUPPORT_H_
#define TESTS_RING_SUPPORT_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <span>
#include <vector>

#include "virtio_user/base/check.h"
#include "virtio_user/base/device_addr.h"
#include "virtio_user/base/error.h"
#include "virtio_user/ring/ring_layout.h"
#include "virtio_user/ring/shared_memory.h"
#include "virtio_user/spec/ring.h"

namespace virtio_user {

// Numbers from a seed, the same everywhere (splitmix64).
class TestRandom {
 public:
  explicit TestRandom(uint64_t seed) : state_(seed) {}
  uint64_t Next() {
    uint64_t x = state_ += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
  }
  // Of 0 to bound - 1.
  uint32_t Below(uint32_t bound) {
    return static_cast<uint32_t>(Next() % bound);
  }
  bool OneIn(uint32_t n) { return Below(n) == 0; }

 private:
  uint64_t state_;
};

// Memory that driver and device share. What was not taken is a guard.
class TestArena {
 public:
  static constexpr uint64_t kPublished = 0x7a00'0000'1000;
  static constexpr std::byte kGuard{0xa5};

  // `published`: what the device calls its first byte.
  explicit TestArena(size_t bytes, uint64_t published = kPublished)
      : published_(published),
        bytes_(bytes),
        memory_(static_cast<std::byte*>(
            ::operator new(bytes, std::align_val_t{4096}))) {
    std::memset(memory_, static_cast<int>(kGuard), bytes);
  }
  TestArena(const TestArena&) = delete;
  TestArena& operator=(const TestArena&) = delete;
  ~TestArena() { ::operator delete(memory_, std::align_val_t{4096}); }

  // Zeroed memory with at least 64 guard bytes on both sides.
  std::span<std::byte> Take(size_t bytes, size_t align = 64) {
    next_ = (next_ + 64 + align - 1) / align * align;
    VU_CHECK(next_ + bytes + 64 <= bytes_);
    const std::span<std::byte> taken(memory_ + next_, bytes);
    std::memset(taken.data(), 0, bytes);
    taken_.push_back(taken);
    next_ += bytes;
    return taken;
  }

  DeviceAddr Addr(const std::byte* at) const {
    return {published_ + static_cast<uint64_t>(at - memory_)};
  }
  Result<std::span<std::byte>> Resolve(DeviceBuffer buffer) const {
    const uint64_t offset = buffer.addr.value - published_;
    if (offset > bytes_ || buffer.bytes > bytes_ - offset) {
      return Fail(ErrorCode::kInvalidArgument, "outside the test's memory");
    }
    return std::span<std::byte>(memory_ + offset, buffer.bytes);
  }
  std::span<std::byte> memory() const { return {memory_, bytes_}; }
  uint64_t published() const { return published_; }
  // What was taken, without the guards.
  const std::vector<std::span<std::byte>>& taken() const { return taken_; }

  bool GuardsIntact() const {
    const std::byte* at = memory_;
    const auto is_guard = [](std::byte b) { return b == kGuard; };
    for (const std::span<std::byte> taken : taken_) {
      if (!std::all_of(at, static_cast<const std::byte*>(taken.data()),
                       is_guard)) {
        return false;
      }
      at = taken.data() + taken.size();
    }
    return std::all_of(at, static_cast<const std::byte*>(memory_ + bytes_),
                       is_guard);
  }

 private:
  const uint64_t published_;
  size_t bytes_;
  std::byte* memory_;
  size_t next_ = 0;
  std::vector<std::span<std::byte>> taken_;
};

// Bytes of an arena that has a ring of `num` and `more` bytes besides.
inline size_t ArenaBytes(uint16_t num, size_t more = 0) {
  return RingLayout::BytesFor(RingFormat::kSplit, num) + more + 4096;
}

inline RingLayout TakeRing(TestArena& arena, uint16_t num,
                           RingFormat format = RingFormat::kSplit) {
  return *RingLayout::PlaceIn(arena.Take(RingLayout::BytesFor(format, num)),
                              format, num);
}

// Reads and writes a ring as it pleases.
class BareRing {
 public:
  explicit BareRing(const RingLayout& layout) : layout_(layout) {}

  void SetDesc(uint32_t i, const VirtqDesc& desc) const {
    std::memcpy(layout_.desc + i * sizeof(desc), &desc, sizeof(desc));
  }
  VirtqDesc Desc(uint32_t i) const {
    VirtqDesc desc;
    std::memcpy(&desc, layout_.desc + i * sizeof(desc), sizeof(desc));
    return desc;
  }

  uint16_t avail_flags() const { return Get(layout_.driver); }
  void set_avail_flags(uint16_t flags) const { Set(layout_.driver, flags); }
  uint16_t avail_idx() const { return Get(layout_.driver + kAvailIdxOffset); }
  void set_avail_idx(uint16_t idx) const {
    Set(layout_.driver + kAvailIdxOffset, idx);
  }
  uint16_t Avail(uint32_t entry) const { return Get(AvailAt(entry)); }
  void SetAvail(uint32_t entry, uint16_t head) const {
    Set(AvailAt(entry), head);
  }

  uint16_t used_flags() const { return Get(layout_.device); }
  void set_used_flags(uint16_t flags) const { Set(layout_.device, flags); }
  uint16_t used_idx() const { return Get(layout_.device + kUsedIdxOffset); }
  void set_used_idx(uint16_t idx) const {
    Set(layout_.device + kUsedIdxOffset, idx);
  }
  VirtqUsedElem Used(uint32_t entry) const {
    VirtqUsedElem element;
    std::memcpy(&element, UsedAt(entry), sizeof(element));
    return element;
  }
  void SetUsed(uint32_t entry, VirtqUsedElem element) const {
    std::memcpy(UsedAt(entry), &element, sizeof(element));
  }

 private:
  static uint16_t Get(std::byte* at) { return LoadRelaxed<uint16_t>(at); }
  static void Set(std::byte* at, uint16_t v) { StoreRelaxed<uint16_t>(at, v); }
  std::byte* AvailAt(uint32_t entry) const {
    return layout_.driver + kAvailRingOffset + 2 * (entry % layout_.num);
  }
  std::byte* UsedAt(uint32_t entry) const {
    return layout_.device + kUsedRingOffset + 8 * (entry % layout_.num);
  }

  RingLayout layout_;
};

// The same for a packed ring.
class BarePacked {
 public:
  explicit BarePacked(const RingLayout& layout) : layout_(layout) {}

  // AVAIL and USED of a descriptor that is available or used in a round.
  static constexpr uint16_t AvailIn(bool wrap) { return wrap ? 0x80 : 0x8000; }
  static constexpr uint16_t UsedIn(bool wrap) { return wrap ? 0x8080 : 0; }

  void SetDesc(uint32_t i, const PackedDesc& desc) const {
    std::memcpy(layout_.desc + i * sizeof(desc), &desc, sizeof(desc));
  }
  PackedDesc Desc(uint32_t i) const {
    PackedDesc desc;
    std::memcpy(&desc, layout_.desc + i * sizeof(desc), sizeof(desc));
    return desc;
  }
  void set_driver_event(PackedEvent event) const {
    std::memcpy(layout_.driver, &event, sizeof(event));
  }
  PackedEvent device_event() const {
    PackedEvent event;
    std::memcpy(&event, layout_.device, sizeof(event));
    return event;
  }

 private:
  RingLayout layout_;
};

}  // namespace virtio_user

#endif  // TESTS_RING_SUPPORT_H_
