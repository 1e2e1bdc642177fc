// SPDX-License-Identifier: BSD-3-Clause
//
// One call of a receive or send queue, in a ring of which all is known: what it
// has to do is computed before it, from what stands in the ring, and compared
// with what it did.

#ifndef FUZZ_QUEUE_CHECKS_H_
#define FUZZ_QUEUE_CHECKS_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "fuzz/chains_in_flight.h"
#include "fuzz/received_frames.h"
#include "fuzz/send_rule.h"
#include "fuzz/sent_frames.h"
#include "virtio_user/net/buffer_pool.h"
#include "virtio_user/net/net_queue.h"

namespace fuzz {

// What a queue says afterwards; what it counts has to be what it did.
struct QueueState {
  size_t in_flight = 0;
  bool broken = false;
  virtio_user::NetQueueStats stats;

  template <typename Queue>
  static QueueState Of(const Queue& queue) {
    return {.in_flight = queue.in_flight(),
            .broken = queue.broken().has_value(),
            .stats = queue.stats()};
  }
};

class RxChecks {
 public:
  struct Terms {
    ReceivedFrames::Terms frames;
    uint32_t room_bytes = 0;   // For a header and a frame, of one buffer.
    uint16_t descriptors = 1;  // Of one buffer.
  };

  RxChecks(const SharedRing& memory, const OfferKind& kind, const Terms& terms)
      : terms_(terms), chains_(memory, kind), frames_(memory, terms.frames) {}

  ChainsInFlight& chains() { return chains_; }
  void BeforeReceive(const QueueState& before, size_t most);
  // Packets, in order and byte for byte; the queue broke where a rule was
  // broken, and has else offered what is free, as far as there is room.
  void AfterReceive(const QueueState& after,
                    const virtio_user::BufferPool& pool,
                    std::span<const virtio_user::Packet> packets);

 private:
  void CheckRefill(const QueueState& after,
                   const virtio_user::BufferPool& pool);

  Terms terms_;
  ChainsInFlight chains_;
  ReceivedFrames frames_;
  QueueState before_;
};

class TxChecks {
 public:
  TxChecks(const SharedRing& memory, const OfferKind& kind,
           const SendRule::Terms& terms)
      : chains_(memory, kind), rule_(terms) {}

  ChainsInFlight& chains() { return chains_; }
  SendRule& rule() { return rule_; }
  void BeforeSend(const QueueState& before, const virtio_user::BufferPool& pool,
                  std::span<const virtio_user::Packet> packets,
                  SentFrames& frames);
  // As many were taken as SendRule says, and sent and dropped.
  void AfterSend(const QueueState& after, size_t taken);
  void BeforeComplete(const QueueState& before, size_t most);
  // All came back that were used, up to `most`.
  void AfterComplete(const QueueState& after, size_t done);

 private:
  void Check(const QueueState& after, uint64_t dropped);

  ChainsInFlight chains_;
  SendRule rule_;
  QueueState before_;
  size_t done_ = 0;
};

}  // namespace fuzz

#endif  // FUZZ_QUEUE_CHECKS_H_
