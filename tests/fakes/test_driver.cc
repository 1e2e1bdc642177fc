// SPDX-License-Identifier: BSD-3-Clause

#include "tests/fakes/test_driver.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "virtio_user/base/check.h"
#include "virtio_user/ring/shared_memory.h"
#include "virtio_user/spec/ring.h"

namespace testing_support {

using virtio_user::Device;
using virtio_user::FeatureSet;
using virtio_user::LoadRelaxed;
using virtio_user::MemoryTable;
using virtio_user::Result;
using virtio_user::RingLayout;
using virtio_user::StoreRelaxed;
using virtio_user::VirtqDesc;

namespace {

// Where the parts of a request lie in its block.
constexpr size_t kDataAt = 16;
constexpr size_t kAckAt = 64;
constexpr size_t kRequestBytes = 128;

}  // namespace

TestDriver::~TestDriver() { FreeMemory(); }

void TestDriver::FreeMemory() {
  for (const std::span<std::byte> block : std::exchange(blocks_, {})) {
    memory_.Free(block);
  }
}

std::span<std::byte> TestDriver::Allocate(size_t bytes) {
  const auto block = memory_.Allocate(bytes, RingLayout::kAlign);
  VU_CHECK(block.has_value());
  blocks_.push_back(*block);
  return *block;
}

RingLayout TestDriver::NewRing() {
  const uint16_t num = device_.queue_size();
  return *RingLayout::PlaceIn(
      Allocate(RingLayout::BytesFor(virtio_user::RingFormat::kSplit, num)),
      virtio_user::RingFormat::kSplit, num);
}

Result<void> TestDriver::SetUp(uint16_t pairs, FeatureSet without) {
  if (auto done = device_.Negotiate(device_.offered() & ~without); !done) {
    return done;
  }
  if (auto done = ConfigurePairs(pairs); !done) return done;
  if (!device_.accepted().Has(virtio_user::Feature::kNetCtrlVq)) return {};
  return ConfigureControl();
}

Result<void> TestDriver::ConfigurePairs(uint16_t pairs) {
  for (uint16_t ring = 0; ring < 2 * pairs; ++ring) {
    if (auto done = device_.ConfigureRing(ring, NewRing()); !done) return done;
  }
  return {};
}

Result<void> TestDriver::ConfigureControl() {
  control_ = NewRing();
  request_ = Allocate(kRequestBytes);
  published_ = 0;
  return device_.ConfigureControlRing(control_);
}

uint64_t TestDriver::AddrOf(const std::byte* at) {
  uint64_t addr = 0;
  memory_.WithTable([&](const MemoryTable& table) {
    addr = table.ToDevice(at, 1, device_.backend_caps().addresses)->value;
  });
  return addr;
}

// Three descriptors, as every driver sends them: header, data, ack.
uint8_t TestDriver::Command(virtio_user::CtrlClass command_class,
                            uint8_t command,
                            std::initializer_list<uint8_t> data) {
  if (control_.num == 0) return kNoAck;
  VU_CHECK(control_.num >= 4 && data.size() <= kAckAt - kDataAt);
  request_[0] = static_cast<std::byte>(command_class);
  request_[1] = static_cast<std::byte>(command);
  std::ranges::transform(data, request_.begin() + kDataAt,
                         [](uint8_t byte) { return std::byte{byte}; });
  request_[kAckAt] = std::byte{kNoAck};
  const uint64_t base = AddrOf(request_.data());
  const VirtqDesc chain[] = {
      {.addr = base, .len = 2, .flags = virtio_user::kDescFlagNext, .next = 1},
      {.addr = base + kDataAt,
       .len = static_cast<uint32_t>(data.size()),
       .flags = virtio_user::kDescFlagNext,
       .next = 2},
      {.addr = base + kAckAt,
       .len = 1,
       .flags = virtio_user::kDescFlagWrite,
       .next = 0}};
  std::memcpy(control_.desc, chain, sizeof(chain));
  std::byte* const entry = control_.driver + virtio_user::kAvailRingOffset +
                           2 * (published_ & (control_.num - 1u));
  StoreRelaxed<uint16_t>(entry, 0);
  StoreRelaxed<uint16_t>(control_.driver + virtio_user::kAvailIdxOffset,
                         ++published_);
  notified_ = device_.NotifyControlQueue();
  const auto used =
      LoadRelaxed<uint16_t>(control_.device + virtio_user::kUsedIdxOffset);
  return used == published_ ? std::to_integer<uint8_t>(request_[kAckAt])
                            : kNoAck;
}

uint8_t TestDriver::SetPairs(uint16_t pairs) {
  return Command(
      virtio_user::CtrlClass::kMq, virtio_user::kCtrlMqVqPairsSet,
      {static_cast<uint8_t>(pairs & 0xff), static_cast<uint8_t>(pairs >> 8)});
}

Result<void> TestDriver::BreakControlRing() {
  published_ = static_cast<uint16_t>(published_ + control_.num + 1);
  StoreRelaxed<uint16_t>(control_.driver + virtio_user::kAvailIdxOffset,
                         published_);
  return device_.NotifyControlQueue();
}

}  // namespace testing_support
