// SPDX-License-Identifier: BSD-3-Clause
//
// Every small packed ring, well formed or not, against a slow oracle that was
// written from the spec's sentences and shares no code with WalkPackedList.

#include <array>
#include <cstdint>
#include <vector>

#include "gtest/gtest.h"
#include "tests/ring_support.h"
#include "virtio_user/ring/packed_device_queue.h"

namespace virtio_user {
namespace {

constexpr uint16_t kNum = 3;

// What one look at a ring finds.
struct Found {
  enum class Kind { kNothing, kBroken, kMalformed, kList };
  Kind kind = Kind::kNothing;
  uint16_t id = 0;
  uint16_t count = 0;
  std::vector<std::pair<bool, uint64_t>> buffers{};  // Writable?, address.

  friend bool operator==(const Found&, const Found&) = default;
};

using Ring = std::array<PackedDesc, kNum>;

bool IsThere(const PackedDesc& desc, bool wrap) {
  // "If AVAIL is equal to the driver's wrap counter and USED is not"
  const bool avail = desc.flags / 128 % 2 == 1;
  const bool used = desc.flags / 32768 == 1;
  return avail == wrap && used != wrap;
}

// `start` descriptors were used before, in the first round; the table is as
// the descriptor with INDIRECT names it.
Found Oracle(const Ring& ring, const std::vector<PackedDesc>& table,
             uint16_t start) {
  if (!IsThere(ring[start], true)) return {};
  std::vector<PackedDesc> list;
  for (uint16_t i = 0; i < kNum; ++i) {
    const bool wrap = start + i < kNum;
    const PackedDesc& desc = ring[(start + i) % kNum];
    if (!IsThere(desc, wrap)) return {.kind = Found::Kind::kBroken};
    list.push_back(desc);
    if (desc.flags % 2 == 0) break;
  }
  if (list.back().flags % 2 == 1) return {.kind = Found::Kind::kBroken};
  Found found{.kind = Found::Kind::kList,
              .id = list.back().id,
              .count = static_cast<uint16_t>(list.size())};
  std::vector<PackedDesc> direct = list;
  for (const PackedDesc& desc : list) {
    if (desc.flags / 4 % 2 == 0) continue;
    // "MUST NOT write direct descriptors with INDIRECT set in a list"
    if (list.size() > 1) found.kind = Found::Kind::kMalformed;
    direct = table;
  }
  bool writable_seen = false;
  for (const PackedDesc& desc : direct) {
    const bool writable = desc.flags / 2 % 2 == 1;
    if (writable_seen && !writable) found.kind = Found::Kind::kMalformed;
    writable_seen = writable_seen || writable;
    found.buffers.emplace_back(writable, desc.addr);
  }
  if (found.kind == Found::Kind::kMalformed) found.buffers.clear();
  return found;
}

class PackedListExhaustive : public ::testing::Test {
 protected:
  void SetUp() override {
    // Flags that mean nothing in a table are set in it.
    table_ = {{0x71, 1, 900, 0x8001}, {0x72, 1, 901, 0x0086}};
    std::memcpy(table_memory_.data(), table_.data(), 32);
  }

  // 32 combinations: NEXT, WRITE, INDIRECT, AVAIL, USED.
  PackedDesc Choose(uint32_t choice, uint16_t place) {
    auto flags = static_cast<uint16_t>(choice % 8);
    if ((choice & 8) != 0) flags |= 0x80;
    if ((choice & 16) != 0) flags |= 0x8000;
    const bool is_table = (flags & 4) != 0;
    return {is_table ? arena_.Addr(table_memory_.data()).value
                     : uint64_t{0xa0} + place,
            32, static_cast<uint16_t>(50 + place), flags};
  }

  Found Look(uint16_t start) {
    PackedDeviceQueue queue(layout_, {start, true}, {start, true},
                            EventIndex::kOff);
    const auto resolve = [this](DeviceBuffer b) { return arena_.Resolve(b); };
    const Result<bool> taken = queue.Pop(resolve, chain_);
    if (!taken) return {.kind = Found::Kind::kBroken};
    if (!*taken) return {};
    Found found{.kind = Found::Kind::kList,
                .id = chain_.token.id,
                .count = chain_.token.descriptor_count};
    if (chain_.malformed) {
      found.kind = Found::Kind::kMalformed;
      return found;
    }
    for (const DeviceBuffer& buffer : chain_.readable) {
      found.buffers.emplace_back(false, buffer.addr.value);
    }
    for (const DeviceBuffer& buffer : chain_.writable) {
      found.buffers.emplace_back(true, buffer.addr.value);
    }
    return found;
  }

  TestArena arena_{ArenaBytes(8, 4096)};
  RingLayout layout_ = TakeRing(arena_, kNum, RingFormat::kPacked);
  BarePacked bare_{layout_};
  std::span<std::byte> table_memory_ = arena_.Take(64);
  std::vector<PackedDesc> table_;
  DescriptorChain chain_;
};

TEST_F(PackedListExhaustive, RingsOfThreeAgreeWithTheSpec) {
  std::array<int, 4> seen{};
  Ring ring;
  for (uint32_t choice = 0; choice < 32 * 32 * 32; ++choice) {
    for (uint16_t i = 0; i < kNum; ++i) {
      ring[i] = Choose(choice >> (5 * i) & 31, i);
      bare_.SetDesc(i, ring[i]);
    }
    for (uint16_t start = 0; start < kNum; ++start) {
      const Found want = Oracle(ring, table_, start);
      ASSERT_EQ(Look(start), want) << choice << " from " << start;
      ++seen[static_cast<size_t>(want.kind)];
    }
  }
  for (const int count : seen) EXPECT_GT(count, 200);
}

}  // namespace
}  // namespace virtio_user
