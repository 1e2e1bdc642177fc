// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/ring/device_queue.h"

#include "virtio_user/base/check.h"

namespace virtio_user {
namespace {

using Queues = std::variant<SplitDeviceQueue, PackedDeviceQueue>;

Queues MakeQueue(const RingLayout& layout, const DeviceQueueOptions& options) {
  if (layout.format == RingFormat::kSplit) {
    return Queues(std::in_place_type<SplitDeviceQueue>, layout,
                  options.next_avail.index, options.next_used.index,
                  options.event_index);
  }
  return Queues(std::in_place_type<PackedDeviceQueue>, layout,
                options.next_avail, options.next_used, options.event_index);
}

RingPosition PositionOf(uint16_t index) { return {.index = index}; }
RingPosition PositionOf(RingPosition position) { return position; }

}  // namespace

DeviceQueue::DeviceQueue(const RingLayout& layout,
                         const DeviceQueueOptions& options)
    : queue_(MakeQueue(layout, options)) {}

Result<bool> DeviceQueue::Pop(AddressResolver resolve, DescriptorChain& chain) {
  if (auto* const queue = split()) return queue->Pop(resolve, chain);
  return packed().Pop(resolve, chain);
}

PopOutcome DeviceQueue::PopOne(SingleBuffer& one) {
  if (auto* const queue = split()) return queue->PopOne(one);
  return packed().PopOne(one);
}

void DeviceQueue::Put(const ChainToken& token, uint32_t bytes) {
  if (auto* const queue = split()) return queue->Put(token.id, bytes);
  packed().Put(token, bytes);
}

void DeviceQueue::PutBatch(std::span<const ChainToken> batch,
                           uint32_t bytes_of_last) {
  VU_CHECK(!batch.empty() && batch.size() <= layout().num);
  const uint16_t last = batch.back().id;
  if (auto* const queue = split()) {
    const auto count = static_cast<uint16_t>(batch.size());
    return queue->PutBatch(last, bytes_of_last, count);
  }
  uint32_t descriptor_count = 0;
  for (const ChainToken& token : batch) {
    descriptor_count += token.descriptor_count;
  }
  packed().PutBatch(last, bytes_of_last, descriptor_count);
}

void DeviceQueue::Publish() {
  std::visit([](auto& queue) { queue.Publish(); }, queue_);
}

void DeviceQueue::Break(const Error& reason) {
  std::visit([&](auto& queue) { queue.Break(reason); }, queue_);
}

const std::optional<Error>& DeviceQueue::broken() const {
  return std::visit(
      [](const auto& queue) -> const std::optional<Error>& {
        return queue.broken();
      },
      queue_);
}

bool DeviceQueue::DriverWantsInterrupt() {
  return std::visit([](auto& queue) { return queue.DriverWantsInterrupt(); },
                    queue_);
}

void DeviceQueue::SuppressKicks(bool suppress) {
  std::visit([&](auto& queue) { queue.SuppressKicks(suppress); }, queue_);
}

const RingLayout& DeviceQueue::layout() const {
  return std::visit(
      [](const auto& queue) -> const RingLayout& { return queue.layout(); },
      queue_);
}

RingPosition DeviceQueue::next_avail() const {
  return std::visit(
      [](const auto& queue) { return PositionOf(queue.next_avail()); }, queue_);
}

RingPosition DeviceQueue::next_used() const {
  return std::visit(
      [](const auto& queue) { return PositionOf(queue.next_used()); }, queue_);
}

}  // namespace virtio_user
