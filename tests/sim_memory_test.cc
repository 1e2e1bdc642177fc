// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/sim_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/sim_memory_fixture.h"

namespace {

using ::backend_sim::FdTable;
using ::backend_sim::SimMemory;
using ::backend_sim::SimRegionId;
using ::backend_sim::Trace;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::virtio_user::AddressSpace;
using ::virtio_user::ErrorCode;
using ::virtio_user::MemoryEvent;
using ::virtio_user::MemoryListener;
using ::virtio_user::MemoryRegion;
using ::virtio_user::MemoryTable;

class Recorder final : public MemoryListener {
 public:
  struct Seen {
    MemoryEvent event;
    bool in_table = false;
    size_t regions = 0;
  };

  void OnMemoryEvent(const MemoryEvent& event,
                     const MemoryTable& table) override {
    seen.push_back({event, table.Touches(event.range), table.regions().size()});
  }

  std::vector<Seen> seen;
};

using SimMemoryTest = backend_sim::SimMemoryFixture;

TEST_F(SimMemoryTest, TheThreeAddressesOfARegionHaveNothingInCommon) {
  SimMemory memory(fds_, trace_, {.initial_regions = 3});
  for (const MemoryRegion& region : Regions(memory)) {
    const auto host = reinterpret_cast<uintptr_t>(region.host.data());
    EXPECT_NE(region.published, host);
    EXPECT_NE(region.iova, host);
    EXPECT_NE(region.published, region.iova);
    EXPECT_NE(region.offset, 0u);
  }
}

TEST_F(SimMemoryTest, TranslatesBothWaysInBothSpacesAndNotAcrossTheHole) {
  SimMemory memory(fds_, trace_, {.initial_regions = 2});
  const auto block = memory.Allocate(64, 64);
  ASSERT_TRUE(block.has_value());
  memory.WithTable([&](const MemoryTable& table) {
    for (const AddressSpace space :
         {AddressSpace::kPublished, AddressSpace::kIova}) {
      const auto address = table.ToDevice(block->data(), 64, space);
      ASSERT_TRUE(address.has_value());
      const auto back = table.ToHost(*address, 64, space);
      ASSERT_TRUE(back.has_value());
      EXPECT_EQ(back->data(), block->data());
    }
    const MemoryRegion& first = table.regions()[0];
    EXPECT_FALSE(
        table.ToHost({first.published + first.host.size()}, 1).has_value());
  });
}

TEST_F(SimMemoryTest, TheFileHoldsTheRegionAtItsOffset) {
  SimMemory memory(fds_, trace_);
  const MemoryRegion region = Regions(memory)[0];
  const auto mapped = fds_.Map(region.fd, region.offset, region.host.size());
  ASSERT_TRUE(mapped.has_value());
  EXPECT_EQ(mapped->data(), region.host.data());
  fds_.Unmap(*mapped);
}

TEST_F(SimMemoryTest, AllocatesZeroedAlignedMemoryThatDoesNotOverlap) {
  SimMemory memory(fds_, trace_);
  const auto first = memory.Allocate(100, 64);
  const auto second = memory.Allocate(5000, 4096);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(first->data()) % 64, 0u);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(second->data()) % 4096, 0u);
  EXPECT_GE(second->data(), first->data() + 100);
  std::ranges::fill(*first, std::byte{0xff});
  memory.Free(*first);
  const auto again = memory.Allocate(100, 64);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->data(), first->data());
  EXPECT_EQ(std::ranges::count(*again, std::byte{0}), 100);
  EXPECT_EQ(memory.allocated_count(), 2u);
}

TEST_F(SimMemoryTest, AddsARegionWhereNoneHasRoomAndSaysSo) {
  SimMemory memory(fds_, trace_, {.initial_regions = 1, .region_bytes = 8192});
  Recorder recorder;
  ASSERT_TRUE(memory.Subscribe(recorder).has_value());
  EXPECT_TRUE(memory.Allocate(8192, 4096).has_value());
  EXPECT_THAT(recorder.seen, IsEmpty());
  const auto large = memory.Allocate(10000, 4096);
  ASSERT_TRUE(large.has_value());
  ASSERT_THAT(recorder.seen, SizeIs(1));
  EXPECT_EQ(recorder.seen[0].event.kind, MemoryEvent::Kind::kAdded);
  EXPECT_EQ(recorder.seen[0].regions, 2u);
  memory.Unsubscribe(recorder);
}

