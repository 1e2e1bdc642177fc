// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/vhost/memory_table.h"

#include <array>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace virtio_user {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// The tests' memory is addressed, never touched.
constexpr uint64_t kPublished = 0x7000'0000;
constexpr uint64_t kIova = 0x1'0000;
constexpr size_t kBytes = 0x1000;

std::span<std::byte> HostAt(uint64_t address, size_t bytes) {
  return {reinterpret_cast<std::byte*>(address), bytes};
}

class MemoryTableTest : public ::testing::Test {
 protected:
  // Region `i`: 4096 bytes of host memory, each of the three addresses apart
  // from its neighbours'.
  MemoryRegion Region(size_t i) {
    return {.host = std::span(memory_).subspan(i * 2 * kBytes, kBytes),
            .published = kPublished + i * 0x10'0000,
            .iova = kIova + i * 0x2000,
            .fd = static_cast<int>(10 + i),
            .offset = i * 0x8000};
  }
  std::byte* Host(size_t offset) { return memory_.data() + offset; }
  MemoryTable TableOf(size_t regions) {
    MemoryTable table;
    for (size_t i = 0; i < regions; ++i) {
      EXPECT_TRUE(table.Add(Region(i)).has_value());
    }
    return table;
  }
  static std::string WhyNot(MemoryTable table, const MemoryRegion& region) {
    const size_t before = table.regions().size();
    const Result<void> added = table.Add(region);
    EXPECT_EQ(table.regions().size(), before + (added ? 1 : 0));
    if (added) return "";
    EXPECT_EQ(added.error().code(), ErrorCode::kInvalidArgument);
    return std::string(added.error().text());
  }

  std::array<std::byte, 8 * kBytes> memory_{};
};

TEST_F(MemoryTableTest, ATableKeepsItsRegionsInTheOrderOfAdding) {
  const MemoryTable table = TableOf(3);
  EXPECT_THAT(table.regions(), ElementsAre(Region(0), Region(1), Region(2)));
}

TEST_F(MemoryTableTest, ARegionOfNoBytesIsRefused) {
  MemoryRegion region = Region(0);
  region.host = {};
  EXPECT_THAT(WhyNot({}, region), HasSubstr("0 bytes"));
}

// It has no place that a message could name.
TEST_F(MemoryTableTest, OfANothingWithoutADescriptorTheNothingIsTold) {
  EXPECT_THAT(WhyNot({}, {}), HasSubstr("0 bytes"));
}

TEST_F(MemoryTableTest, ARegionWithoutADescriptorIsRefused) {
  for (const int fd : {-1, -2}) {
    MemoryRegion region = Region(0);
    region.fd = fd;
    EXPECT_THAT(WhyNot({}, region), HasSubstr("no file descriptor"));
  }
  MemoryRegion zero = Region(0);
  zero.fd = 0;
  EXPECT_EQ(WhyNot({}, zero), "");
}

TEST_F(MemoryTableTest, ARegionThatRunsPastTheEndOfItsFileIsRefused) {
  MemoryRegion region = Region(0);
  region.offset = ~uint64_t{0} - kBytes + 2;
  EXPECT_THAT(WhyNot({}, region),
              AllOf(HasSubstr("file offset"), HasSubstr("0xfffffffffffff001")));
  region.offset = ~uint64_t{0} - kBytes;
  EXPECT_EQ(WhyNot({}, region), "");
}

TEST_F(MemoryTableTest, RegionsOfOneFileMayOverlapInIt) {
  const MemoryTable table = TableOf(1);
  MemoryRegion again = Region(1);
  again.fd = Region(0).fd;
  again.offset = Region(0).offset;
  EXPECT_EQ(WhyNot(table, again), "");
}

