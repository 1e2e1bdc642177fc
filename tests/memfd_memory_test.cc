// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/os/memfd_memory.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <thread>
#include <vector>

#include "tests/support/failing_syscall.h"
#include "tests/support/faulty_fd_ops.h"
#include "tests/support/fd_balance.h"

namespace virtio_user {
namespace {

constexpr size_t kArena = 64 * 1024;

// Writes down what it hears, and whether the table was as promised.
class Recorder final : public MemoryListener {
 public:
  struct Heard {
    MemoryEvent::Kind kind;
    const std::byte* begin;
    size_t bytes;
    bool in_table;
  };

  void OnMemoryEvent(const MemoryEvent& event,
                     const MemoryTable& table) override {
    EXPECT_EQ(event.owner, MemoryEvent::Owner::kProvider);
    // Still, or already, mapped.
    first_bytes.push_back(event.range.front());
    heard.push_back({event.kind, event.range.data(), event.range.size(),
                     table.Touches(event.range)});
  }

  std::vector<Heard> heard;
  std::vector<std::byte> first_bytes;
};

class MemfdMemoryTest : public testing_support::FdBalanceTest {
 protected:
  ~MemfdMemoryTest() override { EXPECT_EQ(ops_.mapped, 0); }

  std::unique_ptr<MemfdMemory> Make(
      Publish publish = Publish::kVirtualAddress) {
    auto made =
        MemfdMemory::Create(ops_, {.arena_bytes = kArena, .publish = publish});
    EXPECT_TRUE(made.has_value());
    return std::move(*made);
  }
  static std::vector<MemoryRegion> Regions(MemfdMemory& memory) {
    std::vector<MemoryRegion> regions;
    memory.WithTable([&](const MemoryTable& table) {
      regions.assign(table.regions().begin(), table.regions().end());
    });
    return regions;
  }

