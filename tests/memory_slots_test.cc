// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/vhost_user/memory_slots.h"

#include <array>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace virtio_user {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr size_t kPage = 0x1000;

class MemorySlotsTest : public ::testing::Test {
 protected:
  // Pages `first` to `first` + `count` - 1 of one file.
  MemoryRegion Pages(size_t first, size_t count, int fd = 7) {
    return {.host = std::span(memory_).subspan(first * kPage, count * kPage),
            .published = 0x70'0000 + first * kPage,
            .iova = 0x1'0000 + first * kPage,
            .fd = fd,
            .offset = first * kPage};
  }
  static MemoryTable Table(std::initializer_list<MemoryRegion> regions) {
    MemoryTable table;
    for (const MemoryRegion& region : regions) EXPECT_TRUE(table.Add(region));
    return table;
  }
  static std::optional<MemoryChange> Change(
      const std::vector<MemoryRegion>& has, const MemoryTable& wanted) {
    return FindMemoryChange(has, wanted);
  }

  std::array<std::byte, 16 * kPage> memory_{};
};

TEST_F(MemorySlotsTest, WhatIsThereAlreadyIsNotTouched) {
  const auto change = Change({Pages(0, 2), Pages(4, 2, 8)},
                             Table({Pages(0, 2), Pages(4, 2, 8)}));
  ASSERT_TRUE(change);
  EXPECT_THAT(change->removed, IsEmpty());
  EXPECT_THAT(change->added, IsEmpty());
}

TEST_F(MemorySlotsTest, OnlyWhatCameAndWentIsTold) {
  const auto change = Change({Pages(0, 2), Pages(4, 2, 8)},
                             Table({Pages(0, 2), Pages(8, 1, 9)}));
  ASSERT_TRUE(change);
  EXPECT_THAT(change->removed, ElementsAre(Pages(4, 2, 8)));
  EXPECT_THAT(change->added, ElementsAre(Pages(8, 1, 9)));
}

TEST_F(MemorySlotsTest, ARegionThatGrowsAtBothEndsGetsPiecesBesideTheOldOne) {
  const auto change = Change({Pages(4, 2)}, Table({Pages(2, 6)}));
  ASSERT_TRUE(change);
  EXPECT_THAT(change->removed, IsEmpty());
  EXPECT_THAT(change->added, ElementsAre(Pages(2, 2), Pages(6, 2)));
}

TEST_F(MemorySlotsTest, PiecesInAnyOrderLeaveTheGapsBetweenThem) {
  const auto change =
      Change({Pages(5, 1), Pages(1, 2), Pages(3, 1)}, Table({Pages(0, 8)}));
  ASSERT_TRUE(change);
  EXPECT_THAT(change->added,
              ElementsAre(Pages(0, 1), Pages(4, 1), Pages(6, 2)));
}

TEST_F(MemorySlotsTest, APieceThatCameByItselfGoesByItself) {
  const auto change = Change({Pages(0, 2), Pages(2, 2)}, Table({Pages(0, 2)}));
  ASSERT_TRUE(change);
  EXPECT_THAT(change->removed, ElementsAre(Pages(2, 2)));
  EXPECT_THAT(change->added, IsEmpty());
}

TEST_F(MemorySlotsTest, APartOfARegionCannotGoByItself) {
  EXPECT_FALSE(Change({Pages(0, 4)}, Table({Pages(0, 2)})));
  EXPECT_FALSE(Change({Pages(0, 4)}, Table({Pages(0, 1), Pages(2, 2)})));
}

// The same addresses, and another file behind them.
TEST_F(MemorySlotsTest, ARegionOfAnotherFileIsAnotherRegion) {
  EXPECT_FALSE(Change({Pages(0, 4)}, Table({Pages(0, 4, 8)})));
  MemoryRegion elsewhere = Pages(0, 4);
  elsewhere.published += 0x10'0000;
  EXPECT_FALSE(Change({Pages(0, 4)}, Table({elsewhere})));
  elsewhere = Pages(0, 4);
  elsewhere.offset += kPage;
  EXPECT_FALSE(Change({Pages(0, 4)}, Table({elsewhere})));
}

TEST_F(MemorySlotsTest, APieceThatBeginsAByteTooEarlyIsNoPart) {
  MemoryRegion early = Pages(3, 1);
  early.host = std::span(memory_).subspan(4 * kPage - 1, kPage);
  EXPECT_FALSE(Change({early}, Table({Pages(4, 4)})));
}

// Its removal was refused, so that it is still there when it comes again.
TEST_F(MemorySlotsTest, ARegionIsThereOnce) {
  SharedRegions shared;
  shared.NoteAdded(0, Pages(0, 1));
  shared.Accepted(0);
  shared.Discard();
  shared.NoteAdded(1, Pages(0, 1));
  shared.Accepted(1);
  shared.Discard();
  EXPECT_THAT(shared.regions(), ElementsAre(Pages(0, 1)));
}

TEST_F(MemorySlotsTest, AChangeCountsOnceItsMessageWasAccepted) {
  SharedRegions shared;
  shared.NoteAdded(0, Pages(0, 1));
  shared.NoteAdded(1, Pages(2, 1));
  shared.NoteAdded(2, Pages(4, 1));
  shared.Accepted(0);
  shared.Accepted(2);
  shared.Discard();
  EXPECT_THAT(shared.regions(), ElementsAre(Pages(0, 1), Pages(4, 1)));

  shared.NoteRemoved(0, Pages(0, 1));
  shared.NoteRemoved(1, Pages(4, 1));
  shared.Accepted(1);
  shared.Discard();
  EXPECT_THAT(shared.regions(), ElementsAre(Pages(0, 1)));
}

TEST_F(MemorySlotsTest, AWholeTableReplacesWhatWasThere) {
  SharedRegions shared;
  shared.NoteAdded(0, Pages(0, 1));
  shared.AcceptedAll();
  shared.Discard();
  shared.NoteTable(0, std::array{Pages(2, 1), Pages(4, 1)});
  shared.AcceptedAll();
  EXPECT_THAT(shared.regions(), SizeIs(2));
}

}  // namespace
}  // namespace virtio_user
