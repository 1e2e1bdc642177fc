// SPDX-License-Identifier: BSD-3-Clause
//
// Memory events of a Device on a vDPA device.

#include <gtest/gtest.h>

#include <cerrno>

#include "tests/fakes/vdpa_rig.h"

namespace virtio_user {
namespace {

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
  rig.server.FailCall(1, EINVAL);

  ASSERT_TRUE(rig.memory.RemoveRegion(*id));

  EXPECT_EQ(rig.device->state(), DeviceState::kNeedsReset);
  EXPECT_EQ(rig.vdpa.status(), 0);
}

}  // namespace
}  // namespace virtio_user
