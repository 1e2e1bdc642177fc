// SPDX-License-Identifier: BSD-3-Clause
//
// A driver of the control queue that keeps to no rules.

#include <cstring>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/control_fixture.h"

namespace virtio_user {
namespace {

using ::testing::HasSubstr;

using ControlQueueHostileTest = ControlQueueFixture;

// --- Nowhere to put the ack --------------------------------------------------

TEST_F(ControlQueueHostileTest, WithoutAWritableByteNothingIsCarriedOut_S66) {
  PutPromiscuous();
  bare().SetDesc(1, {BufferAt(2), 1, 0, 0});
  ExpectNotCarriedOut(0);
  bare().SetDesc(1, {BufferAt(2), 1, kNext, 2});
  bare().SetDesc(2, {BufferAt(3), 0, kWrite, 0});
  ExpectNotCarriedOut(0);
  bare().SetDesc(2, {BufferAt(3), 0, kWrite | kNext, 3});
  bare().SetDesc(3, {0, 0, kWrite, 0});
  ExpectNotCarriedOut(0);
}

TEST_F(ControlQueueHostileTest, AnAckThatIsOutsideMemoryIsNotWritten_S66_S68) {
  PutPromiscuous();
  for (const uint64_t addr :
       {uint64_t{0}, uint64_t{0x10}, ~uint64_t{0}, TestArena::kPublished - 1}) {
    bare().SetDesc(2, {addr, 1, kWrite, 0});
    ExpectNotCarriedOut(0);
  }
  // Its first byte is inside, its last is not.
  bare().SetDesc(2, {BufferAt(3), 0xffffffff, kWrite, 0});
  ExpectNotCarriedOut(0);
  EXPECT_FALSE(rig_.state.promiscuous);
}

// --- Malformed chains --------------------------------------------------------

TEST_F(ControlQueueHostileTest, ALoopIsNotCarriedOut_S64_H15_B39) {
  PutPromiscuous();
  bare().SetDesc(2, {BufferAt(3), 1, kWrite | kNext, 2});
  ExpectNotCarriedOut(0);
  bare().SetDesc(1, {BufferAt(2), 1, kNext, 0});
  ExpectNotCarriedOut(0);
  bare().SetDesc(0, {BufferAt(0), 0, kNext, 0});
  ExpectNotCarriedOut(0);
}

TEST_F(ControlQueueHostileTest, ANextBeyondTheTableIsNotCarriedOut_S63_B39) {
  PutPromiscuous();
  for (const uint16_t next : {32, 33, 255, 65535}) {
    bare().SetDesc(2, {BufferAt(3), 1, kWrite | kNext, next});
    ExpectNotCarriedOut(0);
  }
}

TEST_F(ControlQueueHostileTest, ReadableAfterWritableIsNotCarriedOut_S66) {
  PutPromiscuous();
  bare().SetDesc(2, {BufferAt(3), 1, kWrite | kNext, 3});
  bare().SetDesc(3, {BufferAt(2), 1, 0, 0});
  ExpectNotCarriedOut(0);
  // An empty one is readable as well.
  bare().SetDesc(3, {BufferAt(2), 0, 0, 0});
  ExpectNotCarriedOut(0);
}

TEST_F(ControlQueueHostileTest,
       AMalformedIndirectTableIsNotCarriedOut_S65_B39) {
  const uint64_t table = rig_.arena().Addr(rig_.table().data()).value;
  const VirtqDesc entries[] = {{BufferAt(0), 3, kNext, 1},
                               {BufferAt(3), 1, kWrite, 0}};
  std::memcpy(rig_.table().data(), entries, sizeof(entries));
  const VirtqDesc bad[] = {
      {table, 0, kIndirect, 0},          {table, 31, kIndirect, 0},
      {table, 0xfffffff0, kIndirect, 0}, {0, 32, kIndirect, 0},
      {table, 32, kIndirect | kNext, 1}, {table, 16, kIndirect, 0},
  };
  for (const VirtqDesc& desc : bad) {
    bare().SetDesc(0, desc);
    ExpectNotCarriedOut(0);
  }
  // The good one, so that the bad ones are known to be near it.
  bare().SetDesc(0, {table, 32, kIndirect, 0});
  rig_.Offer(0);
  ASSERT_EQ(*rig_.Serve(), 1u);
  EXPECT_EQ(rig_.LastUsed().len, 1u);
}

TEST_F(ControlQueueHostileTest,
       AChainLongerThanTheRingIsNotCarriedOut_S64_B39) {
  // 32 descriptors in the ring, the last of which goes on.
  for (uint16_t i = 0; i < ControlRig::kNum; ++i) {
    bare().SetDesc(i, {BufferAt(i), 1, kNext,
                       static_cast<uint16_t>((i + 1) % ControlRig::kNum)});
  }
  ExpectNotCarriedOut(0);
}

// --- Rings that break the rules ----------------------------------------------

TEST_F(ControlQueueHostileTest, AHeadBeyondTheRingBreaksTheQueue_S72) {
  for (const uint16_t head : {32, 33, 1000, 65535}) {
    ControlRig rig;
    rig.Offer(head);
    const Bytes driver_memory = rig.DriverMemory();
    const Bytes device_memory = rig.DeviceMemory();
    const Result<size_t> served = rig.Serve();
    ASSERT_FALSE(served.has_value()) << head;
    EXPECT_THAT(std::string(served.error().text()),
                HasSubstr("descriptor " + std::to_string(head)));
    EXPECT_EQ(rig.DriverMemory(), driver_memory);
    EXPECT_EQ(rig.DeviceMemory(), device_memory);
    EXPECT_TRUE(rig.arena().GuardsIntact());
  }
}

TEST_F(ControlQueueHostileTest, AnIndexThatJumpsBreaksTheQueue_S71) {
  for (const uint16_t jump : {33, 34, 1000, 32768, 65535}) {
    ControlRig rig;
    rig.bare().set_avail_idx(jump);
    const Bytes device_memory = rig.DeviceMemory();
    const Result<size_t> served = rig.Serve();
    ASSERT_FALSE(served.has_value()) << jump;
    EXPECT_THAT(std::string(served.error().text()),
                HasSubstr("available index " + std::to_string(jump)));
    EXPECT_EQ(rig.DeviceMemory(), device_memory);
  }
}

TEST_F(ControlQueueHostileTest,
       ABrokenQueueStaysBrokenWithTheSameReason_S71_S72) {
  rig_.Offer(32);
  const std::string reason(rig_.Serve().error().text());
  bare().SetAvail(0, 0);
  PutPromiscuous();
  const Bytes device_memory = rig_.DeviceMemory();
  const Result<size_t> again = rig_.Serve();
  ASSERT_FALSE(again.has_value());
  EXPECT_EQ(again.error().text(), reason);
  EXPECT_EQ(rig_.DeviceMemory(), device_memory);
  EXPECT_FALSE(rig_.state.promiscuous);
}

TEST_F(ControlQueueHostileTest, WhatCameBeforeABadHeadWasServed_S72) {
  PutPromiscuous();
  rig_.Offer(0);
  rig_.Offer(32);
  ASSERT_FALSE(rig_.Serve().has_value());
  EXPECT_TRUE(rig_.state.promiscuous);
  EXPECT_EQ(bare().used_idx(), 1);
}

// --- Whatever the driver writes ----------------------------------------------

TEST_F(ControlQueueHostileTest, EveryGarbageRingIsSurvived_S71_S72_B39_H15) {
  TestRandom random(20260829);
  size_t served = 0;
  size_t broken = 0;
  for (int round = 0; round < 20000; ++round) {
    ControlQueue queue(rig_.layout());
    rig_.layout().Zero();
    for (uint32_t i = 0; i < ControlRig::kNum; ++i) {
      const uint64_t addr = random.OneIn(8) ? random.Next()
                            : random.OneIn(4)
                                ? rig_.arena().Addr(rig_.table().data()).value
                                : BufferAt(random.Below(1024));
      bare().SetDesc(i, {addr, random.OneIn(4) ? 32 : random.Below(12),
                         static_cast<uint16_t>(random.Below(8)),
                         static_cast<uint16_t>(random.Below(33))});
      bare().SetAvail(
          i, static_cast<uint16_t>(random.OneIn(64) ? 32 : random.Below(32)));
    }
    for (std::byte& byte : rig_.table()) {
      byte = static_cast<std::byte>(random.Below(4));
    }
    bare().set_avail_idx(static_cast<uint16_t>(random.Below(34)));
    const auto resolve = [this](DeviceBuffer b) {
      return rig_.arena().Resolve(b);
    };
    const auto done =
        queue.Serve(resolve, WillingTarget(rig_.accepted, rig_.state));
    served += done.value_or(0);
    broken += done ? 0 : 1;
    ASSERT_EQ(bare().used_idx(), done.value_or(bare().used_idx()));
    for (uint32_t i = 0; i < bare().used_idx(); ++i) {
      ASSERT_EQ(bare().Used(i).id, bare().Avail(i));
      ASSERT_LE(bare().Used(i).len, 1u);
    }
    ASSERT_LE(bare().used_idx(), bare().avail_idx());
  }
  // Both ends were seen, often.
  EXPECT_GT(served, 100000u);
  EXPECT_GT(broken, 1000u);
}

}  // namespace
}  // namespace virtio_user
