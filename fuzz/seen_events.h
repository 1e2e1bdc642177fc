// SPDX-License-Identifier: BSD-3-Clause
//
// Which notifications the sides of a ring ask each other for, by code of its
// own.

#ifndef FUZZ_SEEN_EVENTS_H_
#define FUZZ_SEEN_EVENTS_H_

#include <cstddef>
#include <span>

#include "fuzz/seen_chain.h"
#include "virtio_user/ring/ring_layout.h"
#include "virtio_user/ring/split_device_queue.h"

namespace fuzz {

// What a device has given back between two questions, less than once round a
// split ring's indexes and at most once round a packed ring.
struct Given {
  virtio_user::RingPosition from;
  virtio_user::RingPosition to;
};

// Whether the driver wants to be interrupted for it (virtio 1.4, "Available
// Buffer Notification Suppression", "Driver and Device Event Suppression"); for
// a packed event that has no meaning, too.
bool WantsInterrupt(const RingImage& image, virtio_user::EventIndex event_index,
                    const Given& given);

// Writes into `device`, its area of the ring, that it asks to be kicked for the
// chain at `next` alone.
void AskForKick(const RingImage& image, virtio_user::RingPosition next,
                std::span<std::byte> device);

}  // namespace fuzz

#endif  // FUZZ_SEEN_EVENTS_H_
