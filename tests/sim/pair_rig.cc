// SPDX-License-Identifier: BSD-3-Clause

#include "tests/sim/pair_rig.h"

#include <algorithm>

#include "gtest/gtest.h"

namespace sim_test {

using virtio_user::DeviceAddr;
using virtio_user::DeviceBuffer;
using virtio_user::FileDescriptor;
using virtio_user::MemoryTable;
using virtio_user::RingLayout;
using virtio_user::SplitDriverQueue;
using virtio_user::UsedChain;

PairRig::PairRig(RawClient& client, uint16_t pair) : client_(client) {
  Make(rx, static_cast<uint16_t>(2 * pair));
  Make(tx, static_cast<uint16_t>(2 * pair + 1));
}

void PairRig::Make(RingRig& ring, uint16_t index) {
  auto& world = client_.world();
  ring.index = index;
  const auto memory = world.memory().Allocate(
      RingLayout::BytesFor(virtio_user::RingFormat::kSplit, kRigRingSize),
      RingLayout::kAlign);
  ASSERT_TRUE(memory.has_value());
  ring.ring.layout = *RingLayout::PlaceIn(
      *memory, virtio_user::RingFormat::kSplit, kRigRingSize);
  ring.ring.gate.Open();
  ring.kick = *FileDescriptor::CreateEvent(world.fds());
  ring.call = *FileDescriptor::CreateEvent(world.fds());
  ring.queue = std::make_unique<SplitDriverQueue>(
      ring.ring, virtio_user::SplitDriverQueueOptions{});
  ring.buffers = *world.memory().Allocate(kRigRingSize * kRigBufferBytes, 64);
}

DeviceAddr PairRig::AddressOf(const std::byte* at, size_t bytes) {
  DeviceAddr address;
  client_.world().memory().WithTable([&](const MemoryTable& table) {
    const auto found = table.ToDevice(at, bytes);
    EXPECT_TRUE(found.has_value());
    if (found) address = *found;
  });
  return address;
}

void PairRig::Configure(RingRig& ring, uint16_t base) {
  const RingLayout& layout = ring.ring.layout;
  const uint64_t index = ring.index;
  client_.Send(
      {.request = 13, .payload = U64(index), .fds = {ring.call.get()}});
  client_.Send({.request = 8, .payload = State(ring.index, layout.num)});
  client_.Send({.request = 10, .payload = State(ring.index, base)});
  client_.Send({.request = 9,
                .payload = Payload()
                               .U32(ring.index)
                               .U32(0)
                               .U64(AddressOf(layout.desc, 1).value)
                               .U64(AddressOf(layout.device, 1).value)
                               .U64(AddressOf(layout.driver, 1).value)
                               .U64(0)});
  client_.Send(
      {.request = 12, .payload = U64(index), .fds = {ring.kick.get()}});
}

void PairRig::Start(bool enable) {
  Configure(rx);
  Configure(tx);
  if (!enable) return;
  client_.Send({.request = 18, .payload = State(rx.index, 1)});
  client_.Send({.request = 18, .payload = State(tx.index, 1)});
}

std::span<std::byte> PairRig::NextBuffer(RingRig& ring) {
  const size_t at = ring.next_buffer++ % kRigRingSize;
  return ring.buffers.subspan(at * kRigBufferBytes, kRigBufferBytes);
}

void PairRig::PostRx(uint32_t bytes) {
  const auto cookie = static_cast<uint32_t>(rx.next_buffer % kRigRingSize);
  const std::span<std::byte> buffer = NextBuffer(rx);
  const DeviceBuffer writable{.addr = AddressOf(buffer.data(), bytes),
                              .bytes = bytes};
  EXPECT_TRUE(rx.queue->Offer({.writable = {&writable, 1}, .cookie = cookie}));
  rx.queue->Publish();
  (void)rx.kick.Signal();
}

void PairRig::SendTx(const Bytes& header, const Bytes& packet,
                     const std::vector<size_t>& cuts) {
  const std::span<std::byte> buffer = NextBuffer(tx);
  std::ranges::copy(header, buffer.begin());
  std::ranges::copy(
      packet, buffer.begin() + static_cast<std::ptrdiff_t>(header.size()));
  const size_t total = header.size() + packet.size();
  std::vector<DeviceBuffer> readable;
  size_t at = 0;
  for (const size_t cut : cuts) {
    readable.push_back({.addr = AddressOf(buffer.data() + at, cut),
                        .bytes = static_cast<uint32_t>(cut)});
    at += cut;
  }
  readable.push_back({.addr = AddressOf(buffer.data() + at, total - at),
                      .bytes = static_cast<uint32_t>(total - at)});
  EXPECT_TRUE(tx.queue->Offer({.readable = readable}));
  tx.queue->Publish();
  (void)tx.kick.Signal();
}

std::optional<Bytes> PairRig::TakeRx() {
  UsedChain used;
  const auto count = rx.queue->TakeUsed({&used, 1});
  EXPECT_TRUE(count.has_value());
  if (!count || *count == 0) return std::nullopt;
  const auto bytes =
      rx.buffers.subspan(used.cookie * kRigBufferBytes, used.bytes);
  return Bytes(bytes.begin(), bytes.end());
}

size_t PairRig::ReapTx() {
  std::vector<UsedChain> used(kRigRingSize);
  const auto count = tx.queue->TakeUsed(used);
  EXPECT_TRUE(count.has_value());
  return count.value_or(0);
}

Bytes Pattern(size_t count, uint8_t first) {
  Bytes bytes(count);
  for (size_t i = 0; i < count; ++i) {
    bytes[i] = static_cast<std::byte>((first + i) & 0xff);
  }
  return bytes;
}

Bytes Header(size_t bytes) { return Bytes(bytes); }

}  // namespace sim_test
