// SPDX-License-Identifier: BSD-3-Clause

#include "tests/sim/pair_rig.h"

#include <algorithm>

#include "gtest/gtest.h"

namespace sim_test {

using virtio_user::BareBuffer;
using virtio_user::BareDriver;
using virtio_user::BareUsed;
using virtio_user::DeviceAddr;
using virtio_user::FileDescriptor;
using virtio_user::MemoryTable;
using virtio_user::RingFormat;
using virtio_user::RingLayout;

PairRig::PairRig(RawClient& client, uint16_t pair, PairRigOptions options)
    : client_(client), options_(options) {
  Make(rx, static_cast<uint16_t>(2 * pair));
  Make(tx, static_cast<uint16_t>(2 * pair + 1));
}

void PairRig::Make(RingRig& ring, uint16_t index) {
  auto& world = client_.world();
  ring.index = index;
  const auto memory = world.memory().Allocate(
      RingLayout::BytesFor(options_.format, options_.num), RingLayout::kAlign);
  ASSERT_TRUE(memory.has_value());
  ring.layout = *RingLayout::PlaceIn(*memory, options_.format, options_.num);
  ring.kick = *FileDescriptor::CreateEvent(world.fds());
  ring.call = *FileDescriptor::CreateEvent(world.fds());
  using Order = BareDriver::Order;
  ring.driver = std::make_unique<BareDriver>(
      ring.layout, virtio_user::RingPosition{},
      options_.in_order ? Order::kInOrder : Order::kAny);
  if (options_.event_idx && options_.format == RingFormat::kSplit) {
    ring.driver->InterruptAt({.index = 0x8000});
  } else {
    ring.driver->SuppressInterrupts(true);
  }
  ring.buffers = *world.memory().Allocate(options_.num * kRigBufferBytes, 64);
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

void PairRig::Configure(RingRig& ring, uint32_t base) {
  const RingLayout& layout = ring.layout;
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
  const size_t at = ring.next_buffer++ % options_.num;
  return ring.buffers.subspan(at * kRigBufferBytes, kRigBufferBytes);
}

void PairRig::PostRx(uint32_t bytes) {
  const auto number = static_cast<uint16_t>(rx.next_buffer % options_.num);
  const std::span<std::byte> buffer = NextBuffer(rx);
  const BareBuffer writable{
      .buffer = {.addr = AddressOf(buffer.data(), bytes), .bytes = bytes},
      .writable = true};
  rx.buffer_of[rx.driver->Offer(writable)] = number;
  (void)rx.kick.Signal();
}

void PairRig::SendTx(const Bytes& header, const Bytes& packet,
                     const std::vector<size_t>& cuts) {
  const std::span<std::byte> buffer = NextBuffer(tx);
  std::ranges::copy(header, buffer.begin());
  std::ranges::copy(
      packet, buffer.begin() + static_cast<std::ptrdiff_t>(header.size()));
  const size_t total = header.size() + packet.size();
  std::vector<BareBuffer> readable;
  size_t at = 0;
  const auto add = [&](size_t bytes) {
    readable.push_back({.buffer = {.addr = AddressOf(buffer.data() + at, bytes),
                                   .bytes = static_cast<uint32_t>(bytes)}});
    at += bytes;
  };
  for (const size_t cut : cuts) add(cut);
  add(total - at);
  tx.driver->Offer(readable);
  (void)tx.kick.Signal();
}

std::optional<Bytes> PairRig::TakeRx() {
  const std::optional<BareUsed> used = rx.driver->Take();
  if (!used) return std::nullopt;
  const auto bytes = rx.buffers.subspan(
      rx.buffer_of.at(used->id) * kRigBufferBytes, used->bytes);
  return Bytes(bytes.begin(), bytes.end());
}

size_t PairRig::ReapTx() {
  size_t count = 0;
  while (tx.driver->Take()) ++count;
  return count;
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
