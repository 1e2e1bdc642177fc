// SPDX-License-Identifier: BSD-3-Clause

#ifndef TESTS_FAKES_NUMBERED_LANE_H_
#define TESTS_FAKES_NUMBERED_LANE_H_

#include <array>
#include <cstdint>
#include <cstring>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "virtio_user/base/check.h"
#include "virtio_user/device/device.h"
#include "virtio_user/ring/split_driver_queue.h"
#include "virtio_user/vhost/memory_provider.h"

namespace testing_support {

// A driver with one split ring of 8, in any order, whose chains of one buffer
// are numbered: what comes back can be told apart. Its memory goes with it.
class NumberedLane {
 public:
  static constexpr size_t kBufferBytes = 128;
  static constexpr size_t kBuffers = 8;  // As many as the ring takes.

  // Requires: the ring is configured and its gate closed.
  NumberedLane(virtio_user::Device& device, virtio_user::MemoryProvider& memory,
               uint16_t vring, virtio_user::BufferUse use)
      : memory_(memory),
        vring_(device.vring(vring)),
        use_(use),
        queue_(vring_.ring) {
    const auto block = memory.Allocate(kBuffers * kBufferBytes, 64);
    VU_CHECK(block.has_value());
    block_ = *block;
    memory.WithTable([&](const virtio_user::MemoryTable& table) {
      addr_ = *table.ToDevice(block_.data(), block_.size());
    });
    for (uint32_t i = 0; i < kBuffers; ++i) free_.push_back(i);
  }
  ~NumberedLane() { memory_.Free(block_); }
  NumberedLane(const NumberedLane&) = delete;
  NumberedLane& operator=(const NumberedLane&) = delete;

  // As many of `count` as there are buffers for, then a kick. Nothing while the
  // gate is closed.
  void Offer(size_t count) {
    const virtio_user::RingTurn turn(vring_.ring.gate);
    if (!turn.entered()) return;
    for (; count > 0 && !free_.empty(); --count) OfferOne();
    queue_.Publish();
    VU_CHECK(vring_.Notify().has_value());
  }
  // The numbers of the chains that came back.
  std::vector<uint32_t> Take() {
    std::vector<uint32_t> numbers;
    std::array<virtio_user::UsedChain<uint32_t>, kBuffers> used;
    const virtio_user::RingTurn turn(vring_.ring.gate);
    const size_t count = turn.entered() ? queue_.TakeUsed(used) : 0;
    for (const auto& chain : std::span(used).first(count)) {
      numbers.push_back(chain.cookie);
      free_.push_back(buffer_of_.at(chain.cookie));
    }
    return numbers;
  }
  void ReclaimAll() {
    queue_.ReclaimAll(
        [&](uint32_t number) { free_.push_back(buffer_of_.at(number)); });
  }
  uint32_t offered() const { return offered_; }
  size_t in_flight() const { return queue_.in_flight(); }
  // Why nothing works any more; "" if all is well.
  std::string broken() const {
    return queue_.broken() ? std::string(queue_.broken()->text()) : "";
  }

 private:
  void OfferOne() {
    const uint32_t at = free_.back();
    free_.pop_back();
    const size_t offset = at * kBufferBytes;
    const virtio_user::DeviceBuffer buffer{{addr_.value + offset},
                                           kBufferBytes};
    virtio_user::OfferedChain<uint32_t> chain{.cookie = offered_};
    if (use_ == virtio_user::BufferUse::kDeviceReads) {
      chain.readable = {&buffer, 1};
      // Behind a header of zeros, its number.
      std::memset(block_.data() + offset, 0, kBufferBytes);
      std::memcpy(block_.data() + offset + 12, &offered_, sizeof(offered_));
    } else {
      chain.writable = {&buffer, 1};
    }
    buffer_of_[offered_++] = at;
    VU_CHECK(queue_.Offer(chain));
  }

  virtio_user::MemoryProvider& memory_;
  virtio_user::VringState& vring_;
  const virtio_user::BufferUse use_;
  virtio_user::SplitDriverQueue<virtio_user::UseOrder::kAny, uint32_t> queue_;
  std::span<std::byte> block_;
  virtio_user::DeviceAddr addr_;
  uint32_t offered_ = 0;
  std::vector<uint32_t> free_;
  std::map<uint32_t, uint32_t> buffer_of_;
};

}  // namespace testing_support

#endif  // TESTS_FAKES_NUMBERED_LANE_H_
