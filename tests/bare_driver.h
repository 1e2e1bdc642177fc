// SPDX-License-Identifier: BSD-3-Clause
//
// A driver of either ring format, typed from the spec and sharing no code with
// the project's driver queues. Correct, slow, and open to abuse: everything
// that it does can be done in another way on the layout itself.

#ifndef TESTS_BARE_DRIVER_H_
#define TESTS_BARE_DRIVER_H_

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "virtio_user/base/check.h"
#include "virtio_user/base/device_addr.h"
#include "virtio_user/ring/ring_layout.h"

namespace virtio_user {

struct BareBuffer {
  DeviceBuffer buffer;
  bool writable = false;
  bool is_table = false;  // An indirect table, not a buffer.
};

struct BareUsed {
  uint16_t id = 0;
  uint32_t bytes = 0;

  friend bool operator==(const BareUsed&, const BareUsed&) = default;
};

class BareDriver {
 public:
  enum class Order { kAny, kInOrder };

  explicit BareDriver(const RingLayout& layout, RingPosition start = {},
                      Order order = Order::kAny)
      : layout_(layout),
        order_(order),
        packed_(layout.format == RingFormat::kPacked),
        avail_(start),
        used_(start),
        next_desc_(start.index % layout.num) {}

  // Makes a chain available; its id. Requires: there is room.
  uint16_t Offer(std::span<const BareBuffer> buffers) {
    VU_CHECK(!buffers.empty() && Busy() + buffers.size() <= layout_.num);
    Chain chain{.count = static_cast<uint16_t>(buffers.size())};
    for (const BareBuffer& buffer : buffers) {
      if (buffer.writable) chain.writable_bytes += buffer.buffer.bytes;
    }
    if (!packed_) FindFreeDescs(chain.count);
    chain.id = packed_ ? FreeId() : next_desc_;
    packed_ ? OfferPacked(buffers, chain.id) : OfferSplit(buffers);
    chains_.push_back(chain);
    return chain.id;
  }
  uint16_t Offer(const BareBuffer& buffer) { return Offer({&buffer, 1}); }

  // The next chain that was used.
  std::optional<BareUsed> Take() {
    if (ready_.empty()) Look();
    if (ready_.empty()) return std::nullopt;
    const BareUsed used = ready_.front();
    ready_.pop_front();
    return used;
  }

  // As if EVENT_IDX were not there.
  void SuppressInterrupts(bool suppress) {
    Put<uint16_t>(layout_.driver + (packed_ ? 2 : 0), suppress ? 1 : 0);
  }
  // "used_event", or DESC with this position.
  void InterruptAt(RingPosition at) {
    if (packed_) {
      Put<uint16_t>(layout_.driver, PositionWord(at));
      Put<uint16_t>(layout_.driver + 2, 2);
    } else {
      Put<uint16_t>(layout_.driver + 4 + 2 * layout_.num, at.index);
    }
  }

  size_t in_flight() const { return chains_.size(); }
  RingPosition next_avail() const { return avail_; }
  RingPosition next_used() const { return used_; }

 private:
  struct Chain {
    uint16_t id = 0;
    uint16_t count = 0;  // Descriptors.
    uint32_t writable_bytes = 0;
  };

  template <typename T>
  static void Put(std::byte* at, T value) {
    std::memcpy(at, &value, sizeof(value));
  }
  template <typename T>
  static T Get(const std::byte* at) {
    T value;
    std::memcpy(&value, at, sizeof(value));
    return value;
  }
  static uint16_t PositionWord(RingPosition at) {
    return static_cast<uint16_t>(at.index | (at.wrap ? 0x8000 : 0));
  }

  size_t Busy() const {
    size_t busy = 0;
    for (const Chain& chain : chains_) busy += chain.count;
    return busy;
  }
  // Small ids first, and not the place in the ring.
  uint16_t FreeId() const {
    uint16_t id = 0;
    while (std::ranges::count(chains_, id, &Chain::id) != 0) ++id;
    return id;
  }

  // Chains stand in consecutive descriptors.
  void FindFreeDescs(uint16_t count) {
    const auto overlaps = [&](const Chain& chain) {
      const auto num = layout_.num;
      const int behind = (next_desc_ - chain.id + num) % num;
      const int ahead = (chain.id - next_desc_ + num) % num;
      return behind < chain.count || ahead < count;
    };
    for (uint16_t i = 0; std::ranges::any_of(chains_, overlaps); ++i) {
      VU_CHECK(i < layout_.num);
      next_desc_ = static_cast<uint16_t>((next_desc_ + 1) % layout_.num);
    }
  }

