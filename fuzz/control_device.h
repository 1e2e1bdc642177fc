// SPDX-License-Identifier: BSD-3-Clause

#ifndef FUZZ_CONTROL_DEVICE_H_
#define FUZZ_CONTROL_DEVICE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "fuzz/peer_writes.h"
#include "fuzz/reader.h"
#include "fuzz/ring_memory.h"
#include "virtio_user/device/control_queue.h"

namespace fuzz {

// Production's control queue on a fuzzed ring, and a device that does all that
// it is asked within its limits.
class ControlDevice {
 public:
  static constexpr uint16_t kPairs = 4;

  // `memory` outlives it and is wiped.
  ControlDevice(RingMemory& memory, virtio_user::EventIndex event_index);

  // The input says whether the driver writes meanwhile.
  virtio_user::Result<size_t> Serve(Reader& input);
  // Whether it did, in the last Serve.
  bool driver_wrote() const { return driver_wrote_; }
  bool broken() const { return broken_; }
  // Pair and offload switches of the last Serve.
  size_t calls() const { return calls_; }
  // Chains that it may have answered.
  size_t most_acks() const { return most_acks_; }
  // After a Serve that succeeded: whether the split ring's index counts what
  // was served; nothing where it did not have to be written.
  std::optional<bool> UsedIndexIsRight() const;
  uint16_t pairs() const { return pairs_; }
  // What only the driver writes: empty in a packed ring, whose descriptors
  // both write.
  std::span<const std::byte> DriverAreas();

 private:
  RingMemory& memory_;
  virtio_user::ControlQueue queue_;
  virtio_user::ControlState state_;
  uint16_t pairs_ = 1;
  size_t calls_ = 0;
  size_t most_acks_ = 0;
  uint16_t served_ = 0;  // As the used index counts.
  PeerWrites driver_;
  bool driver_wrote_ = false;
  bool broken_ = false;
};

}  // namespace fuzz

#endif  // FUZZ_CONTROL_DEVICE_H_
