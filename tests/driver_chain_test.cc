// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/ring/driver_chain.h"

#include <array>
#include <cstring>
#include <string>

#include "gtest/gtest.h"
#include "tests/ring_support.h"

namespace virtio_user {
namespace {

const std::array<DeviceBuffer, 3> kBuffers = {
    {{{0x100}, 1}, {{0x200}, 2}, {{0x300}, 3}}};
const OfferedChain<uint32_t> kChain{.readable = std::span(kBuffers).first(1),
                                    .writable = std::span(kBuffers).last(2),
                                    .cookie = 7};

TEST(DriverChain, AShapeIsThatOfTheSlotOrElseOfTheNote) {
  EXPECT_EQ(ShapeOf<uint32_t>({}, {}).count, 0u);
  const ChainShape plain = ShapeOf<uint32_t>({1, 9}, {100, 3, 0});
  EXPECT_EQ(plain.count, 1u);
  EXPECT_EQ(plain.writable_bytes, 8u);
  const ChainShape noted = ShapeOf<uint32_t>({1, 0}, {100, 3, 0});
  EXPECT_EQ(noted.count, 3u);
  EXPECT_EQ(noted.writable_bytes, 100u);
}

TEST(DriverChain, AnOfferTakesOneDescriptorABufferOrOneForATable) {
  const ChainBuffers buffers(kChain);
  const ChainShape chained = CheckOffer(buffers, false, 8);
  EXPECT_EQ(chained.count, 3u);
  EXPECT_EQ(chained.writable_bytes, 5u);
  const ChainShape indirect = CheckOffer(buffers, true, 8);
  EXPECT_EQ(indirect.count, 1u);
  EXPECT_EQ(indirect.writable_bytes, 5u);
}

TEST(DriverChain, TablesOfBothFormatsDifferInFlagsAndLinks) {
  TestArena arena(4096);
  const std::span<std::byte> table = arena.Take(48);
  WriteSplitTable(ChainBuffers(kChain), table);
  std::array<VirtqDesc, 3> split;
  std::memcpy(split.data(), table.data(), 48);
  EXPECT_EQ(split[0].flags, 1);
  EXPECT_EQ(split[0].next, 1);
  EXPECT_EQ(split[1].flags, 3);
  EXPECT_EQ(split[1].next, 2);
  EXPECT_EQ(split[2].flags, 2);
  EXPECT_EQ(split[2].addr, 0x300u);
  WritePackedTable(ChainBuffers(kChain), table);
  std::array<PackedDesc, 3> packed;
  std::memcpy(packed.data(), table.data(), 48);
  EXPECT_EQ(packed[0].flags, 0);
  EXPECT_EQ(packed[1].flags, 2);
  EXPECT_EQ(packed[2].flags, 2);
  EXPECT_EQ(packed[2].id, 0);
  EXPECT_EQ(packed[2].len, 3u);
  EXPECT_TRUE(arena.GuardsIntact());
}

TEST(DriverChain, AUsedElementIsCheckedAgainstTheChainsShape) {
  std::optional<Error> broken;
  EXPECT_TRUE(CheckUsed({4, 1, 8}, {2, 8}, broken));
  EXPECT_TRUE(CheckUsed({4, 1, 99}, {2, 0}, broken));
  EXPECT_FALSE(CheckUsed({4, 1, 9}, {2, 8}, broken));
  EXPECT_EQ(broken->text(),
            "used element 4: 9 bytes in chain 1, which takes 8");
  broken.reset();
  EXPECT_FALSE(CheckUsed({4, 1, 0}, {}, broken));
  EXPECT_EQ(broken->text(),
            "used element 4: id 1 is no chain that the device has");
  broken.reset();
  EXPECT_TRUE(CheckBatch({4, 1, 0}, 3, 3, broken));
  EXPECT_FALSE(CheckBatch({4, 1, 0}, 4, 3, broken));
  EXPECT_EQ(broken->text(),
            "used element 4: id 1 stands for 4 chains, but the index for 3");
}

TEST(DriverChain, AUsedIndexStaysBetweenTheLastOneAndWhatWasPublished) {
  std::optional<Error> broken;
  for (const uint16_t index : {65534, 65535, 0, 1}) {
    EXPECT_TRUE(CheckUsedIndex(index, 65534, 1, broken));
  }
  for (const uint16_t index : {65533, 2, 100, 32768}) {
    broken.reset();
    EXPECT_FALSE(CheckUsedIndex(index, 65534, 1, broken));
    EXPECT_EQ(broken->code(), ErrorCode::kProtocol);
  }
}

}  // namespace
}  // namespace virtio_user
