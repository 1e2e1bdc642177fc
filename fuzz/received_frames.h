// SPDX-License-Identifier: BSD-3-Clause
//
// What a device has given, to be found again behind the driver.

#ifndef FUZZ_RECEIVED_FRAMES_H_
#define FUZZ_RECEIVED_FRAMES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "fuzz/chains_in_flight.h"
#include "fuzz/offer_rules.h"
#include "virtio_user/net/buffer_pool.h"
#include "virtio_user/net/offload.h"
#include "virtio_user/spec/feature.h"

namespace fuzz {

// Which packets a poll has to lead to, by what stands in the ring and in the
// buffers before it (virtio 1.4, "Processing of Incoming Packets"). Of those
// that cannot be packets, dropped and counted are: a buffer in which no byte
// follows the header; a header that counts no buffers; a frame of which the
// header says what was not accepted or cannot be. A frame of more buffers than
// were used breaks the queue, and is dropped.
class ReceivedFrames {
 public:
  // What was accepted; `buffer_bytes` of one buffer, in memory of them alone.
  struct Terms {
    virtio_user::FeatureSet accepted;
    uint32_t header_bytes = 0;
    uint32_t buffer_bytes = 0;
  };
  static constexpr size_t kMost = 8;

  ReceivedFrames(const SharedRing& memory, const Terms& terms)
      : memory_(memory), terms_(terms) {}

  // Before a poll for up to `most` packets; what becomes of the queue is in
  // `chains`. Requires: most <= kMost.
  void Foresee(ChainsInFlight& chains, size_t most);
  // What Foresee saw: packets, bytes of their frames, and frames dropped.
  size_t count() const { return count_; }
  uint64_t bytes() const { return bytes_; }
  uint64_t dropped() const { return dropped_; }
  // Reports packets that are not those which Foresee saw, in their order.
  void Check(const virtio_user::BufferPool& pool,
             std::span<const virtio_user::Packet> packets) const;

 private:
  static constexpr size_t kMostBuffers = ChainsInFlight::kMost;
  static constexpr size_t kMostBytes = 4096;
  struct Part {
    size_t at = 0;
    uint32_t bytes = 0;
  };
  struct Frame {
    uint32_t buffer = 0;
    uint32_t bytes = 0;
    size_t first_part = 0;
    size_t part_count = 0;
    virtio_user::Offload offload;
  };
  // What a poll has found used and not looked at.
  struct Found;

  static std::array<std::byte, kMostBytes>& Buffers();
  bool MakeFrame(ChainsInFlight& chains, Found& found, Frame& frame);
  void AddPart(const ChainsInFlight::Used& used, uint32_t skip, Frame& frame);

  SharedRing memory_;
  Terms terms_;
  std::array<Frame, kMost> frames_;
  size_t count_ = 0;
  std::array<Part, kMostBuffers> parts_;
  size_t part_count_ = 0;
  uint64_t bytes_ = 0;
  uint64_t dropped_ = 0;
};

}  // namespace fuzz

#endif  // FUZZ_RECEIVED_FRAMES_H_
