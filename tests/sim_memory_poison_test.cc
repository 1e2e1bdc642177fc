// SPDX-License-Identifier: BSD-3-Clause
//
// SimMemory: what was freed or removed.

#include <algorithm>
#include <array>
#include <span>

#include "backend_sim/poison.h"
#include "backend_sim/sim_memory.h"
#include "gtest/gtest.h"
#include "tests/sim_memory_fixture.h"

namespace {

using ::backend_sim::SimMemory;
using ::backend_sim::SimRegionId;
using ::virtio_user::MemoryRegion;

using SimMemoryPoisonTest = backend_sim::SimMemoryFixture;

TEST_F(SimMemoryPoisonTest, WhatWasFreedHoldsAPattern) {
  SimMemory memory(fds_, trace_);
  const auto first = memory.Allocate(64, 64);
  ASSERT_TRUE(first.has_value());
  std::byte* const at = first->data();
  memory.Free(*first);
  backend_sim::Permit({at, 64});
  EXPECT_EQ(*at, backend_sim::kPoison);
  EXPECT_EQ(at[63], backend_sim::kPoison);
  const auto again = memory.Allocate(64, 64);
  ASSERT_EQ(again->data(), at);
  EXPECT_TRUE(std::ranges::all_of(
      *again, [](std::byte byte) { return byte == std::byte{0}; }));
  memory.Free(*again);
}

TEST_F(SimMemoryPoisonTest, WhatWasFreedMayStayReadableUntilItsRegionGoes) {
  SimMemory memory(fds_, trace_, {.initial_regions = 0});
  const SimRegionId id = *memory.AddRegion(4096);
  const auto used = memory.Allocate(128, 64);
  ASSERT_TRUE(used.has_value());
  std::ranges::fill(*used, std::byte{1});
  const MemoryRegion region = Regions(memory)[0];
  const auto mapped = fds_.Map(region.fd, region.offset, 4096);
  ASSERT_TRUE(mapped.has_value());
  memory.PoisonFreed(false);
  memory.Free(*used);
  memory.PoisonFreed(true);
  EXPECT_EQ(used->front(), std::byte{1});
  ASSERT_TRUE(memory.RemoveRegion(id).has_value());
  EXPECT_EQ(backend_sim::IsForbidden(*mapped), backend_sim::kCanForbid);
  backend_sim::Permit(*mapped);
  EXPECT_EQ((*mapped)[0], backend_sim::kPoison);
  fds_.Unmap(*mapped);
}

TEST_F(SimMemoryPoisonTest, WhatWasFreedMayBePermittedAgain) {
  SimMemory memory(fds_, trace_, {.initial_regions = 0});
  ASSERT_TRUE(memory.AddRegion(4096).has_value());
  const auto used = memory.Allocate(128, 64);
  ASSERT_TRUE(used.has_value());
  memory.Free(*used);
  EXPECT_EQ(backend_sim::IsForbidden(*used), backend_sim::kCanForbid);
  memory.PermitFreed();
  EXPECT_FALSE(backend_sim::IsForbidden(*used));
  EXPECT_EQ(used->front(), backend_sim::kPoison);
}

TEST_F(SimMemoryPoisonTest, AllThatWasFreedIsPoisonedAfterwards) {
  SimMemory memory(fds_, trace_, {.initial_regions = 0});
  ASSERT_TRUE(memory.AddRegion(4096).has_value());
  std::array<std::span<std::byte>, 4> parts;
  for (auto& part : parts) {
    part = *memory.Allocate(128, 64);
    std::ranges::fill(part, std::byte{1});
  }
  memory.PoisonFreed(false);
  memory.Free(parts[1]);
  memory.Free(parts[3]);
  memory.PermitFreed();
  EXPECT_EQ(parts[1].front(), std::byte{1});
  memory.PoisonAllFreed();
  for (const size_t i : {1, 3}) {
    EXPECT_EQ(backend_sim::IsForbidden(parts[i]), backend_sim::kCanForbid);
    backend_sim::Permit(parts[i]);
    EXPECT_EQ(parts[i].front(), backend_sim::kPoison);
    EXPECT_EQ(parts[i].back(), backend_sim::kPoison);
  }
  for (const size_t i : {0, 2}) {
    EXPECT_EQ(parts[i].front(), std::byte{1});
    EXPECT_EQ(parts[i].back(), std::byte{1});
  }
}

TEST_F(SimMemoryPoisonTest, ARemovedRegionThatSomebodyStillMapsIsPoisoned) {
  SimMemory memory(fds_, trace_, {.initial_regions = 0});
  const SimRegionId id = *memory.AddRegion(4096);
  const auto used = memory.Allocate(128, 64);
  ASSERT_TRUE(used.has_value());
  std::ranges::fill(*used, std::byte{1});
  const MemoryRegion region = Regions(memory)[0];
  const auto mapped = fds_.Map(region.fd, region.offset, 4096);
  ASSERT_TRUE(mapped.has_value());
  memory.Free(*used);
  ASSERT_TRUE(memory.RemoveRegion(id).has_value());
  EXPECT_EQ(backend_sim::IsForbidden(*mapped), backend_sim::kCanForbid);
  backend_sim::Permit(*mapped);
  EXPECT_EQ((*mapped)[0], backend_sim::kPoison);
  EXPECT_EQ((*mapped)[128], std::byte{0});  // Never given to anybody.
  fds_.Unmap(*mapped);
}

}  // namespace