TEST_F(MemoryTableTest, ARegionThatWrapsInAnyAddressSpaceIsRefusedByName) {
  MemoryRegion published = Region(0);
  published.published = ~uint64_t{0} - kBytes + 2;
  MemoryRegion iova = Region(0);
  iova.iova = ~uint64_t{0};
  MemoryRegion host = Region(0);
  host.host = HostAt(~uint64_t{0} - 5, kBytes);
  EXPECT_THAT(WhyNot({}, published), AllOf(HasSubstr("published address"),
                                           HasSubstr("0xfffffffffffff001")));
  EXPECT_THAT(WhyNot({}, iova), HasSubstr("IOVA address 0xffffffff"));
  EXPECT_THAT(WhyNot({}, host), HasSubstr("host address"));
}

TEST_F(MemoryTableTest, ARegionUpToTheLastAddressButOneIsTaken) {
  MemoryRegion region = Region(0);
  region.published = ~uint64_t{0} - kBytes;
  EXPECT_EQ(WhyNot({}, region), "");
}

TEST_F(MemoryTableTest, AnOverlapInAnyAddressSpaceIsRefusedByName) {
  const MemoryTable table = TableOf(1);
  MemoryRegion host = Region(1);
  host.host = std::span(memory_).subspan(kBytes - 1, kBytes);
  MemoryRegion published = Region(1);
  published.published = kPublished - kBytes + 1;
  MemoryRegion iova = Region(1);
  iova.iova = kIova + kBytes - 1;
  EXPECT_THAT(WhyNot(table, host), HasSubstr("host address"));
  EXPECT_THAT(WhyNot(table, published),
              AllOf(HasSubstr("published address"),
                    HasSubstr("overlaps the one at 0x70000000")));
  EXPECT_THAT(WhyNot(table, iova), HasSubstr("IOVA address"));
}

TEST_F(MemoryTableTest, ARegionInsideOrAroundAnotherOverlapsIt) {
  const MemoryTable table = TableOf(1);
  MemoryRegion inside = Region(1);
  inside.published = kPublished + 1;
  inside.host = inside.host.first(1);
  MemoryRegion around = Region(1);
  around.published = kPublished - 1;
  around.host = HostAt(0x1000, kBytes + 2);
  EXPECT_THAT(WhyNot(table, inside), HasSubstr("published"));
  EXPECT_THAT(WhyNot(table, around), HasSubstr("published"));
}

TEST_F(MemoryTableTest, RegionsThatTouchAreNoOverlap) {
  const MemoryTable table = TableOf(1);
  MemoryRegion next = Region(1);
  next.host = std::span(memory_).subspan(kBytes, kBytes);
  next.published = kPublished + kBytes;
  next.iova = kIova - kBytes;
  EXPECT_EQ(WhyNot(table, next), "");
}

TEST_F(MemoryTableTest, EveryRangeInsideARegionTranslatesBothWays_S68_F47) {
  const MemoryTable table = TableOf(3);
  for (size_t i = 0; i < 3; ++i) {
    const MemoryRegion region = Region(i);
    for (const size_t at : {size_t{0}, size_t{1}, kBytes / 2, kBytes - 1}) {
      const std::byte* const pointer = region.host.data() + at;
      const size_t bytes = kBytes - at;
      const auto published = table.ToDevice(pointer, bytes);
      const auto iova = table.ToDevice(pointer, bytes, AddressSpace::kIova);
      ASSERT_TRUE(published && iova);
      EXPECT_EQ(published->value, region.published + at);
      EXPECT_EQ(iova->value, region.iova + at);
      const auto back = table.ToHost(*published, bytes);
      const auto back_iova = table.ToHost(*iova, bytes, AddressSpace::kIova);
      ASSERT_TRUE(back && back_iova);
      EXPECT_EQ(back->data(), pointer);
      EXPECT_EQ(back->size(), bytes);
      EXPECT_EQ(back_iova->data(), pointer);
    }
  }
}

