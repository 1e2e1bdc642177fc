// SPDX-License-Identifier: BSD-3-Clause
//
// The sending paths over mbufs.

#include <algorithm>
#include <utility>

#include "virtio_user/base/log.h"
#include "virtio_user/dpdk/mbuf_path.h"
#include "virtio_user/dpdk/mbuf_policy.h"
#include "virtio_user/dpdk/mbuf_tx_queue.h"
#include "virtio_user/net/tx_path.h"

namespace virtio_user {
namespace {

template <typename Queue>
class MbufTxQueueOf final : public MbufTxQueue {
 public:
  MbufTxQueueOf(VringState& vring, const NetQueueOptions& options)
      : path_(vring, buffers_, options) {}

  static uint16_t Send(void* queue, rte_mbuf** packets, uint16_t count) {
    auto& self = static_cast<MbufTxQueueOf&>(*static_cast<MbufTxQueue*>(queue));
    const size_t sent = self.path_.Send({packets, count});
    if (sent == 0 && self.path_.broken()) [[unlikely]]
      self.TellBroken();
    return static_cast<uint16_t>(sent);
  }

  size_t Complete(size_t max_packets) override {
    return path_.Complete(max_packets);
  }
  size_t ReclaimAll() override {
    told_ = false;
    const size_t lost = path_.ReclaimAll();
    lost_.Add(lost);
    return lost;
  }
  size_t in_flight() const override { return path_.in_flight(); }
  const std::optional<Error>& broken() const override { return path_.broken(); }
  // Packets that were in the ring when it stopped have been sent as far as
  // anybody knows; they are no errors.
  NetQueueStats stats() const override {
    const uint64_t lost = lost_.value();
    NetQueueStats stats = path_.stats();
    stats.dropped -= std::min(stats.dropped, lost);
    return stats;
  }

 private:
  void TellBroken() {
    if (std::exchange(told_, true)) return;
    Log(LogLevel::kError,
        "the back-end broke a transmit ring, which rests until the port is "
        "stopped and started: %s",
        path_.broken()->text().data());
  }

  MbufPolicy buffers_;
  TxPath<Queue, MbufPolicy> path_;
  Counter lost_;
  bool told_ = false;
};

}  // namespace

MbufTxQueue::Burst MbufTxQueue::BurstFor(FeatureSet accepted) {
  return WithMbufRing(accepted, []<typename Queue>() -> Burst {
    return &MbufTxQueueOf<Queue>::Send;
  });
}

Result<std::unique_ptr<MbufTxQueue>> MbufTxQueue::Create(
    VringState& vring, const NetQueueOptions& options) {
  if (auto fits = CheckNetQueue(vring, options.features); !fits) {
    return Fail(fits);
  }
  return WithMbufRing(
      options.features, [&]<typename Queue>() -> std::unique_ptr<MbufTxQueue> {
        return std::make_unique<MbufTxQueueOf<Queue>>(vring, options);
      });
}

}  // namespace virtio_user
