// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/ring/shared_memory.h"

#include <array>

#include "gtest/gtest.h"

namespace virtio_user {
namespace {

TEST(SharedMemory, WordsAreLittleEndianAndKeepToTheirBytes) {
  alignas(8) std::array<std::byte, 16> memory{};
  StoreRelaxed<uint32_t>(memory.data() + 4, 0x04030201);
  EXPECT_EQ(memory[3], std::byte{0});
  EXPECT_EQ(memory[4], std::byte{1});
  EXPECT_EQ(memory[7], std::byte{4});
  EXPECT_EQ(memory[8], std::byte{0});
  EXPECT_EQ(LoadRelaxed<uint16_t>(memory.data() + 6), 0x0403);
  EXPECT_EQ(LoadRelaxed<uint64_t>(memory.data()), 0x0403020100000000u);
}

TEST(SharedMemory, CopyTakesExactlyTheBytesAtAnyAlignment) {
  std::array<std::byte, 32> shared;
  for (size_t i = 0; i < shared.size(); ++i) shared[i] = std::byte(i);
  for (size_t start = 0; start < 8; ++start) {
    std::array<std::byte, 18> copy{};
    CopyFromShared(std::span(shared).subspan(start, 16), copy.data() + 1);
    EXPECT_EQ(copy[0], std::byte{0});
    for (size_t i = 0; i < 16; ++i) EXPECT_EQ(copy[i + 1], shared[start + i]);
    EXPECT_EQ(copy[17], std::byte{0});
  }
}

}  // namespace
}  // namespace virtio_user
