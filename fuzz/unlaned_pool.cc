// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/unlaned_pool.h"

#include <optional>
#include <span>

#include "virtio_user/base/error.h"
#include "virtio_user/net/rx_path.h"
#include "virtio_user/net/tx_path.h"
#include "virtio_user/ring/packed_driver_queue.h"
#include "virtio_user/ring/split_driver_queue.h"
#include "virtio_user/spec/feature.h"

namespace fuzz {

using virtio_user::Error;
using virtio_user::Feature;
using virtio_user::Merging;
using virtio_user::NetQueueOptions;
using virtio_user::NetQueueStats;
using virtio_user::PackedDriverQueue;
using virtio_user::Packet;
using virtio_user::RxPath;
using virtio_user::RxQueue;
using virtio_user::SplitDriverQueue;
using virtio_user::TxPath;
using virtio_user::TxQueue;
using virtio_user::UseOrder;
using virtio_user::VringState;

namespace {

// The two have the same calls but for what moves packets.
template <typename Base, typename Path>
class QueueOf : public Base {
 public:
  template <typename Options>
  QueueOf(VringState& vring, UnlanedPool& pool, const Options& options)
      : path_(vring, pool, options) {}

  size_t ReclaimAll() override { return path_.ReclaimAll(); }
  size_t in_flight() const override { return path_.in_flight(); }
  const std::optional<Error>& broken() const override { return path_.broken(); }
  NetQueueStats stats() const override { return path_.stats(); }

 protected:
  Path path_;
};

template <typename Queue, Merging kMerging>
class RxQueueOf final
    : public QueueOf<RxQueue, RxPath<Queue, kMerging, UnlanedPool>> {
 public:
  using RxQueueOf::QueueOf::QueueOf;
  size_t Receive(std::span<Packet> out) override {
    return this->path_.Receive(out);
  }
  bool SuppressInterrupts(bool suppress) override {
    return this->path_.SuppressInterrupts(suppress);
  }
};

template <typename Queue>
class TxQueueOf final : public QueueOf<TxQueue, TxPath<Queue, UnlanedPool>> {
 public:
  using TxQueueOf::QueueOf::QueueOf;
  size_t Send(std::span<const Packet> packets) override {
    return this->path_.Send(packets);
  }
  size_t Complete(size_t max_chains) override {
    return this->path_.Complete(max_chains);
  }
};

// Calls `use` with the driver queue that fits.
template <typename Use>
auto WithRing(virtio_user::FeatureSet accepted, const Use& use) {
  using Handle = UnlanedPool::Handle;
  constexpr UseOrder kAny = UseOrder::kAny;
  constexpr UseOrder kInOrder = UseOrder::kInOrder;
  const bool in_order = accepted.Has(Feature::kInOrder);
  if (accepted.Has(Feature::kRingPacked)) {
    return in_order
               ? use.template operator()<PackedDriverQueue<kInOrder, Handle>>()
               : use.template operator()<PackedDriverQueue<kAny, Handle>>();
  }
  return in_order
             ? use.template operator()<SplitDriverQueue<kInOrder, Handle>>()
             : use.template operator()<SplitDriverQueue<kAny, Handle>>();
}

}  // namespace

std::unique_ptr<RxQueue> MakeUnlanedRx(VringState& vring, UnlanedPool& pool,
                                       const NetQueueOptions& options) {
  const auto& features = options.features;
  const bool merging = features.Has(Feature::kNetMrgRxbuf);
  return WithRing(features, [&]<typename Queue>() -> std::unique_ptr<RxQueue> {
    if (merging) {
      return std::make_unique<RxQueueOf<Queue, Merging::kMergeable>>(
          vring, pool, features);
    }
    return std::make_unique<RxQueueOf<Queue, Merging::kNone>>(vring, pool,
                                                              features);
  });
}

std::unique_ptr<TxQueue> MakeUnlanedTx(VringState& vring, UnlanedPool& pool,
                                       const NetQueueOptions& options) {
  return WithRing(
      options.features, [&]<typename Queue>() -> std::unique_ptr<TxQueue> {
        return std::make_unique<TxQueueOf<Queue>>(vring, pool, options);
      });
}

}  // namespace fuzz
