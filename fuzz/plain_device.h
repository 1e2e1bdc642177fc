// SPDX-License-Identifier: BSD-3-Clause

#ifndef FUZZ_PLAIN_DEVICE_H_
#define FUZZ_PLAIN_DEVICE_H_

#include "fuzz/peer_writes.h"
#include "fuzz/reader.h"
#include "fuzz/ring_memory.h"
#include "fuzz/served_ring.h"
#include "virtio_user/ring/device_queue.h"

namespace fuzz {

// Production's device queue on a fuzzed ring, taken from by its fast way where
// that goes, as whoever serves a data ring does.
class PlainDevice {
 public:
  // `memory` outlives it. A split ring begins `before` entries before its index
  // comes round.
  PlainDevice(RingMemory& memory, virtio_user::EventIndex event_index,
              uint8_t before);

  // Takes all that is available, a ring full at most, and gives it back. The
  // input says whether the driver writes meanwhile. Reports what may not be: a
  // chain that no ring has, anything written beside what is given back, a
  // broken queue that goes on or has no reason.
  void Notify(Reader& input);

 private:
  // False: there is no more.
  bool TakeOne();

  RingMemory& memory_;
  virtio_user::DeviceQueue queue_;
  virtio_user::DescriptorChain chain_;
  PeerWrites driver_;
  ServedRing ring_;
  bool broken_ = false;
};

}  // namespace fuzz

#endif  // FUZZ_PLAIN_DEVICE_H_
