// SPDX-License-Identifier: BSD-3-Clause

#ifndef FUZZ_SEND_RULE_H_
#define FUZZ_SEND_RULE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "fuzz/chains_in_flight.h"
#include "fuzz/sent_frames.h"
#include "virtio_user/net/buffer_pool.h"
#include "virtio_user/spec/feature.h"

namespace fuzz {

// What becomes of packets that are handed to a queue: each is sent, or dropped
// since it can never be sent, or left, with all behind it, since the ring has
// no room for it. Dropped is one without a byte, one that asks for what cannot
// be (HeaderToSend), one in front of which a header fits neither in its buffer
// nor in scratch memory, and one in more parts than the ring has descriptors
// ("The driver MUST NOT create a descriptor chain longer than the Queue Size").
//
// A driver takes back what was used where the ring has fewer free descriptors
// than it was given packets, and once more where its first packet, in several
// descriptors, finds no room. In a full ring it looks at no packet.
class SendRule {
 public:
  struct Terms {
    virtio_user::FeatureSet accepted;
    uint32_t header_bytes = 0;
    uint16_t num = 0;
    bool scratch = false;
  };
  // Buffers, and packets.
  static constexpr size_t kMost = 24;

  explicit SendRule(const Terms& terms) : terms_(terms) {}

  // A packet was made, of which so many bytes are not in its first buffer.
  void Made(const virtio_user::Packet& packet, uint32_t rest_bytes);
  // Descriptors of the ring that it takes. Nothing: it is dropped.
  std::optional<uint16_t> DescriptorsFor(
      const virtio_user::BufferPool& pool,
      const virtio_user::Packet& packet) const;

  // Before packets are handed to a queue: those that must be sent are added to
  // `frames`.
  void Foresee(ChainsInFlight& chains, const virtio_user::BufferPool& pool,
               std::span<const virtio_user::Packet> packets,
               SentFrames& frames);
  // The queue broke where it may break: nothing was sent.
  void Broke();
  // Of those packets, how many are the queue's afterwards, sent and dropped;
  // bytes of the frames that are sent.
  size_t taken() const { return sent_ + dropped_; }
  size_t sent() const { return sent_; }
  size_t dropped() const { return dropped_; }
  uint64_t bytes() const { return bytes_; }
  // Afterwards: what was made available are the packets that must be sent, each
  // in as many descriptors as it takes.
  void Check(std::span<ChainsInFlight::Chain> chains) const;

 private:
  struct Sent {
    uint16_t descriptors = 0;
    uint16_t buffers = 0;
  };
  bool TakeBack(ChainsInFlight& chains);

  Terms terms_;
  std::array<uint32_t, kMost> rest_bytes_{};  // By a packet's first buffer.
  std::array<Sent, kMost> sent_packets_;
  size_t sent_ = 0;
  size_t dropped_ = 0;
  size_t dropped_before_ = 0;  // The queue broke where it may break.
  uint64_t bytes_ = 0;
};

}  // namespace fuzz

#endif  // FUZZ_SEND_RULE_H_