  void OfferSplit(std::span<const BareBuffer> buffers) {
    Put<uint16_t>(layout_.driver + 4 + 2 * (avail_.index % layout_.num),
                  next_desc_);
    for (size_t i = 0; i < buffers.size(); ++i) {
      const auto next = static_cast<uint16_t>((next_desc_ + 1) % layout_.num);
      std::byte* const at = layout_.desc + 16 * next_desc_;
      Put<uint64_t>(at, buffers[i].buffer.addr.value);
      Put<uint32_t>(at + 8, buffers[i].buffer.bytes);
      Put<uint16_t>(at + 12, FlagsOf(buffers, i));
      Put<uint16_t>(at + 14, next);
      next_desc_ = next;
    }
    ++avail_.index;
    Put<uint16_t>(layout_.driver + 2, avail_.index);
  }

  void OfferPacked(std::span<const BareBuffer> buffers, uint16_t id) {
    // The head's flags come last.
    std::byte* head = nullptr;
    uint16_t head_flags = 0;
    for (size_t i = 0; i < buffers.size(); ++i) {
      std::byte* const at = layout_.desc + 16 * avail_.index;
      Put<uint64_t>(at, buffers[i].buffer.addr.value);
      Put<uint32_t>(at + 8, buffers[i].buffer.bytes);
      Put<uint16_t>(at + 12, i + 1 == buffers.size() ? id : 0xdead);
      const auto flags = static_cast<uint16_t>(FlagsOf(buffers, i) |
                                               (avail_.wrap ? 0x80 : 0x8000));
      if (i == 0) {
        head = at;
        head_flags = flags;
      } else {
        Put<uint16_t>(at + 14, flags);
      }
      Skip(1, avail_);
    }
    Put<uint16_t>(head + 14, head_flags);
  }

  static uint16_t FlagsOf(std::span<const BareBuffer> buffers, size_t i) {
    return static_cast<uint16_t>((i + 1 < buffers.size() ? 1 : 0) |
                                 (buffers[i].writable ? 2 : 0) |
                                 (buffers[i].is_table ? 4 : 0));
  }

  void Skip(uint16_t count, RingPosition& position) const {
    for (uint16_t i = 0; i < count; ++i) {
      if (++position.index < layout_.num) continue;
      position = {0, !position.wrap};
    }
  }

  // One used element, which stands for one chain or for a batch.
  void Look() {
    BareUsed used;
    if (packed_) {
      const std::byte* const at = layout_.desc + 16 * used_.index;
      const auto flags = Get<uint16_t>(at + 14);
      const bool avail_bit = (flags & 0x80) != 0;
      const bool used_bit = (flags & 0x8000) != 0;
      if (avail_bit != used_.wrap || used_bit != used_.wrap) return;
      used = {Get<uint16_t>(at + 12),
              (flags & 2) != 0 ? Get<uint32_t>(at + 8) : 0};
    } else {
      if (Get<uint16_t>(layout_.device + 2) == used_.index) return;
      const std::byte* const at =
          layout_.device + 4 + 8 * (used_.index % layout_.num);
      VU_CHECK(Get<uint32_t>(at) < layout_.num);
      used = {static_cast<uint16_t>(Get<uint32_t>(at)), Get<uint32_t>(at + 4)};
    }
    auto found = std::ranges::find(chains_, used.id, &Chain::id);
    VU_CHECK(found != chains_.end());
    if (order_ == Order::kAny) {
      Finish(*found, used.bytes);
      chains_.erase(found);
      return;
    }
    while (chains_.front().id != used.id) {
      Finish(chains_.front(), chains_.front().writable_bytes);
      chains_.pop_front();
    }
    Finish(chains_.front(), used.bytes);
    chains_.pop_front();
  }
  void Finish(const Chain& chain, uint32_t bytes) {
    ready_.push_back({chain.id, bytes});
    if (packed_) {
      Skip(chain.count, used_);
    } else {
      ++used_.index;
    }
  }

  RingLayout layout_;
  Order order_;
  bool packed_;
  RingPosition avail_;
  RingPosition used_;
  uint16_t next_desc_;
  std::deque<Chain> chains_;  // With the device, as they were offered.
  std::deque<BareUsed> ready_;
};

}  // namespace virtio_user

#endif  // TESTS_BARE_DRIVER_H_
