// SPDX-License-Identifier: BSD-3-Clause
//
// The receiving paths over own buffers.

#include "virtio_user/net/net_header.h"
#include "virtio_user/net/path_selection.h"
#include "virtio_user/net/rx_path.h"
#include "virtio_user/net/rx_queue.h"
#include "virtio_user/ring/packed_driver_queue.h"
#include "virtio_user/ring/split_driver_queue.h"

namespace virtio_user {
namespace {

template <typename Queue, Merging kMerging>
class RxQueueOf final : public RxQueue {
 public:
  RxQueueOf(VringState& vring, BufferPool& pool, FeatureSet features)
      : path_(vring, pool, features) {}

  size_t Receive(std::span<Packet> out) override { return path_.Receive(out); }
  bool SuppressInterrupts(bool suppress) override {
    return path_.SuppressInterrupts(suppress);
  }
  size_t ReclaimAll() override { return path_.ReclaimAll(); }
  size_t in_flight() const override { return path_.in_flight(); }
  const std::optional<Error>& broken() const override { return path_.broken(); }
  NetQueueStats stats() const override { return path_.stats(); }

 private:
  RxPath<Queue, kMerging, BufferPool> path_;
};

template <typename Queue>
std::unique_ptr<RxQueue> Make(Merging merging, VringState& vring,
                              BufferPool& pool, FeatureSet features) {
  if (merging == Merging::kMergeable) {
    return std::make_unique<RxQueueOf<Queue, Merging::kMergeable>>(vring, pool,
                                                                   features);
  }
  return std::make_unique<RxQueueOf<Queue, Merging::kNone>>(vring, pool,
                                                            features);
}

using Handle = BufferPool::Handle;

}  // namespace

Result<std::unique_ptr<RxQueue>> RxQueue::Create(
    VringState& vring, BufferPool& pool, const NetQueueOptions& options) {
  const auto checked = CheckNetQueue(vring, options.features);
  if (!checked) return Fail(checked);
  if (RxHeaderPlace(options.features) == HeaderPlace::kOwnDescriptor &&
      vring.ring.layout.num < 2) {
    return Fail(ErrorCode::kInvalidArgument,
                "a ring of 1 descriptor cannot take a legacy header and data");
  }
  const DataPath& path = SelectPath(options.features);
  const bool in_order = path.order == UseOrder::kInOrder;
  if (path.format == RingFormat::kPacked) {
    return in_order ? Make<PackedDriverQueue<UseOrder::kInOrder, Handle>>(
                          path.merging, vring, pool, options.features)
                    : Make<PackedDriverQueue<UseOrder::kAny, Handle>>(
                          path.merging, vring, pool, options.features);
  }
  return in_order ? Make<SplitDriverQueue<UseOrder::kInOrder, Handle>>(
                        path.merging, vring, pool, options.features)
                  : Make<SplitDriverQueue<UseOrder::kAny, Handle>>(
                        path.merging, vring, pool, options.features);
}

}  // namespace virtio_user
