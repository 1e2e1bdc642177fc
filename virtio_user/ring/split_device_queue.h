// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_RING_SPLIT_DEVICE_QUEUE_H_
#define VIRTIO_USER_RING_SPLIT_DEVICE_QUEUE_H_

#include <cstdint>
#include <optional>

#include "virtio_user/base/error.h"
#include "virtio_user/ring/descriptor_chain.h"
#include "virtio_user/ring/ring_layout.h"

namespace virtio_user {

// The device's side of a split virtqueue: takes heads from the available
// ring, gives them back through the used ring. Its cursors are its own; what
// the driver may write is loaded once. Not thread-safe.
class SplitDeviceQueue {
 public:
  // `next_avail` and `next_used` are where to go on (VringBase). Requires:
  // layout.Check() succeeds. Writes nothing.
  SplitDeviceQueue(const RingLayout& layout, uint16_t next_avail,
                   uint16_t next_used);

  // The next head that the driver made available, or nothing. Once the
  // available index is more than num ahead or a head is >= num, the queue is
  // broken: an Error with the reason now and at every later call, and nothing
  // is written to the ring any more.
  Result<std::optional<uint16_t>> PopHead();

  // Gives `head` back with `bytes` written into its writable part and
  // publishes the used index. Requires: not broken, a head that PopHead gave
  // and that was not given back yet.
  void Push(uint16_t head, uint32_t bytes) {
    Put(head, bytes);
    Publish();
  }
  // The same in two steps, for heads that the driver has to see together, as
  // the buffers of one received frame: each Put is invisible until Publish.
  void Put(uint16_t head, uint32_t bytes);
  void Publish();

  // Marks the queue broken for a reason that the caller found.
  void Break(const Error& reason);
  bool broken() const { return broken_.has_value(); }

  // Whether the driver wants to be interrupted for what was pushed (full
  // fence, then avail flags).
  bool DriverWantsInterrupt() const;
  // used.flags NO_NOTIFY: asks the driver for no kicks, or for them again.
  void SuppressKicks(bool suppress);

  const RingLayout& layout() const { return layout_; }
  uint16_t next_avail() const { return next_avail_; }
  // Where the next Put goes, published or not.
  uint16_t next_used() const { return next_used_; }

 private:
  RingLayout layout_;
  uint16_t next_avail_;
  uint16_t next_used_;
  std::optional<Error> broken_;
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_RING_SPLIT_DEVICE_QUEUE_H_