  testing_support::FaultyFdOps ops_;
};

TEST_F(MemfdMemoryTest, TheArenaIsOneRegionOfTheTable) {
  const auto memory = Make();

  const auto regions = Regions(*memory);

  ASSERT_EQ(regions.size(), 1u);
  EXPECT_EQ(regions[0].host.size(), kArena);
  EXPECT_EQ(regions[0].published,
            std::bit_cast<uint64_t>(regions[0].host.data()));
  EXPECT_EQ(regions[0].iova, regions[0].published);
  EXPECT_GE(regions[0].fd, 0);
  EXPECT_EQ(regions[0].offset, 0u);
}

TEST_F(MemfdMemoryTest, TheDefaultArenaHas64MebibytesThatCostNothingYet) {
  const auto memory = MemfdMemory::Create(ops_, {});
  ASSERT_TRUE(memory.has_value());

  const auto regions = Regions(**memory);

  EXPECT_EQ(regions[0].host.size(), size_t{64} << 20);
  std::vector<unsigned char> resident(regions[0].host.size() / 4096);
  ASSERT_EQ(::mincore(regions[0].host.data(), regions[0].host.size(),
                      resident.data()),
            0);
  EXPECT_EQ(std::ranges::count(resident, 1), 0);
}

TEST_F(MemfdMemoryTest, AnotherMappingOfTheDescriptorSeesTheSameBytes) {
  const auto memory = Make();
  const auto ours = memory->Allocate(100, 64);
  ASSERT_TRUE(ours.has_value());
  const MemoryRegion region = Regions(*memory)[0];
  const auto theirs = ops_.Map(region.fd, region.offset, region.host.size());
  ASSERT_TRUE(theirs.has_value());

  (*ours)[99] = std::byte{0x5a};

  const auto at = static_cast<size_t>(&(*ours)[99] - region.host.data());
  EXPECT_EQ((*theirs)[at], std::byte{0x5a});
  ops_.Unmap(*theirs);
}

TEST_F(MemfdMemoryTest, AllocationsAreAlignedZeroedAndApart) {
  const auto memory = Make();
  for (size_t align = 1; align <= 4096; align *= 2) {
    const auto first = memory->Allocate(3, align);
    const auto second = memory->Allocate(3, align);
    ASSERT_TRUE(first.has_value());
    ASSERT_TRUE(second.has_value());
    EXPECT_EQ(std::bit_cast<uintptr_t>(first->data()) % align, 0u);
    EXPECT_EQ(first->size(), 3u);
    EXPECT_NE(first->data(), second->data());
    memory->Free(*first);
    memory->Free(*second);
  }
}

TEST_F(MemfdMemoryTest, MemoryThatIsUsedAgainIsZeroedAgain) {
  const auto memory = Make();
  auto first = memory->Allocate(256, 64);
  std::ranges::fill(*first, std::byte{0xff});
  memory->Free(*first);

  const auto second = memory->Allocate(256, 64);

  EXPECT_EQ(second->data(), first->data());
  EXPECT_EQ(std::ranges::count(*second, std::byte{0}), 256);
}

TEST_F(MemfdMemoryTest, WhatIsAllocatedForTheFirstTimeIsNotTouched) {
  constexpr size_t kPages = 1024;
  const auto memory = MemfdMemory::Create(ops_, {.arena_bytes = kPages * 4096});
  ASSERT_TRUE(memory.has_value());

  const auto all = (*memory)->Allocate(kPages * 4096, 64);

  ASSERT_TRUE(all.has_value());
  std::vector<unsigned char> resident(kPages);
  ASSERT_EQ(::mincore(all->data(), all->size(), resident.data()), 0);
  EXPECT_EQ(std::ranges::count(resident, 1), 0);
}

TEST_F(MemfdMemoryTest, AllOfTheArenaCanBeAllocatedAgainAfterItWasFreed) {
  const auto memory = Make();
  std::vector<std::span<std::byte>> all;
  for (size_t i = 0; i < kArena / 1024; ++i) {
    all.push_back(memory->Allocate(1024, 64).value());
  }
  EXPECT_FALSE(memory->Allocate(1, 1).has_value());

  for (const auto& each : all) memory->Free(each);

  EXPECT_TRUE(memory->Allocate(kArena, 4096).has_value());
}

TEST_F(MemfdMemoryTest, WhatDoesNotFitIsOutOfMemoryAndNamesTheSizes) {
  const auto memory = Make();

  for (const size_t bytes : {kArena + 1, ~size_t{0}}) {
    const auto refused = memory->Allocate(bytes, 64);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code(), ErrorCode::kSystem);
    EXPECT_EQ(refused.error().sys_errno(), ENOMEM);
    EXPECT_NE(refused.error().text().find("65536"), std::string_view::npos);
  }
}

TEST_F(MemfdMemoryTest, BadSizesAndAlignmentsAreRefused) {
  const auto memory = Make();
  const std::pair<size_t, size_t> bad[] = {{0, 64}, {1, 0}, {1, 3}, {1, 8192}};
  for (const auto& [bytes, align] : bad) {
    const auto refused = memory->Allocate(bytes, align);
    ASSERT_FALSE(refused.has_value()) << bytes << " " << align;
    EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
  }
}

TEST_F(MemfdMemoryTest, AnArenaIsAtLeastAByteAndWholePages) {
  EXPECT_EQ(MemfdMemory::Create(ops_, {.arena_bytes = 0}).error().code(),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(
      MemfdMemory::Create(ops_, {.arena_bytes = ~size_t{0}}).error().code(),
      ErrorCode::kInvalidArgument);
  const auto one = MemfdMemory::Create(ops_, {.arena_bytes = 1});
  ASSERT_TRUE(one.has_value());
  EXPECT_EQ(Regions(**one)[0].host.size(), 4096u);
}

TEST_F(MemfdMemoryTest, F16_AListenerHearsOfANewRegionThatIsInTheTable) {
  const auto memory = Make();
  Recorder listener;
  ASSERT_TRUE(memory->Subscribe(listener).has_value());

  const auto region = memory->AddRegion(5000);

  ASSERT_TRUE(region.has_value());
  EXPECT_EQ(region->size(), 8192u);
  EXPECT_EQ(std::ranges::count(*region, std::byte{0}), 8192);
  EXPECT_EQ(Regions(*memory).size(), 2u);
  ASSERT_EQ(listener.heard.size(), 1u);
  EXPECT_EQ(listener.heard[0].kind, MemoryEvent::Kind::kAdded);
  EXPECT_EQ(listener.heard[0].begin, region->data());
  EXPECT_EQ(listener.heard[0].bytes, 8192u);
  EXPECT_TRUE(listener.heard[0].in_table);
  memory->Unsubscribe(listener);
}

TEST_F(MemfdMemoryTest, AListenerHearsOfARemovalWhileItIsStillMapped) {
  const auto memory = Make();
  Recorder listener;
  const auto region = memory->AddRegion(4096);
  region->front() = std::byte{0x77};
  ASSERT_TRUE(memory->Subscribe(listener).has_value());

  ASSERT_TRUE(memory->RemoveRegion(*region).has_value());

  ASSERT_EQ(listener.heard.size(), 1u);
  EXPECT_EQ(listener.heard[0].kind, MemoryEvent::Kind::kRemoving);
  EXPECT_EQ(listener.heard[0].begin, region->data());
  EXPECT_EQ(listener.first_bytes[0], std::byte{0x77});
  EXPECT_EQ(Regions(*memory).size(), 1u);
  EXPECT_EQ(ops_.mapped, 1);
  memory->Unsubscribe(listener);
}

TEST_F(MemfdMemoryTest, AllListenersHearAndNoneAfterUnsubscribe) {
  const auto memory = Make();
  Recorder first;
  Recorder second;
  ASSERT_TRUE(memory->Subscribe(first).has_value());
  ASSERT_TRUE(memory->Subscribe(second).has_value());
  const auto region = memory->AddRegion(4096);

  memory->Unsubscribe(first);
  ASSERT_TRUE(memory->RemoveRegion(*region).has_value());
  memory->Unsubscribe(second);
  ASSERT_TRUE(memory->AddRegion(4096).has_value());

  EXPECT_EQ(first.heard.size(), 1u);
  EXPECT_EQ(second.heard.size(), 2u);
}

TEST_F(MemfdMemoryTest, OnlyARegionThatWasAddedCanBeRemovedAndOnlyOnce) {
  const auto memory = Make();
  Recorder listener;
  const auto region = memory->AddRegion(8192).value();
  ASSERT_TRUE(memory->Subscribe(listener).has_value());
  const std::span<const std::byte> arena = Regions(*memory)[0].host;

  EXPECT_EQ(memory->RemoveRegion(arena).error().code(),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(memory->RemoveRegion(region.first(4096)).error().code(),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(memory->RemoveRegion({}).error().code(),
            ErrorCode::kInvalidArgument);
  EXPECT_TRUE(listener.heard.empty());
  EXPECT_TRUE(memory->RemoveRegion(region).has_value());
  EXPECT_EQ(memory->RemoveRegion(region).error().code(),
            ErrorCode::kInvalidArgument);
  memory->Unsubscribe(listener);
}

TEST_F(MemfdMemoryTest, ARegionOfNothingIsRefused) {
  const auto memory = Make();

  EXPECT_EQ(memory->AddRegion(0).error().code(), ErrorCode::kInvalidArgument);
}

TEST_F(MemfdMemoryTest, RandomBasesHideTheAddressesAndTranslateBothWays) {
  const auto memory = Make(Publish::kRandomBase);
  ASSERT_TRUE(memory->AddRegion(4096).has_value());

  const auto regions = Regions(*memory);

  for (const MemoryRegion& region : regions) {
    EXPECT_NE(region.published, std::bit_cast<uint64_t>(region.host.data()));
    EXPECT_EQ(region.published % 4096, 0u);
    EXPECT_LE(region.published + region.host.size(), uint64_t{1} << 47);
    memory->WithTable([&](const MemoryTable& table) {
      const auto addr = table.ToDevice(&region.host[100], 8);
      ASSERT_TRUE(addr.has_value());
      EXPECT_EQ(addr->value, region.published + 100);
      EXPECT_EQ(table.ToHost(*addr, 8)->data(), &region.host[100]);
    });
  }
}

TEST_F(MemfdMemoryTest, S23_AFailedMapLeavesNothingBehind) {
  ops_.fail_map = 1;

  const auto made = MemfdMemory::Create(ops_, {.arena_bytes = kArena});

  ASSERT_FALSE(made.has_value());
  EXPECT_EQ(made.error().code(), ErrorCode::kSystem);
}

TEST_F(MemfdMemoryTest, AFailedMapOfANewRegionTellsNobody) {
  const auto memory = Make();
  Recorder listener;
  ASSERT_TRUE(memory->Subscribe(listener).has_value());
  ops_.fail_map = 1;

  const auto region = memory->AddRegion(4096);

  EXPECT_FALSE(region.has_value());
  EXPECT_TRUE(listener.heard.empty());
  EXPECT_EQ(Regions(*memory).size(), 1u);
  memory->Unsubscribe(listener);
}

TEST_F(MemfdMemoryTest, S23_AFailureOfEachSystemCallLeavesNothingBehind) {
  for (const long call : {SYS_memfd_create, SYS_ftruncate, SYS_getrandom}) {
    const bool ran = testing_support::WithFailingSyscall({call, ENOSYS}, [&] {
      const auto made = MemfdMemory::Create(
          ops_, {.arena_bytes = kArena, .publish = Publish::kRandomBase});
      ASSERT_FALSE(made.has_value()) << call;
      EXPECT_EQ(made.error().sys_errno(), ENOSYS) << call;
    });
    if (!ran) GTEST_SKIP() << "no seccomp filters here";
    EXPECT_EQ(ops_.mapped, 0) << call;
  }
}

TEST_F(MemfdMemoryTest, TheTableStandsStillWhileItIsUsed) {
  const auto memory = Make();
  std::atomic<bool> stop = false;
  std::thread changer([&] {
    while (!stop) {
      const auto region = memory->AddRegion(4096);
      ASSERT_TRUE(region.has_value());
      ASSERT_TRUE(memory->RemoveRegion(*region).has_value());
    }
  });

  for (int i = 0; i < 500; ++i) {
    memory->WithTable([](const MemoryTable& table) {
      const size_t before = table.regions().size();
      for (const MemoryRegion& region : table.regions()) {
        EXPECT_EQ(region.host.front(), std::byte{0});
      }
      EXPECT_EQ(table.regions().size(), before);
    });
  }
  stop = true;
  changer.join();
}

using MemfdMemoryDeathTest = MemfdMemoryTest;

TEST_F(MemfdMemoryDeathTest, FreeingWhatWasNotAllocatedIsOurOwnFault) {
  const auto memory = Make();
  const auto span = memory->Allocate(64, 64).value();
  std::byte elsewhere[64];

  EXPECT_DEATH(memory->Free(elsewhere), "CHECK failed");
  EXPECT_DEATH(memory->Free(span.subspan(1)), "CHECK failed");
}

TEST_F(MemfdMemoryDeathTest, EndingWithAListenerIsOurOwnFault) {
  EXPECT_DEATH(
      {
        const auto memory = Make();
        Recorder listener;
        (void)memory->Subscribe(listener);
      },
      "CHECK failed");
}

}  // namespace
}  // namespace virtio_user
