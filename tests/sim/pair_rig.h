// SPDX-License-Identifier: BSD-3-Clause
//
// A queue pair as a driver has it, set up through a RawClient.

#ifndef TESTS_SIM_PAIR_RIG_H_
#define TESTS_SIM_PAIR_RIG_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "tests/sim/raw_client.h"
#include "virtio_user/base/file_descriptor.h"
#include "virtio_user/ring/ring_layout.h"
#include "virtio_user/ring/split_driver_queue.h"

namespace sim_test {

inline constexpr uint16_t kRigRingSize = 16;
inline constexpr size_t kRigBufferBytes = 2048;

// One ring: memory, descriptors, driver queue, and a buffer for each of its
// descriptors.
struct RingRig {
  uint16_t index = 0;
  virtio_user::Ring ring;
  virtio_user::FileDescriptor kick;
  virtio_user::FileDescriptor call;
  std::unique_ptr<virtio_user::SplitDriverQueue> queue;
  std::span<std::byte> buffers;
  uint16_t next_buffer = 0;
};

class PairRig {
 public:
  // Allocates; sends nothing.
  PairRig(RawClient& client, uint16_t pair);

  // One ring each: CALL, NUM, BASE, ADDR, KICK.
  void Configure(RingRig& ring, uint16_t base = 0);
  // Configures both rings and, `enable`, sends SET_VRING_ENABLE for both.
  void Start(bool enable = true);

  // Offers a buffer of `bytes` to RX.
  void PostRx(uint32_t bytes);
  // Sends header and packet in one chain of as many buffers as there are
  // sizes; the last takes what is left.
  void SendTx(const Bytes& header, const Bytes& packet,
              const std::vector<size_t>& cuts = {});
  // What came back on RX: the used bytes of the next buffer.
  std::optional<Bytes> TakeRx();
  // Used TX chains.
  size_t ReapTx();

  virtio_user::DeviceAddr AddressOf(const std::byte* at, size_t bytes);

  RingRig rx;
  RingRig tx;

 private:
  void Make(RingRig& ring, uint16_t index);
  std::span<std::byte> NextBuffer(RingRig& ring);

  RawClient& client_;
};

// Bytes that count up from `first`.
Bytes Pattern(size_t count, uint8_t first);
// A header of zeros.
Bytes Header(size_t bytes);

}  // namespace sim_test

#endif  // TESTS_SIM_PAIR_RIG_H_
