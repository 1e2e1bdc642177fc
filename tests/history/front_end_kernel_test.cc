// SPDX-License-Identifier: BSD-3-Clause
//
// Mistakes of the past with the kernel's vhost-net and taps.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/fakes/vhost_net_rig.h"

namespace virtio_user {
namespace {

using testing::HasSubstr;
using testing_support::VhostNetRig;

// Descriptor 0 is somebody's standard input.
TEST(HistoryTest, F09_WithoutAConnectionThereIsNoLinkDescriptor) {
  VhostNetRig rig;
  ASSERT_TRUE(rig.Run(2));

  EXPECT_EQ(rig.device->PollFd(), -1);
  EXPECT_EQ(rig.device->interrupt_map().link_fd, -1);
}

backend_sim::VhostNetWorldOptions WithRegions(size_t count) {
  backend_sim::VhostNetWorldOptions options;
  options.memory.initial_regions = count;
  return options;
}

TEST(HistoryTest, F21_MoreMemoryThanVhostNetTakesIsRefusedWithARemedy) {
  VhostNetRig rig(WithRegions(65));
  ASSERT_TRUE(rig.Prepare(1));

  const Result<void> started = rig.device->Start();

  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(std::string(started.error().text()),
              HasSubstr("65 memory regions: the kernel takes 64"));
  EXPECT_EQ(rig.device->state(), DeviceState::kNegotiated);
  EXPECT_EQ(rig.RunningRings(), 0u);
}

TEST(HistoryTest, F21_AsMuchMemoryAsVhostNetTakesIsGiven) {
  VhostNetRig rig(WithRegions(64));

  ASSERT_TRUE(rig.Run(1));

  EXPECT_EQ(rig.world.vhosts()[0]->memory().Descriptions().size(), 64u);
}

// Its addresses and routes would go with it.
TEST(HistoryTest, F31_TheInterfaceOutlivesPairsThatAreSwitchedOff) {
  VhostNetRig rig;
  ASSERT_TRUE(rig.Run(3));
  ASSERT_EQ(rig.driver->SetPairs(3), kCtrlAckOk);
  const size_t fds = rig.device_fds();

  ASSERT_EQ(rig.driver->SetPairs(1), kCtrlAckOk);
  EXPECT_EQ(rig.device_fds(), fds);
  ASSERT_TRUE(rig.device->Stop());

  EXPECT_EQ(rig.device_fds(), fds);
  EXPECT_NE(rig.world.taps().Interface("tap0"), nullptr);
  EXPECT_EQ(rig.Complaints(), "");
}

}  // namespace
}  // namespace virtio_user
