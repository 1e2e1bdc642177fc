// SPDX-License-Identifier: BSD-3-Clause

#ifndef FUZZ_UNLANED_POOL_H_
#define FUZZ_UNLANED_POOL_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "virtio_user/net/buffer_pool.h"
#include "virtio_user/net/net_queue.h"
#include "virtio_user/net/rx_queue.h"
#include "virtio_user/net/tx_queue.h"
#include "virtio_user/ring/driver_queue.h"
#include "virtio_user/vhost/vring_state.h"

namespace fuzz {

// A buffer policy with handles as long as a pointer, which do not come in lanes
// (DPDK's buffers are of this kind), over a pool that works either way.
class UnlanedPool : public virtio_user::BufferPool {
 public:
  using Handle = uint64_t;
  static constexpr bool kInLanes = false;

  explicit UnlanedPool(BufferPool pool) : BufferPool(std::move(pool)) {}

  class View : public BufferPool::View {
   public:
    explicit View(const BufferPool::View& view) : BufferPool::View(view) {}
    virtio_user::OfferedBuffer<Handle> Whole(const Packet& packet) const {
      const auto whole = BufferPool::View::Whole(packet);
      return {whole.buffer, whole.cookie};
    }
  };
  View view(uint32_t header_bytes) const {
    return View(BufferPool::view(header_bytes));
  }
  static Handle HandleOf(const Packet& packet) { return packet.buffer; }
};

// RxQueue::Create and TxQueue::Create over such a pool, which outlives them.
// Requires: those succeed.
std::unique_ptr<virtio_user::RxQueue> MakeUnlanedRx(
    virtio_user::VringState& vring, UnlanedPool& pool,
    const virtio_user::NetQueueOptions& options);
std::unique_ptr<virtio_user::TxQueue> MakeUnlanedTx(
    virtio_user::VringState& vring, UnlanedPool& pool,
    const virtio_user::NetQueueOptions& options);

}  // namespace fuzz

#endif  // FUZZ_UNLANED_POOL_H_
