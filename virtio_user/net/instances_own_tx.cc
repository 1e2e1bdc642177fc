// SPDX-License-Identifier: BSD-3-Clause
//
// The sending paths over own buffers.

#include "virtio_user/net/path_selection.h"
#include "virtio_user/net/tx_path.h"
#include "virtio_user/net/tx_queue.h"
#include "virtio_user/ring/packed_driver_queue.h"
#include "virtio_user/ring/split_driver_queue.h"

namespace virtio_user {
namespace {

constexpr size_t kScratchAlign = 64;

template <typename Queue>
class TxQueueOf final : public TxQueue {
 public:
  TxQueueOf(VringState& vring, BufferPool& pool, const NetQueueOptions& options)
      : path_(vring, pool, options) {}

  size_t Send(std::span<const Packet> packets) override {
    return path_.Send(packets);
  }
  size_t Complete(size_t max_chains) override {
    return path_.Complete(max_chains);
  }
  size_t ReclaimAll() override { return path_.ReclaimAll(); }
  size_t in_flight() const override { return path_.in_flight(); }
  const std::optional<Error>& broken() const override { return path_.broken(); }
  NetQueueStats stats() const override { return path_.stats(); }

 private:
  TxPath<Queue, BufferPool> path_;
};

using Handle = BufferPool::Handle;

Result<void> CheckScratch(const VringState& vring,
                          const NetQueueOptions& options) {
  if (options.scratch.empty()) return {};
  const size_t needed = TxScratchBytes(vring.ring.layout.num);
  const auto at = reinterpret_cast<uintptr_t>(options.scratch.data());
  if (options.scratch.size() >= needed && at % kScratchAlign == 0) return {};
  return Fail(ErrorCode::kInvalidArgument,
              "scratch memory of %zu bytes: a ring of %u needs %zu, aligned to "
              "%zu",
              options.scratch.size(), vring.ring.layout.num, needed,
              kScratchAlign);
}

}  // namespace

Result<std::unique_ptr<TxQueue>> TxQueue::Create(
    VringState& vring, BufferPool& pool, const NetQueueOptions& options) {
  const auto checked = CheckNetQueue(vring, options.features);
  if (!checked) return Fail(checked);
  const auto scratch = CheckScratch(vring, options);
  if (!scratch) return Fail(scratch);
  const DataPath& path = SelectPath(options.features);
  if (path.format == RingFormat::kPacked) {
    if (path.order == UseOrder::kInOrder) {
      using Queue = PackedDriverQueue<UseOrder::kInOrder, Handle>;
      return std::make_unique<TxQueueOf<Queue>>(vring, pool, options);
    }
    using Queue = PackedDriverQueue<UseOrder::kAny, Handle>;
    return std::make_unique<TxQueueOf<Queue>>(vring, pool, options);
  }
  if (path.order == UseOrder::kInOrder) {
    using Queue = SplitDriverQueue<UseOrder::kInOrder, Handle>;
    return std::make_unique<TxQueueOf<Queue>>(vring, pool, options);
  }
  using Queue = SplitDriverQueue<UseOrder::kAny, Handle>;
  return std::make_unique<TxQueueOf<Queue>>(vring, pool, options);
}

}  // namespace virtio_user
