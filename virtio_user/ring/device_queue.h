// SPDX-License-Identifier: BSD-3-Clause
//
// The device's side of a virtqueue, of either format.

#ifndef VIRTIO_USER_RING_DEVICE_QUEUE_H_
#define VIRTIO_USER_RING_DEVICE_QUEUE_H_

#include <cstdint>
#include <optional>
#include <span>
#include <variant>

#include "virtio_user/base/error.h"
#include "virtio_user/ring/descriptor_chain.h"
#include "virtio_user/ring/packed_device_queue.h"
#include "virtio_user/ring/ring_layout.h"
#include "virtio_user/ring/split_device_queue.h"

namespace virtio_user {

struct DeviceQueueOptions {
  // Where to go on (VringBase).
  RingPosition next_avail{};
  RingPosition next_used{};
  EventIndex event_index = EventIndex::kOff;
};

// Takes chains that the driver made available and gives them back used. What
// the driver may write is loaded once, into a local, and checked. Not
// thread-safe.
//
// Once the ring itself cannot be right (an available index or a head out of
// range; a packed list without an end) the queue is broken for good: every
// Pop says why, and nothing is written to the ring any more.
class DeviceQueue {
 public:
  // Requires: layout.Check() succeeds; packed: the positions are of this ring
  // and next_avail at most num descriptors ahead of next_used. Writes nothing.
  explicit DeviceQueue(const RingLayout& layout,
                       const DeviceQueueOptions& options = {});

  // Takes the next chain. False: nothing is available, and then the driver
  // will kick for the next chain, unless kicks are suppressed. A malformed
  // chain is taken like any other, so that it can be given back: see
  // chain.malformed. An Error: the queue is broken.
  Result<bool> Pop(AddressResolver resolve, DescriptorChain& chain);
  // The fast way for chains of one descriptor that stands in the ring.
  // Resolves nothing.
  PopOutcome PopOne(SingleBuffer& one);

  // Gives a chain back with `bytes` written into its writable part. Nothing of
  // it is visible before Publish, so that the driver sees what belongs
  // together at once, as the buffers of one received frame. Requires: not
  // broken, a token that was taken and not given back yet.
  void Put(const ChainToken& token, uint32_t bytes);
  // The same for chains in the order in which they were taken, by one used
  // element ("In-order use of descriptors"): the driver takes all but the last
  // one as wholly written. Requires: IN_ORDER was accepted, nothing taken
  // before them is still out, at least one chain.
  void PutBatch(std::span<const ChainToken> batch, uint32_t bytes_of_last);
  void Publish();
  void Push(const ChainToken& token, uint32_t bytes) {
    Put(token, bytes);
    Publish();
  }

  // Marks the queue broken for a reason that the caller found.
  void Break(const Error& reason);
  const std::optional<Error>& broken() const;

  // Whether the driver wants to be interrupted for what was published since
  // the last question (full fence, then what the driver asks for).
  bool DriverWantsInterrupt();
  // Asks the driver for no kicks, or for them again (the initial state of a
  // zeroed ring); after the latter look at the ring once more.
  void SuppressKicks(bool suppress);

  const RingLayout& layout() const;
  RingPosition next_avail() const;
  // Where the next Put goes, published or not.
  RingPosition next_used() const;

 private:
  SplitDeviceQueue* split() { return std::get_if<SplitDeviceQueue>(&queue_); }
  PackedDeviceQueue& packed() {
    return *std::get_if<PackedDeviceQueue>(&queue_);
  }

  std::variant<SplitDeviceQueue, PackedDeviceQueue> queue_;
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_RING_DEVICE_QUEUE_H_
