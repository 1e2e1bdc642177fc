// SPDX-License-Identifier: BSD-3-Clause
//
// Memory events and doorbells of a Device on a vDPA device.

#include <gtest/gtest.h>

#include <cerrno>

#include "tests/fakes/vdpa_rig.h"

namespace virtio_user {
namespace {

using backend_sim::VdpaPersonality;
using testing_support::VdpaRig;

// What the device has is as it was, and the driver's packets are there.
TEST(DeviceVdpaTest, ADeviceThatCannotMapMoreRunsOnWithWhatItHas) {
  VdpaRig rig;
  ASSERT_TRUE(rig.Run({}));
  rig.vdpa.personality().memlock_bytes = 0;

  ASSERT_TRUE(rig.memory.AddRegion(1 << 16));

  EXPECT_EQ(rig.device->state(), DeviceState::kRunning);
  EXPECT_EQ(rig.vdpa.maps().size(), 2u);
  const DeviceEvents events = rig.device->Poll();
  EXPECT_TRUE(events.memory_trouble);
  EXPECT_FALSE(events.needs_reset);
  EXPECT_EQ(rig.Complaints(), "");
}

TEST(DeviceVdpaTest, ADeviceThatKeepsWhatGoesIsStopped) {
  VdpaRig rig;
  ASSERT_TRUE(rig.Run({}));
  const auto id = rig.memory.AddRegion(1 << 16);
  ASSERT_TRUE(id);
  rig.calls.before_call = [&] { rig.server.FailCall(1, EINVAL); };

  ASSERT_TRUE(rig.memory.RemoveRegion(*id));
  rig.calls.before_call = nullptr;

  EXPECT_EQ(rig.device->state(), DeviceState::kNeedsReset);
  EXPECT_FALSE(rig.vdpa.is_open());
}

TEST(DeviceVdpaTest, ADoorbellIsRungInsteadOfTheDescriptor) {
  VdpaRig rig(VdpaPersonality::Full());
  ASSERT_TRUE(rig.Run({}));
  VringState& ring = rig.device->vring(1);
  ASSERT_TRUE(ring.doorbell.valid());
  ASSERT_TRUE(ring.Notify());
  rig.server.Step();
  EXPECT_EQ(rig.vdpa.rung(), 1u);
  EXPECT_EQ(rig.fds.FileOf(ring.kick.get())->counter(), 0u);
  EXPECT_EQ(rig.Complaints(), "");
}

// A mapping keeps the device open, for which there is one user at a time.
TEST(DeviceVdpaTest, ADoorbellGoesWithTheUseOfItsDevice) {
  VdpaRig rig(VdpaPersonality::Full());
  ASSERT_TRUE(rig.Prepare({}));
  const size_t mapped = rig.fds.mapped_count();
  ASSERT_TRUE(rig.device->Start());
  EXPECT_EQ(rig.fds.mapped_count(), mapped + 2);
  ASSERT_TRUE(rig.device->Stop());
  EXPECT_EQ(rig.fds.mapped_count(), mapped);
  ASSERT_TRUE(rig.device->Start());
  const auto again = rig.device->Reattach();
  EXPECT_TRUE(again) << again.error().text();
  ASSERT_TRUE(rig.device->Start());
  rig.vdpa.Fail();
  ASSERT_TRUE(rig.device->Poll().needs_reset);
  ASSERT_TRUE(rig.device->Reattach());
  ASSERT_TRUE(rig.device->Start());
  rig.Destroy();
  EXPECT_FALSE(rig.vdpa.is_open());
  EXPECT_EQ(rig.Complaints(), "");
}

// It is unmapped under nobody.
TEST(DeviceVdpaTest, ADoorbellThatAPollerMayUseStaysUntilItHasLeft) {
  VdpaRig rig(VdpaPersonality::Full());
  ASSERT_TRUE(rig.Run({}));
  const VringState& ring = rig.device->vring(1);
  {
    const RingTurn turn(rig.device->vring(1).ring.gate);
    rig.vdpa.Fail();
    ASSERT_TRUE(rig.device->Poll().needs_reset);
    EXPECT_TRUE(ring.doorbell.valid());
    EXPECT_TRUE(ring.Notify());
  }
  ASSERT_TRUE(rig.device->Reattach());
  EXPECT_FALSE(ring.doorbell.valid());
}

TEST(DeviceVdpaTest, ARingWhoseDoorbellCannotBeMappedIsKickedByItsDescriptor) {
  VdpaRig rig(VdpaPersonality::Full());
  ASSERT_TRUE(rig.Prepare({}));
  rig.fds.FailCall(backend_sim::FdCall::kMap, 2);
  ASSERT_TRUE(rig.device->Start());
  EXPECT_TRUE(rig.device->vring(0).doorbell.valid());
  EXPECT_FALSE(rig.device->vring(1).doorbell.valid());
  ASSERT_TRUE(rig.device->vring(1).Notify());
}

// The first region that is too much is no reason to lose another one.
TEST(DeviceVdpaTest, MemoryGoesAlsoWhileOtherMemoryIsRefused) {
  VdpaRig rig;
  ASSERT_TRUE(rig.Run({}));
  const auto goes = rig.memory.AddRegion(1 << 16);
  ASSERT_TRUE(goes);
  ASSERT_EQ(rig.vdpa.maps().size(), 3u);
  rig.vdpa.personality().memlock_bytes = 0;
  ASSERT_TRUE(rig.memory.AddRegion(1 << 16));
  ASSERT_EQ(rig.vdpa.maps().size(), 3u);

  ASSERT_TRUE(rig.memory.RemoveRegion(*goes));

  EXPECT_EQ(rig.device->state(), DeviceState::kRunning);
  EXPECT_EQ(rig.vdpa.maps().size(), 2u);
  EXPECT_EQ(rig.Complaints(), "");
}

// Between two questions of one Poll, at any of them.
TEST(DeviceVdpaTest, AChangeOfTheCableDuringAPollIsSeenByThatOneOrTheNext) {
  for (const uint64_t call : {1, 2}) {
    VdpaRig rig(VdpaPersonality::Full());
    ASSERT_TRUE(rig.Run({}));
    (void)rig.device->Poll();
    rig.calls.before_call = [&rig, left = call]() mutable {
      if (--left == 0) rig.vdpa.SetLink(false);
    };
    DeviceEvents events = rig.device->Poll();
    if (!events.link_changed) {
      EXPECT_EQ(rig.fds.FileOf(rig.device->PollFd())->counter(), 1u);
      events = rig.device->Poll();
    }
    EXPECT_TRUE(events.link_changed) << "before call " << call;
    EXPECT_EQ(rig.device->link(), LinkState::kNoCarrier);
    rig.calls.before_call = nullptr;
  }
}

TEST(DeviceVdpaTest, ADeviceThatWasGivenUpIsClosedOnceNoPollerIsInside) {
  VdpaRig rig(VdpaPersonality::Full());
  ASSERT_TRUE(rig.Run({.control_queue = true}));
  {
    const RingTurn turn(rig.device->vring(1).ring.gate);
    rig.vdpa.personality().control = backend_sim::VdpaControlMode::kSilent;
    EXPECT_NE(rig.driver->Command(CtrlClass::kRx, kCtrlRxPromisc, {1}),
              kCtrlAckOk);
    ASSERT_EQ(rig.device->state(), DeviceState::kNeedsReset);
    (void)rig.device->Poll();
    EXPECT_TRUE(rig.vdpa.is_open());
  }
  (void)rig.device->Poll();
  EXPECT_FALSE(rig.vdpa.is_open());
}

}  // namespace
}  // namespace virtio_user
