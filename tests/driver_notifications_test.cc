// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/ring/driver_notifications.h"

#include "gtest/gtest.h"
#include "tests/ring_support.h"

namespace virtio_user {
namespace {

TEST(DriverNotifications, SplitRingsHaveOneFlagOnEachSide) {
  TestArena arena(ArenaBytes(4));
  Ring ring{.layout = TakeRing(arena, 4), .published = {}, .gate = {}};
  const BareRing bare(ring.layout);
  DriverNotifications<RingFormat::kSplit> queue(ring, RingOrder::kSmp);
  EXPECT_EQ(bare.avail_flags(), 0);
  queue.Write();
  EXPECT_EQ(bare.avail_flags(), 1);
  queue.SuppressInterrupts(false);
  EXPECT_EQ(bare.avail_flags(), 0);
  bare.set_avail_flags(7);
  queue.SuppressInterrupts(false);  // Nothing new: nothing is written.
  EXPECT_EQ(bare.avail_flags(), 7);
  EXPECT_TRUE(queue.DeviceWantsKick());
  bare.set_used_flags(1);
  EXPECT_FALSE(queue.DeviceWantsKick());
  ring.published.index = 0xfedc;
  EXPECT_EQ(queue.Data(0x1234), 0xfedc1234u);
}

TEST(DriverNotifications, PackedRingsHaveAnEventAreaOnEachSide) {
  TestArena arena(ArenaBytes(4));
  Ring ring{.layout = TakeRing(arena, 4, RingFormat::kPacked),
            .published = {},
            .gate = {}};
  DriverNotifications<RingFormat::kPacked> queue(ring, RingOrder::kPlatform);
  queue.Write();
  EXPECT_EQ(LoadRelaxed<uint32_t>(ring.layout.driver), 0x10000u);
  queue.SuppressInterrupts(false);
  EXPECT_EQ(LoadRelaxed<uint32_t>(ring.layout.driver), 0u);
  EXPECT_TRUE(queue.DeviceWantsKick());
  StoreRelaxed<uint32_t>(ring.layout.device, 0x18003);
  EXPECT_FALSE(queue.DeviceWantsKick());
  ring.published = {.index = 3, .wrap = false};
  EXPECT_EQ(queue.Data(1), 0x30001u);
  ring.published.wrap = true;
  EXPECT_EQ(queue.Data(1), 0x80030001u);
}

}  // namespace
}  // namespace virtio_user
