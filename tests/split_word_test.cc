// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/ring/split_word.h"

#include "gtest/gtest.h"
#include "tests/ring_support.h"

namespace virtio_user {
namespace {

TEST(SplitWord, EachPartStandsWhereTheSpecHasIt) {
  TestArena arena(ArenaBytes(4));
  const RingLayout layout = TakeRing(arena, 4);
  const BareRing bare(layout);
  StoreSplitDesc(layout.desc, 2, {{0x1122334455667788}, 0x99aabbcc}, 0x30001);
  EXPECT_EQ(bare.Desc(2).addr, 0x1122334455667788u);
  EXPECT_EQ(bare.Desc(2).len, 0x99aabbccu);
  EXPECT_EQ(bare.Desc(2).flags, 1);
  EXPECT_EQ(bare.Desc(2).next, 3);
  EXPECT_EQ(bare.Desc(1).addr, 0u);
  EXPECT_EQ(bare.Desc(3).addr, 0u);
  StoreAvail(layout.driver + kAvailRingOffset, 3, 2);
  EXPECT_EQ(bare.Avail(3), 2);
  bare.SetUsed(1, {.id = 7, .len = 0xfedcba98});
  const VirtqUsedElem element =
      LoadUsed(layout.device + kUsedRingOffset + sizeof(VirtqUsedElem));
  EXPECT_EQ(element.id, 7u);
  EXPECT_EQ(element.len, 0xfedcba98u);
  EXPECT_TRUE(arena.GuardsIntact());
}

}  // namespace
}  // namespace virtio_user
