// SPDX-License-Identifier: BSD-3-Clause
//
// A ring through which chains have gone.

#ifndef FUZZ_PASSED_CHAINS_H_
#define FUZZ_PASSED_CHAINS_H_

#include <cstdint>

#include "fuzz/offer_rules.h"
#include "virtio_user/net/buffer_pool.h"
#include "virtio_user/net/rx_queue.h"
#include "virtio_user/net/tx_queue.h"
#include "virtio_user/vhost/vring_state.h"

namespace fuzz {

// All that works on one split ring, in which nothing is used that was not taken
// back.
struct PassedRing {
  const SharedRing& memory;
  OfferKind kind;
  virtio_user::VringState& vring;
  virtio_user::BufferPool& pool;
};

// A device that keeps to the rules uses chains, each in its turn, a frame of
// one byte, and the driver takes them back, until its next chain in `ring`
// comes `left` in front of index 0: of those that are used next, receiving, and
// of those that are offered next, sending. Requires: it is not nearer.
void PassChains(const PassedRing& ring, virtio_user::RxQueue& queue,
                uint16_t left);
void PassChains(const PassedRing& ring, virtio_user::TxQueue& queue,
                uint16_t left);

}  // namespace fuzz

#endif  // FUZZ_PASSED_CHAINS_H_
