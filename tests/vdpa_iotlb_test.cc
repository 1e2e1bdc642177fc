// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/os/vdpa_iotlb.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <string>
#include <vector>

#include "tests/fakes/outcome.h"
#include "tests/fakes/vdpa_rig.h"

namespace virtio_user {
namespace {

using backend_sim::VdpaPersonality;
using testing::AllOf;
using testing::HasSubstr;
using testing_support::Suspendable;
using testing_support::TextOf;
using testing_support::VdpaRig;

// The kernel says EFAULT of a write, whatever its reason is.
TEST(VdpaIotlbTest, TheLimitOfLockedMemoryIsNamedWithTheBytesNeeded) {
  VdpaPersonality personality = VdpaPersonality::Bare();
  personality.memlock_bytes = 400 << 10;
  VdpaRig rig(personality);
  rig.server.AddText("/proc/self/limits",
                     "Limit                     Soft Limit           Hard\n"
                     "Max locked memory         409600               8388608 "
                     "             bytes     \n");
  ASSERT_TRUE(rig.Prepare());
  const auto started = rig.device->Start();
  EXPECT_THAT(TextOf(started), AllOf(HasSubstr("524288 bytes"),
                                     HasSubstr("RLIMIT_MEMLOCK is 409600"),
                                     HasSubstr("ulimit -l 512")));
  EXPECT_EQ(rig.vdpa.maps().size(), 0u);
  EXPECT_EQ(rig.vdpa.status(), 0);
}

// It counts the pages of all devices and address spaces of the process: here
// the control queue is in one of its own.
TEST(VdpaIotlbTest, WhatIsPinnedAlreadyIsWhatTheKernelSays) {
  VdpaPersonality personality = VdpaPersonality::Full();
  personality.memlock_bytes = 520 << 10;
  VdpaRig rig(personality);
  rig.server.AddText("/proc/self/limits",
                     "Max locked memory         532480               8388608 "
                     "             bytes     \n");
  rig.server.AddText("/proc/self/status",
                     "VmLck:\t       4 kB\nVmPin:\t     512 kB\n"
                     "VmHWM:\t    5000 kB\n");
  ASSERT_TRUE(rig.Prepare({.control_queue = true}));
  const auto started = rig.device->Start();
  EXPECT_THAT(TextOf(started), AllOf(HasSubstr("540672 bytes"),
                                     HasSubstr("RLIMIT_MEMLOCK is 532480"),
                                     HasSubstr("ulimit -l 528")));
  EXPECT_EQ(rig.vdpa.maps().size(), 0u);
}

TEST(VdpaIotlbTest, AFailedUpdateLeavesTheTableAsItWas) {
  VdpaPersonality personality = Suspendable();
  personality.memlock_bytes = 600 << 10;
  VdpaRig rig(personality);
  ASSERT_TRUE(rig.Run());
  ASSERT_TRUE(rig.memory.AddRegion(1 << 20));
  EXPECT_EQ(rig.vdpa.maps().size(), 2u);
  EXPECT_TRUE(rig.device->Poll().memory_trouble);
  EXPECT_EQ(rig.Complaints(), "");
}

}  // namespace
}  // namespace virtio_user
