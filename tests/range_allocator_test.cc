// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/os/range_allocator.h"

#include <gtest/gtest.h>

#include <iterator>
#include <map>
#include <random>
#include <vector>

namespace virtio_user {
namespace {

TEST(RangeAllocatorTest, TheFirstHoleThatFitsIsTaken) {
  RangeAllocator ranges(1000);

  EXPECT_EQ(ranges.Allocate(100, 1), 0u);
  EXPECT_EQ(ranges.Allocate(100, 1), 100u);
  EXPECT_TRUE(ranges.Free(0, 100));
  EXPECT_EQ(ranges.Allocate(60, 1), 0u);
  EXPECT_EQ(ranges.Allocate(60, 1), 200u);
  EXPECT_EQ(ranges.Allocate(40, 1), 60u);
}

TEST(RangeAllocatorTest, AnAlignmentLeavesAHoleThatCanBeUsed) {
  RangeAllocator ranges(8192);

  EXPECT_EQ(ranges.Allocate(64, 64), 0u);
  EXPECT_EQ(ranges.Allocate(64, 4096), 4096u);
  EXPECT_EQ(ranges.Allocate(4032, 64), 64u);
}

TEST(RangeAllocatorTest, AllOfItCanBeTakenAndNotAByteMore) {
  RangeAllocator ranges(128);

  EXPECT_EQ(ranges.Allocate(129, 1), std::nullopt);
  EXPECT_EQ(ranges.Allocate(128, 1), 0u);
  EXPECT_EQ(ranges.Allocate(1, 1), std::nullopt);
}

TEST(RangeAllocatorTest, AHoleThatOnlyTheAlignmentMakesTooSmallIsLeft) {
  RangeAllocator ranges(128);
  ASSERT_EQ(ranges.Allocate(1, 1), 0u);

  EXPECT_EQ(ranges.Allocate(65, 64), std::nullopt);
  EXPECT_EQ(ranges.Allocate(1, 128), std::nullopt);
  EXPECT_EQ(ranges.Allocate(64, 64), 64u);
}

TEST(RangeAllocatorTest, NothingCanBeTakenFromNothing) {
  RangeAllocator ranges(0);

  EXPECT_EQ(ranges.Allocate(1, 1), std::nullopt);
}

TEST(RangeAllocatorTest, NeighboursAreJoinedInWhateverOrderTheyComeBack) {
  const size_t orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                              {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
  for (const auto& order : orders) {
    RangeAllocator ranges(300);
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(ranges.Allocate(100, 1));

    for (const size_t i : order) ASSERT_TRUE(ranges.Free(100 * i, 100));

    EXPECT_EQ(ranges.Allocate(300, 1), 0u);
  }
}

TEST(RangeAllocatorTest, WhatWasNotGivenCannotBeGivenBack) {
  RangeAllocator ranges(300);
  ASSERT_EQ(ranges.Allocate(100, 1), 0u);

  EXPECT_FALSE(ranges.Free(100, 100));
  EXPECT_FALSE(ranges.Free(0, 99));
  EXPECT_TRUE(ranges.Free(0, 100));
  EXPECT_FALSE(ranges.Free(0, 100));
}

// A model that knows each byte's owner, against a thousand random steps.
TEST(RangeAllocatorTest, NoTwoStretchesEverOverlap) {
  constexpr size_t kSize = 4096;
  constexpr unsigned kSeed = 20;
  std::mt19937 random(kSeed);
  RangeAllocator ranges(kSize);
  std::vector<bool> taken(kSize);
  std::map<size_t, size_t> mine;

  for (int step = 0; step < 1000; ++step) {
    if (random() % 2 == 0) {
      const size_t bytes = 1 + random() % 300;
      const size_t align = size_t{1} << random() % 8;
      const std::optional<size_t> offset = ranges.Allocate(bytes, align);
      if (!offset) continue;
      ASSERT_EQ(*offset % align, 0u);
      ASSERT_LE(*offset + bytes, kSize);
      for (size_t i = 0; i < bytes; ++i) {
        ASSERT_FALSE(taken[*offset + i]);
        taken[*offset + i] = true;
      }
      mine.emplace(*offset, bytes);
    } else if (!mine.empty()) {
      const auto [offset, bytes] = *std::next(
          mine.begin(), static_cast<std::ptrdiff_t>(random() % mine.size()));
      ASSERT_TRUE(ranges.Free(offset, bytes));
      for (size_t i = 0; i < bytes; ++i) taken[offset + i] = false;
      mine.erase(offset);
    }
  }
  for (const auto& [offset, bytes] : mine) ranges.Free(offset, bytes);
  EXPECT_EQ(ranges.Allocate(kSize, 1), 0u);
}

}  // namespace
}  // namespace virtio_user
