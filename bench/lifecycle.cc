// SPDX-License-Identifier: BSD-3-Clause

#include "bench/lifecycle.h"

#include <array>
#include <cstring>
#include <utility>

#include "virtio_user/ring/split_driver_queue.h"
#include "virtio_user/spec/net.h"

namespace virtio_user::bench {
namespace {

constexpr uint16_t kRingSize = 256;

}  // namespace

Result<std::unique_ptr<Lifecycle>> Lifecycle::Open(Seams seams,
                                                   uint16_t pairs) {
  auto device = Device::Create(
      {.queue_pairs = pairs, .queue_size = kRingSize, .control_queue = true},
      {.backend = std::move(seams.backend),
       .memory = seams.memory,
       .fds = seams.fds,
       .quiescer = seams.quiescer});
  if (!device) return Fail(device);
  std::unique_ptr<Lifecycle> lifecycle(
      new Lifecycle(*std::move(device), seams.memory));
  if (auto up = lifecycle->BringUp(pairs); !up) return Fail(up);
  return lifecycle;
}

Lifecycle::~Lifecycle() {
  device_.reset();
  for (const auto block : blocks_) memory_.Free(block);
}

Result<void> Lifecycle::BringUp(uint16_t pairs) {
  if (auto done = device_->Negotiate(device_->offered()); !done) return done;
  for (uint16_t vring = 0; vring < 2 * pairs; ++vring) {
    const auto ring = NewRing();
    if (!ring) return Fail(ring);
    if (auto done = device_->ConfigureRing(vring, *ring); !done) return done;
  }
  const auto ring = NewRing();
  if (!ring) return Fail(ring);
  control_ring_.layout = *ring;
  if (auto done = device_->ConfigureControlRing(*ring); !done) return done;
  if (auto done = device_->Start(); !done) return done;
  return EnablePairs(pairs);
}

Result<RingLayout> Lifecycle::NewRing() {
  const auto memory = memory_.Allocate(
      RingLayout::BytesFor(RingFormat::kSplit, kRingSize), RingLayout::kAlign);
  if (!memory) return Fail(memory);
  blocks_.push_back(*memory);
  return RingLayout::PlaceIn(*memory, RingFormat::kSplit, kRingSize);
}

// VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, as a driver puts it on the ring.
Result<void> Lifecycle::EnablePairs(uint16_t pairs) {
  const auto memory = memory_.Allocate(64, 64);
  if (!memory) return Fail(memory);
  blocks_.push_back(*memory);
  const std::array<uint8_t, 5> request = {
      static_cast<uint8_t>(CtrlClass::kMq), kCtrlMqVqPairsSet,
      static_cast<uint8_t>(pairs), static_cast<uint8_t>(pairs >> 8), 0xff};
  std::memcpy(memory->data(), request.data(), request.size());
  DeviceAddr addr;
  memory_.WithTable([&](const MemoryTable& table) {
    addr = table.ToDevice(memory->data(), request.size()).value();
  });
  const DeviceBuffer readable = {addr, 4};
  const DeviceBuffer writable = {{addr.value + 4}, 1};
  SplitDriverQueue<UseOrder::kAny, uint32_t> queue(control_ring_);
  queue.Offer({.readable = {&readable, 1}, .writable = {&writable, 1}});
  queue.Publish();
  if (auto done = device_->NotifyControlQueue(); !done) return done;
  if (device_->active_pairs() == pairs) return {};
  return Fail(ErrorCode::kRefused, "%u pairs were asked for, %u are active",
              pairs, device_->active_pairs());
}

}  // namespace virtio_user::bench