TEST_F(SimMemoryTest, EventsComeWhileTheRegionIsInTheTable) {
  SimMemory memory(fds_, trace_, {.initial_regions = 1});
  Recorder recorder;
  ASSERT_TRUE(memory.Subscribe(recorder).has_value());
  const auto id = memory.AddRegion(5000);
  ASSERT_TRUE(id.has_value());
  ASSERT_TRUE(memory.RemoveRegion(*id).has_value());
  ASSERT_THAT(recorder.seen, SizeIs(2));
  EXPECT_EQ(recorder.seen[0].event.kind, MemoryEvent::Kind::kAdded);
  EXPECT_EQ(recorder.seen[0].event.range.size(), 8192u);
  EXPECT_TRUE(recorder.seen[0].in_table);
  EXPECT_EQ(recorder.seen[1].event.kind, MemoryEvent::Kind::kRemoving);
  EXPECT_TRUE(recorder.seen[1].in_table);
  EXPECT_THAT(Regions(memory), SizeIs(1));
  memory.Unsubscribe(recorder);
  ASSERT_TRUE(memory.AddRegion(4096).has_value());
  EXPECT_THAT(recorder.seen, SizeIs(2));
}

TEST_F(SimMemoryTest, ExternalAndUnknownMemoryIsAnnouncedAndInNoTable) {
  SimMemory memory(fds_, trace_);
  Recorder recorder;
  ASSERT_TRUE(memory.Subscribe(recorder).has_value());
  const auto external = memory.AddExternal(4096);
  memory.RemoveExternal(external);
  memory.AnnounceUnknown(MemoryEvent::Kind::kRemoving, external);
  ASSERT_THAT(recorder.seen, SizeIs(3));
  EXPECT_EQ(recorder.seen[0].event.owner, MemoryEvent::Owner::kExternal);
  EXPECT_FALSE(recorder.seen[0].in_table);
  EXPECT_EQ(recorder.seen[1].event.kind, MemoryEvent::Kind::kRemoving);
  EXPECT_EQ(recorder.seen[2].event.owner, MemoryEvent::Owner::kProvider);
  EXPECT_FALSE(recorder.seen[2].in_table);
  memory.Unsubscribe(recorder);
}

TEST_F(SimMemoryTest, WithoutEventsSubscribeIsUnsupported) {
  SimMemory memory(fds_, trace_, {.events = false});
  Recorder recorder;
  const auto subscribed = memory.Subscribe(recorder);
  ASSERT_FALSE(subscribed.has_value());
  EXPECT_EQ(subscribed.error().code(), ErrorCode::kUnsupported);
}

TEST_F(SimMemoryTest, ARegionInUseStays) {
  SimMemory memory(fds_, trace_, {.initial_regions = 1});
  const auto block = memory.Allocate(10, 1);
  const SimRegionId id = memory.region_ids()[0];
  EXPECT_EQ(memory.RemoveRegion(id).error().code(), ErrorCode::kWrongState);
  memory.Free(*block);
  EXPECT_TRUE(memory.RemoveRegion(id).has_value());
  EXPECT_EQ(memory.RemoveRegion(id).error().code(),
            ErrorCode::kInvalidArgument);
}

TEST_F(SimMemoryTest, AnAddressIsNeverUsedTwice) {
  SimMemory memory(fds_, trace_, {.initial_regions = 1});
  const uint64_t first = Regions(memory)[0].published;
  ASSERT_TRUE(memory.RemoveRegion(memory.region_ids()[0]).has_value());
  ASSERT_TRUE(memory.AddRegion(4096).has_value());
  EXPECT_NE(Regions(memory)[0].published, first);
}

TEST_F(SimMemoryTest, TheNthAllocateFailsOnce) {
  SimMemory memory(fds_, trace_);
  memory.FailAllocate(2);
  EXPECT_TRUE(memory.Allocate(10, 1).has_value());
  EXPECT_FALSE(memory.Allocate(10, 1).has_value());
  EXPECT_TRUE(memory.Allocate(10, 1).has_value());
}

TEST_F(SimMemoryTest, ARegionNeedsADescriptor) {
  FdTable full({.limit = 1});
  SimMemory memory(full, trace_, {.initial_regions = 1});
  EXPECT_FALSE(memory.AddRegion(4096).has_value());
  EXPECT_THAT(memory.region_ids(), ElementsAre(0u));
}