TEST_F(MemoryTableTest, APointerOutsideEveryRegionIsRefused) {
  const MemoryTable table = TableOf(2);
  int elsewhere = 0;
  const auto refused = table.ToDevice(&elsewhere, sizeof(elsewhere));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(std::string(refused.error().text()),
              HasSubstr("take them from the MemoryProvider"));
  EXPECT_FALSE(table.ToDevice(Host(kBytes + 1), 1).has_value());
  EXPECT_FALSE(MemoryTable().ToDevice(Host(0), 0).has_value());
}

TEST_F(MemoryTableTest, ARangeThatStraddlesTheEndOfARegionIsRefused_S68) {
  const MemoryTable table = TableOf(2);
  EXPECT_TRUE(table.ToDevice(Host(kBytes - 1), 1).has_value());
  EXPECT_FALSE(table.ToDevice(Host(kBytes - 1), 2).has_value());
  EXPECT_FALSE(table.ToDevice(Host(0), kBytes + 1).has_value());
  EXPECT_FALSE(table.ToDevice(Host(1), SIZE_MAX).has_value());
  EXPECT_TRUE(table.ToHost({kPublished + kBytes - 1}, 1).has_value());
  EXPECT_FALSE(table.ToHost({kPublished + kBytes - 1}, 2).has_value());
  EXPECT_FALSE(table.ToHost({kPublished}, kBytes + 1).has_value());
  EXPECT_FALSE(table.ToHost({kPublished - 1}, 1).has_value());
}

TEST_F(MemoryTableTest, AnEmptyRangeMayLieAtTheEndOfARegion) {
  const MemoryTable table = TableOf(1);

  const auto end = table.ToDevice(Host(kBytes), 0);

  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->value, kPublished + kBytes);
}

TEST_F(MemoryTableTest, ARangeOverTwoAdjacentRegionsIsRefused) {
  MemoryTable table = TableOf(1);
  MemoryRegion next = Region(1);
  next.host = std::span(memory_).subspan(kBytes, kBytes);
  next.published = kPublished + kBytes;
  ASSERT_TRUE(table.Add(next).has_value());
  EXPECT_FALSE(table.ToDevice(Host(kBytes - 4), 8).has_value());
  EXPECT_FALSE(table.ToHost({kPublished + kBytes - 4}, 8).has_value());
}

TEST_F(MemoryTableTest, ALengthThatWrapsFindsNothing_S68) {
  const MemoryTable table = TableOf(1);
  EXPECT_FALSE(table.ToHost({kPublished}, ~uint64_t{0}).has_value());
  // The end wraps to the region's own beginning.
  EXPECT_FALSE(table.ToHost({kPublished + 1}, ~uint64_t{0}).has_value());
  EXPECT_FALSE(table.ToHost({~uint64_t{0}}, kPublished + 2).has_value());
}

TEST_F(MemoryTableTest, AnAddressOfNobodyIsRefusedWithAddressAndLength) {
  const auto refused = TableOf(1).ToHost({0x1234}, 0x56);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(std::string(refused.error().text()),
              HasSubstr("0x56 bytes at device address 0x1234"));
}

TEST_F(MemoryTableTest, APublishedAddressIsNoIova) {
  const MemoryTable table = TableOf(1);
  EXPECT_FALSE(table.ToHost({kPublished}, 1, AddressSpace::kIova).has_value());
  EXPECT_FALSE(table.ToHost({kIova}, 1).has_value());
}

TEST_F(MemoryTableTest, WithoutAWholeRegionTheOthersStay_S52) {
  const MemoryTable rest = TableOf(3).Without(Region(1).host);
  EXPECT_THAT(rest.regions(), ElementsAre(Region(0), Region(2)));
}

TEST_F(MemoryTableTest, WithoutItsBeginningARegionStartsLater_S52) {
  const MemoryTable rest = TableOf(1).Without(std::span(memory_).first(0x100));
  const MemoryRegion cut = {.host = Region(0).host.subspan(0x100),
                            .published = kPublished + 0x100,
                            .iova = kIova + 0x100,
                            .fd = 10,
                            .offset = 0x100};
  EXPECT_THAT(rest.regions(), ElementsAre(cut));
}

