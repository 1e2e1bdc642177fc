// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/dpdk/dpdk_memory.h"

#include <gtest/gtest.h>
#include <rte_malloc.h>
#include <rte_memory.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>

#include "virtio_user/base/posix_fd_ops.h"

namespace virtio_user {
namespace {

MemoryTable TableOf(DpdkMemory& memory) {
  MemoryTable copy;
  memory.WithTable([&](const MemoryTable& table) { copy = table; });
  return copy;
}

TEST(DpdkMemoryTest, F15_AllOfTheHeapIsOneRegionAtItsVirtualAddress) {
  DpdkMemory memory;
  const MemoryTable table = TableOf(memory);
  ASSERT_EQ(table.regions().size(), 1u);
  const MemoryRegion& region = table.regions()[0];
  EXPECT_EQ(region.host.size(), size_t{128} << 20);
  EXPECT_EQ(region.published, std::bit_cast<uint64_t>(region.host.data()));
  EXPECT_EQ(region.iova, region.published);
  EXPECT_EQ(region.offset, 0u);
}

// What a back-end will do with the descriptor.
TEST(DpdkMemoryTest, WhatIsWrittenHereIsReadThroughTheDescriptor) {
  DpdkMemory memory;
  PosixFdOps fds;
  const auto block = memory.Allocate(100, 64);
  ASSERT_TRUE(block.has_value());
  std::ranges::fill(*block, std::byte{0x42});
  const MemoryTable table = TableOf(memory);
  const MemoryRegion& region = table.regions()[0];
  const auto mapped = fds.Map(region.fd, 0, region.host.size());
  ASSERT_TRUE(mapped.has_value());

  const auto there = mapped->subspan(
      static_cast<size_t>(block->data() - region.host.data()), 100);

  EXPECT_TRUE(std::ranges::equal(there, *block));
  fds.Unmap(*mapped);
  memory.Free(*block);
}

TEST(DpdkMemoryTest, AllocatedMemoryIsZeroedAlignedAndInTheTable) {
  DpdkMemory memory;
  for (const size_t align : {1, 64, 4096}) {
    const auto block = memory.Allocate(5000, align);
    ASSERT_TRUE(block.has_value()) << block.error().text();
    EXPECT_EQ(block->size(), 5000u);
    EXPECT_EQ(std::bit_cast<uintptr_t>(block->data()) % align, 0u);
    EXPECT_TRUE(std::ranges::all_of(
        *block, [](std::byte byte) { return byte == std::byte{0}; }));
    EXPECT_TRUE(TableOf(memory).ToDevice(block->data(), block->size()));
    memory.Free(*block);
  }
}

TEST(DpdkMemoryTest, WhatCannotBeAllocatedIsRefusedWithTheReason) {
  DpdkMemory memory;
  EXPECT_EQ(memory.Allocate(0, 64).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(memory.Allocate(8, 3).error().code(), ErrorCode::kInvalidArgument);
  const auto huge = memory.Allocate(size_t{1} << 40, 64);
  ASSERT_FALSE(huge.has_value());
  EXPECT_EQ(huge.error().sys_errno(), ENOMEM);
}

TEST(DpdkMemoryTest, ExternalMemoryIsLeftOut) {
  DpdkMemory memory;
  const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  void* const mapped = ::mmap(nullptr, page, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(mapped, MAP_FAILED);
  ASSERT_EQ(rte_extmem_register(mapped, page, nullptr, 0, page), 0);

  EXPECT_FALSE(
      TableOf(memory).Touches({static_cast<std::byte*>(mapped), page}));

  EXPECT_EQ(rte_extmem_unregister(mapped, page), 0);
  ::munmap(mapped, page);
}

class SilentListener final : public MemoryListener {
 public:
  void OnMemoryEvent(const MemoryEvent&, const MemoryTable&) override {}
};

TEST(DpdkMemoryTest, MemoryWithoutHugepagesHasNoEvents) {
  DpdkMemory memory;
  SilentListener listener;
  const auto subscribed = memory.Subscribe(listener);
  ASSERT_FALSE(subscribed.has_value());
  EXPECT_EQ(subscribed.error().code(), ErrorCode::kUnsupported);
  memory.Unsubscribe(listener);
}

}  // namespace
}  // namespace virtio_user
