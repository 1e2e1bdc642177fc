// SPDX-License-Identifier: BSD-3-Clause

#ifndef TESTS_PACKED_DEVICE_FIXTURE_H_
#define TESTS_PACKED_DEVICE_FIXTURE_H_

#include <cstring>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/ring_support.h"
#include "virtio_user/ring/packed_device_queue.h"

namespace virtio_user {

// A ring of three, which is no power of two.
class PackedDeviceFixture : public ::testing::Test {
 protected:
  static constexpr uint16_t kNum = 3;

  ~PackedDeviceFixture() override { EXPECT_TRUE(arena_.GuardsIntact()); }

  PackedDeviceQueue Queue(RingPosition at = {},
                          EventIndex event_index = EventIndex::kOff) {
    return PackedDeviceQueue(layout_, at, at, event_index);
  }
  // Available in the round of `wrap`, with `flags` besides.
  void Avail(uint32_t index, PackedDesc desc, bool wrap = true) {
    desc.flags |= BarePacked::AvailIn(wrap);
    bare_.SetDesc(index, desc);
  }
  Result<bool> Pop(PackedDeviceQueue& queue) {
    return queue.Pop([this](DeviceBuffer b) { return arena_.Resolve(b); },
                     chain_);
  }
  std::string WhyMalformed(PackedDeviceQueue& queue) {
    const Result<bool> taken = Pop(queue);
    EXPECT_TRUE(taken.has_value() && *taken);
    return chain_.malformed ? std::string(chain_.malformed->text()) : "";
  }
  std::string WhyBroken(PackedDeviceQueue& queue) {
    const std::vector<std::byte> before = Snapshot();
    const Result<bool> taken = Pop(queue);
    EXPECT_TRUE(queue.broken());
    EXPECT_EQ(Snapshot(), before);
    return taken ? "" : std::string(taken.error().text());
  }
  std::vector<std::byte> Snapshot() const {
    return {layout_.desc, layout_.device + kPackedEventBytes};
  }
  PackedDesc PutTable(std::span<const PackedDesc> table) {
    std::memcpy(table_.data(), table.data(), table.size_bytes());
    return {arena_.Addr(table_.data()).value,
            static_cast<uint32_t>(table.size_bytes()), 0, kDescFlagIndirect};
  }
  static DeviceBuffer Buffer(uint64_t addr, uint32_t bytes) {
    return {{addr}, bytes};
  }
  static bool IsUsed(const PackedDesc& desc, bool wrap) {
    return (desc.flags & 0x8080) == BarePacked::UsedIn(wrap);
  }

  TestArena arena_{ArenaBytes(8, 4096)};
  RingLayout layout_ = TakeRing(arena_, kNum, RingFormat::kPacked);
  BarePacked bare_{layout_};
  std::span<std::byte> table_ = arena_.Take(256);
  DescriptorChain chain_;
};

}  // namespace virtio_user

#endif  // TESTS_PACKED_DEVICE_FIXTURE_H_