TEST_F(MemoryTableTest, WithoutItsEndARegionIsShorter_S52) {
  const MemoryTable rest =
      TableOf(2).Without(std::span(memory_).subspan(kBytes - 1, 2));
  MemoryRegion cut = Region(0);
  cut.host = cut.host.first(kBytes - 1);
  EXPECT_THAT(rest.regions(), ElementsAre(cut, Region(1)));
}

TEST_F(MemoryTableTest, WithoutItsMiddleARegionBecomesTwo_S52) {
  const MemoryRegion whole = Region(1);
  const MemoryTable rest = TableOf(2).Without(whole.host.subspan(16, 32));
  MemoryRegion front = whole;
  front.host = whole.host.first(16);
  const MemoryRegion back = {.host = whole.host.subspan(48),
                             .published = whole.published + 48,
                             .iova = whole.iova + 48,
                             .fd = whole.fd,
                             .offset = whole.offset + 48};
  EXPECT_THAT(rest.regions(), ElementsAre(Region(0), front, back));
  EXPECT_FALSE(rest.ToDevice(whole.host.data() + 16, 32).has_value());
}

TEST_F(MemoryTableTest, WithoutARangeOverManyRegionsAllAreCut_S52) {
  const MemoryTable rest =
      TableOf(3).Without(std::span(memory_).subspan(1, 4 * kBytes + 1));
  MemoryRegion first = Region(0);
  first.host = first.host.first(1);
  const MemoryRegion last = {.host = Region(2).host.subspan(2),
                             .published = Region(2).published + 2,
                             .iova = Region(2).iova + 2,
                             .fd = 12,
                             .offset = Region(2).offset + 2};
  EXPECT_THAT(rest.regions(), ElementsAre(first, last));
}

TEST_F(MemoryTableTest, WithoutAnUnknownOrEmptyRangeNothingChanges) {
  const MemoryTable table = TableOf(2);
  EXPECT_EQ(table.Without({}), table);
  EXPECT_EQ(table.Without(std::span(memory_).subspan(16, 0)), table);
  EXPECT_EQ(table.Without(std::span(memory_).subspan(kBytes, kBytes)), table);
  EXPECT_THAT(MemoryTable().Without(memory_).regions(), IsEmpty());
}

TEST_F(MemoryTableTest, TouchesIsTrueFromTheFirstSharedByteOn) {
  const MemoryTable table = TableOf(2);
  const std::span<std::byte> all(memory_);
  EXPECT_TRUE(table.Touches(all));
  EXPECT_TRUE(table.Touches(all.subspan(kBytes - 1, 2)));
  EXPECT_TRUE(table.Touches(all.subspan(kBytes, kBytes + 1)));
  EXPECT_FALSE(table.Touches(all.subspan(kBytes, kBytes)));
  EXPECT_FALSE(table.Touches(all.first(0)));
  EXPECT_FALSE(MemoryTable().Touches(all));
}

TEST_F(MemoryTableTest, TablesAreEqualOnlyIfEveryFieldIs) {
  const MemoryTable table = TableOf(1);
  const auto with = [&](auto change) {
    MemoryRegion region = Region(0);
    change(region);
    MemoryTable other;
    EXPECT_TRUE(other.Add(region).has_value());
    return other;
  };
  EXPECT_EQ(with([](MemoryRegion&) {}), table);
  EXPECT_NE(with([](MemoryRegion& r) { ++r.published; }), table);
  EXPECT_NE(with([](MemoryRegion& r) { ++r.iova; }), table);
  EXPECT_NE(with([](MemoryRegion& r) { ++r.fd; }), table);
  EXPECT_NE(with([](MemoryRegion& r) { ++r.offset; }), table);
  EXPECT_NE(with([](MemoryRegion& r) { r.host = r.host.first(1); }), table);
  EXPECT_NE(with([](MemoryRegion& r) { r.host = r.host.subspan(1); }), table);
  EXPECT_NE(TableOf(2), table);
}

}  // namespace
}  // namespace virtio_user
