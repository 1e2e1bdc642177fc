// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_RING_PACKED_DEVICE_QUEUE_H_
#define VIRTIO_USER_RING_PACKED_DEVICE_QUEUE_H_

#include <cstdint>
#include <optional>

#include "virtio_user/base/error.h"
#include "virtio_user/ring/descriptor_chain.h"
#include "virtio_user/ring/packed_word.h"
#include "virtio_user/ring/ring_layout.h"
#include "virtio_user/ring/split_device_queue.h"

namespace virtio_user {

// The device's side of a packed virtqueue: takes lists from the descriptor
// ring, gives them back in the same ring, in any order. Its cursors are its
// own; what the driver may write is loaded once. DeviceQueue has the contract
// of what both formats share. Not thread-safe.
class PackedDeviceQueue {
 public:
  // Where to go on (VringBase). Requires: layout.Check() succeeds, both
  // indexes are below num, and next_avail is 0 to num descriptors ahead of
  // next_used. Writes nothing.
  PackedDeviceQueue(const RingLayout& layout, RingPosition next_avail,
                    RingPosition next_used, EventIndex event_index);

  Result<bool> Pop(AddressResolver resolve, DescriptorChain& chain);
  PopOutcome PopOne(SingleBuffer& one);

  void Put(const ChainToken& token, uint32_t bytes) {
    PutBatch(token.id, bytes, token.descriptor_count);
  }
  // One used descriptor for lists of `descriptor_count` descriptors in all, of
  // which `last` is the last's id. Requires: so many are taken and not given
  // back; and, for more than one list, that IN_ORDER was accepted.
  void PutBatch(uint16_t last, uint32_t bytes, uint32_t descriptor_count);
  void Publish();

  void Break(const Error& reason);
  const std::optional<Error>& broken() const { return broken_; }

  bool DriverWantsInterrupt();
  void SuppressKicks(bool suppress);

  const RingLayout& layout() const { return layout_; }
  RingPosition next_avail() const { return next_avail_; }
  // Where the next Put goes, published or not.
  RingPosition next_used() const { return next_used_; }

 private:
  // A used descriptor that Publish stores.
  struct Withheld {
    uint16_t index = 0;
    uint64_t word = 0;
  };

  // Whether a descriptor is available at next_avail; then `tail` has it.
  bool LoadHead(PackedTail& tail);
  void Take(uint16_t count);
  void AskForKick();
  void StoreEvent(RingPosition at, uint16_t flags);

  RingLayout layout_;
  EventIndex event_index_;
  bool kicks_suppressed_ = false;
  RingPosition next_avail_;
  RingPosition next_used_;
  uint16_t in_flight_;      // Descriptors between the two.
  RingPosition published_;  // Up to here.
  Withheld withheld_;       // While put_count_ != published_count_.
  std::optional<RingPosition> asked_kick_;  // The event, as written last.
  uint64_t put_count_ = 0;                  // Descriptors.
  uint64_t published_count_ = 0;            // Of them.
  uint64_t asked_count_ = 0;  // Of them, at the last DriverWantsInterrupt.
  std::optional<Error> broken_;
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_RING_PACKED_DEVICE_QUEUE_H_
