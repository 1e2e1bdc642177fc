// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/ring/four_words.h"

#include <array>
#include <cstring>

#include "gtest/gtest.h"
#include "tests/ring_support.h"

namespace virtio_user {
namespace {

TEST(FourWords, ASlotThatIsTakenIsEmptyUntilItIsPutBack) {
  ChainSlot<uint32_t> slot = {.cookie = 7, .bound = 9};
  const uint64_t word = TakeSlot(&slot);
  EXPECT_EQ(slot.bound, 0u);
  EXPECT_EQ(slot.cookie, 7u);
  PutSlot(&slot, word);
  EXPECT_EQ(slot.bound, 9u);
  EXPECT_EQ(slot.cookie, 7u);
}

TEST(FourWords, UsedElementsOfASplitRingAreRead) {
  TestArena arena(4096);
  // As in a used ring, which begins at an offset of 4.
  std::byte* const at = arena.Take(64).data() + 4;
  const std::array<VirtqUsedElem, 4> elements = {
      {{1, 10}, {2, 20}, {3, 0xffffffff}, {0xfffffffe, 40}}};
  std::memcpy(at, elements.data(), sizeof(elements));
  const UsedFour used = LoadSplitUsedFour(at);
  ForEachLane([&](size_t k) {
    EXPECT_EQ(used.what[k], elements[k].id);
    EXPECT_EQ(used.bytes[k], elements[k].len);
  });
}

TEST(FourWords, UsedDescriptorsOfAPackedRingAreRead) {
  TestArena arena(4096);
  const std::span<std::byte> ring = arena.Take(64);
  const std::array<PackedDesc, 4> descs = {{{1, 10, 11, 0x8080},
                                            {2, 20, 21, 0},
                                            {3, 0xffffffff, 0xffff, 0xffff},
                                            {4, 40, 41, 0x80}}};
  std::memcpy(ring.data(), descs.data(), sizeof(descs));
  const UsedFour used = LoadPackedUsedFour(ring.data() + 8);
  ForEachLane([&](size_t k) {
    EXPECT_EQ(used.what[k], descs[k].id | uint32_t{descs[k].flags} << 16);
    EXPECT_EQ(used.bytes[k], descs[k].len);
  });
}

TEST(FourWords, DescriptorsStandInMemoryAsTheSpecHasThem) {
  TestArena arena(4096);
  const std::span<std::byte> table = arena.Take(96);
  const OfferedFour four = {
      .addr = {.even = {0x1111111122222222, 0x3333333344444444},
               .odd = {0x5555555566666666, 0x7777777788888888}},
      .bytes = {10, 20, 30, 40},
      .cookies = {}};
  const DescFour descs =
      DescsOf(four, U32x4{0x00020001, 0x00020002, 0x00020003, 0x00020004});
  ForEachLane([&](size_t k) { StoreDesc(table.data(), 1 + k, descs[k]); });
  std::array<PackedDesc, 6> stored;
  std::memcpy(stored.data(), table.data(), sizeof(stored));
  const std::array<uint64_t, 4> addrs = {0x1111111122222222, 0x5555555566666666,
                                         0x3333333344444444,
                                         0x7777777788888888};
  ForEachLane([&](size_t k) {
    EXPECT_EQ(stored[1 + k].addr, addrs[k]);
    EXPECT_EQ(stored[1 + k].len, 10 * (k + 1));
    EXPECT_EQ(stored[1 + k].id, k + 1);
    EXPECT_EQ(stored[1 + k].flags, 2);
  });
  EXPECT_EQ(stored[0].addr, 0u);
  EXPECT_EQ(stored[5].addr, 0u);
}

}  // namespace
}  // namespace virtio_user