TEST_F(SimMemoryTest, MoreThanTheKernelHasRoomFor_IsAnError) {
  constexpr size_t kBytes = size_t{1} << 50;
  SimMemory memory(fds_, trace_,
                   {.initial_regions = 1, .region_bytes = kBytes});
  EXPECT_THAT(memory.region_ids(), IsEmpty());
  const auto added = memory.AddRegion(kBytes);
  ASSERT_FALSE(added.has_value());
  EXPECT_EQ(
      added.error().text(),
      "cannot map 1125899906842624 bytes: Cannot allocate memory (ENOMEM)");
  EXPECT_FALSE(memory.Allocate(64, 64).has_value());
}

TEST_F(SimMemoryTest, WhatIsAllocatedForTheFirstTime_IsNotTouched) {
  constexpr size_t kPages = 1024;
  SimMemory memory(fds_, trace_,
                   {.initial_regions = 1, .region_bytes = kPages * 4096});
  const auto first = memory.Allocate(kPages * 4096, 4096);
  ASSERT_TRUE(first.has_value());
  std::vector<unsigned char> resident(kPages);
  ASSERT_EQ(mincore(first->data(), first->size(), resident.data()), 0);
  EXPECT_EQ(std::ranges::count(resident, 0), ssize_t{kPages});
  first->front() = first->back() = std::byte{1};
  memory.Free(*first);
  const auto again = memory.Allocate(64, 64);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->data(), first->data());
  EXPECT_EQ(again->front(), std::byte{0});
}

TEST_F(SimMemoryTest, ARegionGrowsWithinItsReserveAndShrinksToWhatIsInUse) {
  SimMemory memory(fds_, trace_,
                   {.initial_regions = 1,
                    .region_bytes = 1 << 14,
                    .reserved_bytes = 1 << 13});
  Recorder recorder;
  ASSERT_TRUE(memory.Subscribe(recorder).has_value());
  const MemoryRegion before = Regions(memory)[0];
  EXPECT_FALSE(memory.GrowRegion(0, 3 << 12).has_value());
  ASSERT_TRUE(memory.GrowRegion(0, 1 << 13).has_value());
  const MemoryRegion grown = Regions(memory)[0];
  EXPECT_EQ(grown.iova, before.iova);
  EXPECT_EQ(grown.host.data(), before.host.data());
  EXPECT_EQ(grown.host.size(), 3u << 13);
  const auto block = memory.Allocate(5 << 12, 1 << 12);
  ASSERT_TRUE(block.has_value());
  EXPECT_FALSE(memory.ShrinkRegion(0, 1 << 13).has_value());
  ASSERT_TRUE(memory.ShrinkRegion(0, 1 << 12).has_value());
  EXPECT_EQ(Regions(memory)[0].host.size(), 5u << 12);
  ASSERT_THAT(recorder.seen, SizeIs(2));
  EXPECT_EQ(recorder.seen[0].event.range.data(), &before.host.back() + 1);
  EXPECT_EQ(recorder.seen[0].event.range.size(), 1u << 13);
  EXPECT_EQ(recorder.seen[1].event.kind, MemoryEvent::Kind::kRemoving);
  EXPECT_EQ(recorder.seen[1].event.range.size(), 1u << 12);
  EXPECT_TRUE(recorder.seen[1].in_table);
  memory.Unsubscribe(recorder);
}

TEST_F(SimMemoryTest, ClosesItsDescriptorsAtItsEnd) {
  {
    SimMemory memory(fds_, trace_, {.initial_regions = 4});
  }
  EXPECT_EQ(fds_.open_count(), 0u);
}

TEST(SimMemoryDeathTest, ItsLockDoesNotNest) {
  FdTable fds;
  Trace trace;
  SimMemory memory(fds, trace);
  EXPECT_DEATH(memory.WithTable(
                   [&](const MemoryTable&) { (void)memory.Allocate(1, 1); }),
               "");
}

TEST(SimMemoryDeathTest, OnlyWhatWasAllocatedCanBeFreed) {
  FdTable fds;
  Trace trace;
  SimMemory memory(fds, trace);
  const auto block = memory.Allocate(10, 1);
  EXPECT_DEATH(memory.Free(block->first(5)), "");
}

