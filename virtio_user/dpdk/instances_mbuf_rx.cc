// SPDX-License-Identifier: BSD-3-Clause
//
// The receiving paths over mbufs.

#include <rte_mempool.h>

#include <utility>

#include "virtio_user/base/log.h"
#include "virtio_user/dpdk/mbuf_path.h"
#include "virtio_user/dpdk/mbuf_policy.h"
#include "virtio_user/dpdk/mbuf_rx_queue.h"
#include "virtio_user/net/net_header.h"
#include "virtio_user/net/rx_path.h"

namespace virtio_user {
namespace {

// The smallest buffer that takes any frame of ordinary Ethernet in pieces.
constexpr uint32_t kMinRoom = 64;

template <typename Queue, Merging kMerging>
class MbufRxQueueOf final : public MbufRxQueue {
 public:
  MbufRxQueueOf(VringState& vring, const MbufRxOptions& options)
      : buffers_(*options.pool, options.port),
        path_(vring, buffers_, options.features) {}

  static uint16_t Poll(void* queue, rte_mbuf** packets, uint16_t count) {
    auto& self = static_cast<MbufRxQueueOf&>(*static_cast<MbufRxQueue*>(queue));
    const size_t received = self.path_.Receive({packets, count});
    if (received == 0 && self.path_.broken()) [[unlikely]]
      self.TellBroken();
    return static_cast<uint16_t>(received);
  }

  size_t ReclaimAll() override {
    told_ = false;
    return path_.ReclaimAll();
  }
  size_t in_flight() const override { return path_.in_flight(); }
  uint32_t room() const override { return buffers_.room(); }
  const std::optional<Error>& broken() const override { return path_.broken(); }
  NetQueueStats stats() const override { return path_.stats(); }

 private:
  void TellBroken() {
    if (std::exchange(told_, true)) return;
    Log(LogLevel::kError,
        "the back-end broke a receive ring, which rests until the port is "
        "stopped and started: %s",
        path_.broken()->text().data());
  }

  MbufPolicy buffers_;
  RxPath<Queue, kMerging, MbufPolicy> path_;
  bool told_ = false;
};

template <typename Queue>
std::unique_ptr<MbufRxQueue> Make(VringState& vring,
                                  const MbufRxOptions& options) {
  if (SelectPath(options.features).merging == Merging::kMergeable) {
    return std::make_unique<MbufRxQueueOf<Queue, Merging::kMergeable>>(vring,
                                                                       options);
  }
  return std::make_unique<MbufRxQueueOf<Queue, Merging::kNone>>(vring, options);
}

Result<void> CheckPool(rte_mempool& pool) {
  const uint32_t room = rte_pktmbuf_data_room_size(&pool);
  if (room < MbufPolicy::kHeadroom + kMinRoom) {
    return Fail(ErrorCode::kInvalidArgument,
                "the mbufs of mempool %s have %u bytes of room; %u are needed",
                pool.name, room, MbufPolicy::kHeadroom + kMinRoom);
  }
  if ((rte_pktmbuf_priv_flags(&pool) & RTE_PKTMBUF_POOL_F_PINNED_EXT_BUF) !=
      0) {
    return Fail(ErrorCode::kUnsupported,
                "the buffers of mempool %s are pinned external memory, which "
                "no back-end can map",
                pool.name);
  }
  return {};
}

}  // namespace

MbufRxQueue::Burst MbufRxQueue::BurstFor(FeatureSet accepted) {
  const bool merging = SelectPath(accepted).merging == Merging::kMergeable;
  return WithMbufRing(accepted, [&]<typename Queue>() -> Burst {
    return merging ? &MbufRxQueueOf<Queue, Merging::kMergeable>::Poll
                   : &MbufRxQueueOf<Queue, Merging::kNone>::Poll;
  });
}

Result<std::unique_ptr<MbufRxQueue>> MbufRxQueue::Create(
    VringState& vring, const MbufRxOptions& options) {
  if (auto fits = CheckNetQueue(vring, options.features); !fits) {
    return Fail(fits);
  }
  if (auto fits = CheckPool(*options.pool); !fits) return Fail(fits);
  if (RxHeaderPlace(options.features) == HeaderPlace::kOwnDescriptor &&
      vring.ring.layout.num < 2) {
    return Fail(ErrorCode::kInvalidArgument,
                "a ring of 1 descriptor cannot take a legacy header and data");
  }
  return WithMbufRing(options.features, [&]<typename Queue>() {
    return Make<Queue>(vring, options);
  });
}

}  // namespace virtio_user
