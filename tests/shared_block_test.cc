// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/vhost/shared_block.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "backend_sim/fd_table.h"
#include "backend_sim/sim_memory.h"
#include "backend_sim/trace.h"

namespace virtio_user {
namespace {

// Memory of one region, whose addresses are no pointers.
class SharedBlockTest : public testing::Test {
 protected:
  uint64_t AddrOf(std::span<std::byte> memory, AddressSpace space) {
    uint64_t addr = 0;
    memory_.WithTable([&](const MemoryTable& table) {
      addr = table.ToDevice(memory.data(), memory.size(), space)->value;
    });
    return addr;
  }

  backend_sim::Trace trace_;
  backend_sim::FdTable fds_;
  backend_sim::SimMemory memory_{
      fds_, trace_, {.initial_regions = 1, .region_bytes = 1 << 16}};
};

TEST_F(SharedBlockTest, TheBlockIsZeroedAlignedAndKnowsItsAddress) {
  for (const auto space : {AddressSpace::kPublished, AddressSpace::kIova}) {
    const auto block = SharedBlock::Allocate(memory_, 1000, space);
    ASSERT_TRUE(block.has_value());
    EXPECT_EQ(block->span().size(), 1000u);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(block->span().data()) % 64, 0u);
    EXPECT_TRUE(std::ranges::all_of(
        block->span(), [](std::byte b) { return b == std::byte{0}; }));
    EXPECT_EQ(block->addr().value, AddrOf(block->span(), space));
  }
}

TEST_F(SharedBlockTest, MemoryGoesBackOnceWhoeverHasTheBlock) {
  {
    auto first = SharedBlock::Allocate(memory_, 6000);
    ASSERT_TRUE(first.has_value());
    SharedBlock second = std::move(*first);
    EXPECT_TRUE(first->span().empty());
    EXPECT_EQ(second.span().size(), 6000u);
    SharedBlock third;
    third = std::move(second);
    EXPECT_EQ(third.span().size(), 6000u);
    EXPECT_EQ(memory_.allocated_count(), 1u);
  }
  EXPECT_EQ(memory_.allocated_count(), 0u);
}

TEST_F(SharedBlockTest, AProviderThatHasNoMoreSaysSo) {
  memory_.FailAllocate(1);
  EXPECT_FALSE(SharedBlock::Allocate(memory_, 64).has_value());
  EXPECT_EQ(memory_.allocated_count(), 0u);
}

}  // namespace
}  // namespace virtio_user