TEST_F(SimMemoryTest, WhatGoesByAShrinkComesBackZeroed) {
  SimMemory memory(fds_, trace_, {.initial_regions = 1, .region_bytes = 8192});
  const SimRegionId id = memory.region_ids()[0];
  const auto all = memory.Allocate(8192, 4096);
  ASSERT_TRUE(all.has_value());
  memory.Free(*all);
  ASSERT_TRUE(memory.ShrinkRegion(id, 4096).has_value());
  ASSERT_TRUE(memory.GrowRegion(id, 4096).has_value());
  const auto again = memory.Allocate(8192, 4096);
  ASSERT_TRUE(again.has_value());
  EXPECT_TRUE(std::ranges::all_of(
      *again, [](std::byte byte) { return byte == std::byte{0}; }));
  memory.Free(*again);
}

TEST_F(SimMemoryTest, RegionsFromAPoolAreTheSameMemoryAndZeroAgain) {
  const auto pool = std::make_shared<backend_sim::MappingPool>();
  const backend_sim::SimMemoryOptions options{
      .initial_regions = 1, .region_bytes = 8192, .mappings = pool};
  std::byte* before = nullptr;
  {
    SimMemory memory(fds_, trace_, options);
    before = memory.Allocate(64, 64)->data();
    *before = std::byte{9};
    memory.Free({before, 64});
  }
  SimMemory memory(fds_, trace_, options);
  const std::span<std::byte> host = Regions(memory)[0].host;
  EXPECT_EQ(host.data(), before);
  EXPECT_TRUE(std::ranges::all_of(
      host, [](std::byte byte) { return byte == std::byte{0}; }));
}

TEST(MappingPoolTest, AFileOfTheSameSizeGetsWhatOneThatIsGoneHad) {
  backend_sim::MappingPool pool;
  std::byte* const other = pool.Take(4096);
  std::byte* const gone = pool.Take(8192);
  *gone = std::byte{9};
  pool.Give({gone, 8192});
  EXPECT_EQ(pool.kept_count(), 1u);

  std::byte* const again = pool.Take(8192);

  EXPECT_EQ(again, gone);
  EXPECT_EQ(*again, std::byte{0});
  EXPECT_EQ(pool.kept_count(), 0u);
  pool.Give({again, 8192});
  pool.Give({other, 4096});
}

TEST(MappingPoolTest, EachWorldHasItsMappingsWhereAnEarlierOneHadThem) {
  constexpr size_t kSizes[] = {4096, 100, 8192, size_t{4} << 20, 0, 4096};
  backend_sim::MappingPool pool;
  std::vector<std::byte*> first;
  for (const size_t bytes : kSizes) first.push_back(pool.Take(bytes));
  for (size_t i = 0; i < first.size(); ++i) pool.Give({first[i], kSizes[i]});
  // A world of another kind between them.
  std::byte* const between = pool.Take(12288);
  std::fill_n(between, 12288, std::byte{7});
  pool.Give({between, 12288});

  for (size_t i = 0; i < first.size(); ++i) {
    std::byte* const now = pool.Take(kSizes[i]);
    EXPECT_EQ(now, first[i]);
    EXPECT_TRUE(std::ranges::all_of(
        std::span(now, kSizes[i]),
        [](std::byte byte) { return byte == std::byte{0}; }));
  }
  for (size_t i = 0; i < first.size(); ++i) pool.Give({first[i], kSizes[i]});
}

TEST(MappingPoolTest, APageBesideAMappingCannotBeTouched) {
  backend_sim::MappingPool pool;
  std::byte* const memory = pool.Take(4096);
  std::byte* const next = pool.Take(4096);

  EXPECT_DEATH(memory[4096] = std::byte{1}, "");
  EXPECT_DEATH(*(memory - 1) = std::byte{1}, "");

  pool.Give({memory, 4096});
  pool.Give({next, 4096});
  // Where a longer mapping was touched, a shorter one has its page.
  std::byte* const longer = pool.Take(8192);
  longer[8191] = std::byte{1};
  pool.Give({longer, 8192});
  std::byte* const shorter = pool.Take(4096);
  EXPECT_DEATH(shorter[4096] = std::byte{1}, "");
  pool.Give({shorter, 4096});
}

}  // namespace
