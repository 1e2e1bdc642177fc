// SPDX-License-Identifier: BSD-3-Clause

#include "bench/ring_pair.h"

#include <array>
#include <cstring>
#include <memory>

#include "virtio_user/base/check.h"
#include "virtio_user/net/net_header.h"
#include "virtio_user/ring/shared_memory.h"

namespace virtio_user::bench {
namespace {

constexpr size_t kAlign = 4096;
constexpr uint32_t kBufferBytes = 2048;
constexpr uint32_t kBufferCount = 2 * RingPair::kRingSize;

size_t BytesForAll(RingFormat format) {
  return 2 * RingLayout::BytesFor(format, RingPair::kRingSize) +
         size_t{kBufferCount} * kBufferBytes +
         TxScratchBytes(RingPair::kRingSize) + 8 * kAlign;
}

}  // namespace

FeatureSet FeaturesOf(const DataPath& path) {
  FeatureSet features = {Feature::kVersion1, Feature::kIndirectDesc};
  if (path.format == RingFormat::kPacked) features.Add(Feature::kRingPacked);
  if (path.order == UseOrder::kInOrder) features.Add(Feature::kInOrder);
  if (path.merging == Merging::kMergeable) features.Add(Feature::kNetMrgRxbuf);
  return features;
}

RingPair::RingPair(const DataPath& path, Use use)
    : use_(use),
      header_bytes_(static_cast<uint32_t>(NetHeaderBytes(FeaturesOf(path)))),
      storage_(std::make_unique<std::byte[]>(BytesForAll(path.format))) {
  void* start = storage_.get();
  size_t room = BytesForAll(path.format);
  VU_CHECK(std::align(kAlign, room - kAlign, start, room) != nullptr);
  memory_ = {static_cast<std::byte*>(start), room};
  const auto place = [&](VringState& vring) {
    const auto ring = Take(RingLayout::BytesFor(path.format, kRingSize));
    vring.ring.layout = *RingLayout::PlaceIn(ring, path.format, kRingSize);
  };
  place(rx_vring_);
  place(tx_vring_);
  const auto buffers = Take(size_t{kBufferCount} * kBufferBytes);
  pool_.emplace(*BufferPool::Create({.memory = buffers,
                                     .memory_addr = AddrOf(buffers),
                                     .buffer_bytes = kBufferBytes}));
  const auto scratch = Take(TxScratchBytes(kRingSize));
  const NetQueueOptions options{.features = FeaturesOf(path),
                                .scratch = scratch,
                                .scratch_addr = AddrOf(scratch)};
  rx_ = *RxQueue::Create(rx_vring_, *pool_, options);
  tx_ = *TxQueue::Create(tx_vring_, *pool_, options);
  rx_device_.emplace(rx_vring_.ring.layout);
  tx_device_.emplace(tx_vring_.ring.layout);
  rx_device_->SuppressKicks(true);
  tx_device_->SuppressKicks(true);
  rx_vring_.ring.gate.Open();
  tx_vring_.ring.gate.Open();
}

std::span<std::byte> RingPair::Take(size_t bytes) {
  const std::span<std::byte> taken = memory_.subspan(taken_, bytes);
  taken_ += (bytes + kAlign - 1) / kAlign * kAlign;
  return taken;
}

Packet RingPair::MakePacket() {
  const std::array<std::byte, kFrameBytes> frame{};
  return *pool_->Make(frame);
}

// Nothing is said about the frame, and it lies in one buffer.
void RingPair::MarkWhole(std::byte* header) const {
  NetHeader whole{};
  whole.num_buffers = 1;
  std::memcpy(header, &whole, sizeof(whole));
}

template <typename UseOne>
size_t RingPair::UseUpTo(size_t count, DeviceQueue& device,
                         const UseOne& use_one) {
  size_t done = 0;
  SingleBuffer one;
  SingleBuffer next;
  while (done < count && device.PopOne(one) == PopOutcome::kOne) {
    if (use_ == Use::kSwapped && done + 1 < count &&
        device.PopOne(next) == PopOutcome::kOne) {
      use_one(next);
      ++done;
    }
    use_one(one);
    ++done;
  }
  device.Publish();
  return done;
}

size_t RingPair::Fill(size_t count) {
  return UseUpTo(count, *rx_device_, [this](const SingleBuffer& one) {
    MarkWhole(HostOf(one.buffer.addr));
    rx_device_->Put(one.token, header_bytes_ + kFrameBytes);
  });
}

size_t RingPair::Drain(size_t count) {
  return UseUpTo(count, *tx_device_, [this](const SingleBuffer& one) {
    tx_device_->Put(one.token, 0);
  });
}

size_t RingPair::Echo(size_t count) {
  size_t done = 0;
  SingleBuffer from;
  SingleBuffer to;
  while (done < count && tx_device_->PopOne(from) == PopOutcome::kOne) {
    // There are as many RX buffers as packets go round.
    VU_CHECK(rx_device_->PopOne(to) == PopOutcome::kOne);
    VU_CHECK(to.buffer.bytes >= from.buffer.bytes);
    std::byte* const target = HostOf(to.buffer.addr);
    std::memcpy(target, HostOf(from.buffer.addr), from.buffer.bytes);
    MarkWhole(target);
    tx_device_->Put(from.token, 0);
    rx_device_->Put(to.token, from.buffer.bytes);
    ++done;
  }
  tx_device_->Publish();
  rx_device_->Publish();
  return done;
}

bool RingPair::Sound() const {
  return !rx_->broken() && !tx_->broken() && !rx_device_->broken() &&
         !tx_device_->broken() && rx_->stats().kicks == 0 &&
         tx_->stats().kicks == 0 && rx_->stats().dropped == 0 &&
         tx_->stats().dropped == 0;
}

}  // namespace virtio_user::bench
