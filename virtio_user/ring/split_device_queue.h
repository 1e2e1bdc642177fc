// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_RING_SPLIT_DEVICE_QUEUE_H_
#define VIRTIO_USER_RING_SPLIT_DEVICE_QUEUE_H_

#include <cstdint>
#include <optional>
#include <span>

#include "virtio_user/base/error.h"
#include "virtio_user/ring/descriptor_chain.h"
#include "virtio_user/ring/ring_layout.h"

namespace virtio_user {

// Whether VIRTIO_F_EVENT_IDX was accepted.
enum class EventIndex : uint8_t { kOff, kOn };

// The device's side of a split virtqueue: takes heads from the available
// ring, gives them back through the used ring. Its cursors are its own; what
// the driver may write is loaded once. DeviceQueue has the contract of what
// both formats share. Not thread-safe.
class SplitDeviceQueue {
 public:
  // `next_avail` and `next_used` are where to go on (VringBase). Requires:
  // layout.Check() succeeds. Writes nothing.
  SplitDeviceQueue(const RingLayout& layout, uint16_t next_avail,
                   uint16_t next_used, EventIndex event_index);
  SplitDeviceQueue(const RingLayout& layout, uint16_t next_avail,
                   uint16_t next_used)
      : SplitDeviceQueue(layout, next_avail, next_used, EventIndex::kOff) {}

  // The next head that the driver made available, or nothing. Once the
  // available index is more than num ahead or a head is >= num, the queue is
  // broken: an Error with the reason now and at every later call, and nothing
  // is written to the ring any more.
  Result<std::optional<uint16_t>> PopHead();
  // PopHead, then WalkChain.
  Result<bool> Pop(AddressResolver resolve, DescriptorChain& chain);
  PopOutcome PopOne(SingleBuffer& one);

  // Gives `head` back with `bytes` written into its writable part and
  // publishes the used index. Requires: not broken, a head that was taken and
  // not given back yet.
  void Push(uint16_t head, uint32_t bytes) {
    Put(head, bytes);
    Publish();
  }
  // The same in two steps, for heads that the driver has to see together, as
  // the buffers of one received frame: each Put is invisible until Publish.
  void Put(uint16_t head, uint32_t bytes) { PutBatch(head, bytes, 1); }
  // One element for the last `count` heads, of which `last` is the last
  // ("In-order use of descriptors"). Requires: IN_ORDER was accepted.
  void PutBatch(uint16_t last, uint32_t bytes, uint16_t count);
  void Publish();

  // Marks the queue broken for a reason that the caller found.
  void Break(const Error& reason);
  const std::optional<Error>& broken() const { return broken_; }

  bool DriverWantsInterrupt();
  void SuppressKicks(bool suppress);

  const RingLayout& layout() const { return layout_; }
  uint16_t next_avail() const { return next_avail_; }
  // Where the next Put goes, published or not.
  uint16_t next_used() const { return next_used_; }

 private:
  // How many heads are available; loads the index when it has to.
  uint16_t Ready();
  uint16_t LoadReady() const;
  uint16_t CheckReady(uint16_t ready);
  void AskForKick();
  static constexpr uint32_t kNoHead = UINT32_MAX;
  uint32_t LoadHead();

  RingLayout layout_;
  EventIndex event_index_;
  bool kicks_suppressed_ = false;
  uint16_t next_avail_;
  uint16_t next_used_;
  uint16_t known_avail_;  // The available index, when it was loaded last.
  uint16_t published_;    // The used index.
  std::optional<uint16_t> asked_kick_;  // avail_event, as written last.
  uint64_t published_count_ = 0;
  uint64_t asked_count_ = 0;  // Of them, at the last DriverWantsInterrupt.
  std::optional<Error> broken_;
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_RING_SPLIT_DEVICE_QUEUE_H_
