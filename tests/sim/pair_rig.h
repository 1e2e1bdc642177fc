// SPDX-License-Identifier: BSD-3-Clause
//
// A queue pair as a driver has it, set up through a RawClient.

#ifndef TESTS_SIM_PAIR_RIG_H_
#define TESTS_SIM_PAIR_RIG_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "tests/bare_driver.h"
#include "tests/sim/raw_client.h"
#include "virtio_user/base/file_descriptor.h"
#include "virtio_user/ring/ring_layout.h"

namespace sim_test {

inline constexpr uint16_t kRigRingSize = 16;
inline constexpr size_t kRigBufferBytes = 2048;

struct PairRigOptions {
  virtio_user::RingFormat format = virtio_user::RingFormat::kSplit;
  uint16_t num = kRigRingSize;
  bool in_order = false;
  bool event_idx = false;
};

// One ring: memory, descriptors, a driver, and a buffer for each of its
// descriptors.
struct RingRig {
  uint16_t index = 0;
  virtio_user::RingLayout layout;
  virtio_user::FileDescriptor kick;
  virtio_user::FileDescriptor call;
  std::unique_ptr<virtio_user::BareDriver> driver;
  std::span<std::byte> buffers;
  uint16_t next_buffer = 0;
  std::map<uint16_t, uint16_t> buffer_of;  // By the id of its chain.
};

class PairRig {
 public:
  // Allocates; sends nothing.
  PairRig(RawClient& client, uint16_t pair, PairRigOptions options = {});

  // One ring each: CALL, NUM, BASE, ADDR, KICK.
  void Configure(RingRig& ring, uint32_t base);
  void Configure(RingRig& ring) { Configure(ring, FirstBase()); }
  // Configures both rings and, `enable`, sends SET_VRING_ENABLE for both.
  void Start(bool enable = true);

  // What SET_VRING_BASE says of a ring that is new.
  uint32_t FirstBase() const {
    return options_.format == virtio_user::RingFormat::kPacked ? 0x80008000 : 0;
  }

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
  const PairRigOptions options_;
};

// Bytes that count up from `first`.
Bytes Pattern(size_t count, uint8_t first);
// A header of zeros.
Bytes Header(size_t bytes);

}  // namespace sim_test

#endif  // TESTS_SIM_PAIR_RIG_H_
