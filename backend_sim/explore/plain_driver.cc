// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/explore/plain_driver.h"

#include <cstring>

#include "virtio_user/base/check.h"
#include "virtio_user/ring/shared_memory.h"
#include "virtio_user/spec/net.h"
#include "virtio_user/spec/ring.h"

namespace backend_sim {

using virtio_user::Fail;
using virtio_user::MemoryTable;
using virtio_user::Result;
using virtio_user::RingFormat;
using virtio_user::RingLayout;
using virtio_user::VirtqDesc;

namespace {

// A command's block: its header, the number of pairs, and where the ack comes.
constexpr size_t kPairsAt = 16;
constexpr size_t kAckAt = 32;
constexpr size_t kRequestBytes = 64;
constexpr std::byte kNoAck{0xee};

}  // namespace

PlainDriver::~PlainDriver() {
  for (const std::span<std::byte> block : blocks_) memory_.Free(block);
}

Result<std::span<std::byte>> PlainDriver::Allocate(size_t bytes) {
  const auto block = memory_.Allocate(bytes, RingLayout::kAlign);
  if (block) blocks_.push_back(*block);
  return block;
}

Result<RingLayout> PlainDriver::NewRing() {
  const uint16_t num = device_.queue_size();
  const auto memory = Allocate(RingLayout::BytesFor(RingFormat::kSplit, num));
  if (!memory) return Fail(memory);
  return RingLayout::PlaceIn(*memory, RingFormat::kSplit, num);
}

Result<void> PlainDriver::SetUp(uint16_t pairs) {
  if (auto done = device_.Negotiate(device_.offered()); !done) return done;
  for (uint16_t vring = 0; vring < 2 * pairs; ++vring) {
    const auto ring = NewRing();
    if (!ring) return Fail(ring);
    if (auto done = device_.ConfigureRing(vring, *ring); !done) return done;
  }
  const auto ring = NewRing();
  if (!ring) return Fail(ring);
  const auto request = Allocate(kRequestBytes);
  if (!request) return Fail(request);
  control_ = *ring;
  request_ = *request;
  published_ = 0;
  return device_.ConfigureControlRing(control_);
}

bool PlainDriver::SetPairs(uint16_t pairs) {
  VU_CHECK(control_.num >= 4);
  request_[0] = static_cast<std::byte>(virtio_user::CtrlClass::kMq);
  request_[1] = static_cast<std::byte>(virtio_user::kCtrlMqVqPairsSet);
  std::memcpy(&request_[kPairsAt], &pairs, sizeof(pairs));
  request_[kAckAt] = kNoAck;
  uint64_t base = 0;
  memory_.WithTable([&](const MemoryTable& table) {
    const auto at = table.ToDevice(request_.data(), request_.size(),
                                   device_.backend_caps().addresses);
    VU_CHECK(at.has_value());
    base = at->value;
  });
  const VirtqDesc chain[] = {
      {.addr = base, .len = 2, .flags = virtio_user::kDescFlagNext, .next = 1},
      {.addr = base + kPairsAt,
       .len = sizeof(pairs),
       .flags = virtio_user::kDescFlagNext,
       .next = 2},
      {.addr = base + kAckAt,
       .len = 1,
       .flags = virtio_user::kDescFlagWrite,
       .next = 0}};
  std::memcpy(control_.desc, chain, sizeof(chain));
  virtio_user::StoreRelaxed<uint16_t>(
      control_.driver + virtio_user::kAvailRingOffset +
          2 * (published_ & (control_.num - 1u)),
      0);
  virtio_user::StoreRelaxed<uint16_t>(
      control_.driver + virtio_user::kAvailIdxOffset, ++published_);
  (void)device_.NotifyControlQueue();
  return request_[kAckAt] == std::byte{virtio_user::kCtrlAckOk};
}

}  // namespace backend_sim
