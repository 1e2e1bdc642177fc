// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/os/vhost_vdpa_backend.h"

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
using testing_support::CodeOf;
using testing_support::kVdpaPath;
using testing_support::VdpaRig;

// A device as VDUSE makes them, with messages in batches and SUSPEND.
VdpaPersonality Suspendable() {
  VdpaPersonality personality = VdpaPersonality::Vduse();
  personality.backend_features |= 1 << 2 | 1 << 4;
  return personality;
}

std::string TextOf(const Result<void>& result) {
  return result ? "" : std::string(result.error().text());
}

TEST(VhostVdpaBackendTest, ADeviceOfAnotherClassIsNamed) {
  VdpaPersonality personality = VdpaPersonality::Vduse();
  personality.device_class = 2;
  VdpaRig rig(personality);
  const auto made = rig.Create({});
  EXPECT_EQ(CodeOf(made), ErrorCode::kInvalidArgument);
  EXPECT_THAT(TextOf(made), HasSubstr("class 2 (block)"));
  EXPECT_FALSE(rig.vdpa.is_open());
  EXPECT_EQ(rig.device_fds(), 0u);
}

TEST(VhostVdpaBackendTest, ADeviceInUseSaysThatItIsExclusive) {
  VdpaRig rig;
  const auto other = rig.vdpa.Open();
  const auto made = rig.Create({});
  EXPECT_EQ(CodeOf(made), ErrorCode::kRefused);
  EXPECT_THAT(TextOf(made),
              AllOf(HasSubstr("one user at a time"), HasSubstr("EBUSY")));
}

TEST(VhostVdpaBackendTest, WhatCannotBeOpenedNamesTheRemedy) {
  struct Case {
    int error;
    ErrorCode code;
    const char* remedy;
  };
  for (const Case& c :
       {Case{ENOENT, ErrorCode::kDisconnected, "modprobe vhost_vdpa"},
        Case{ENOENT, ErrorCode::kDisconnected, "vdpa dev add"},
        Case{EACCES, ErrorCode::kSystem, "read and write access"},
        Case{EMFILE, ErrorCode::kSystem, "cannot be opened"}}) {
    VdpaRig rig;
    rig.server.FailCall(1, c.error);
    const auto made = rig.Create({});
    EXPECT_EQ(CodeOf(made), c.code);
    EXPECT_THAT(TextOf(made), HasSubstr(c.remedy));
    EXPECT_EQ(rig.device_fds(), 0u);
  }
}

TEST(VhostVdpaBackendTest, MemoryOutsideOfTheDevicesRangeIsNamed) {
  VdpaPersonality personality = VdpaPersonality::Vduse();
  personality.last_iova = 0x7ff'ffff'ffff;
  VdpaRig rig(personality);
  ASSERT_TRUE(rig.Prepare());
  const auto started = rig.device->Start();
  EXPECT_EQ(CodeOf(started), ErrorCode::kInvalidArgument);
  EXPECT_THAT(TextOf(started),
              AllOf(HasSubstr("0x80000000000"), HasSubstr("0x7ffffffffff")));
  EXPECT_EQ(rig.vdpa.status(), 0);
  EXPECT_EQ(rig.device->state(), DeviceState::kNegotiated);
}

// The kernel says EFAULT of a write, whatever its reason is.
TEST(VhostVdpaBackendTest, TheLimitOfLockedMemoryIsNamedWithTheBytesNeeded) {
  VdpaPersonality personality = VdpaPersonality::Vduse();
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

TEST(VhostVdpaBackendTest, ARingThatIsTooLargeIsNamed) {
  VdpaPersonality personality = VdpaPersonality::Vduse();
  personality.max_num = 4;
  VdpaRig rig(personality);
  ASSERT_TRUE(rig.Prepare());
  const auto started = rig.device->Start();
  EXPECT_EQ(CodeOf(started), ErrorCode::kInvalidArgument);
  EXPECT_THAT(TextOf(started), HasSubstr("at most 4"));
}

TEST(VhostVdpaBackendTest, ADeviceThatRefusesTheFeaturesIsReset) {
  VdpaPersonality personality = VdpaPersonality::Vduse();
  personality.accepts_features_ok = false;
  VdpaRig rig(personality);
  ASSERT_TRUE(rig.Prepare());
  const auto started = rig.device->Start();
  EXPECT_EQ(CodeOf(started), ErrorCode::kRefused);
  EXPECT_THAT(TextOf(started), HasSubstr("not the features"));
  EXPECT_EQ(rig.vdpa.status(), 0);
  EXPECT_EQ(rig.device->state(), DeviceState::kNegotiated);
}

TEST(VhostVdpaBackendTest, AResetThatNeverEndsIsADeadline) {
  VdpaRig rig;
  ASSERT_TRUE(rig.Run());
  rig.vdpa.personality().reset_ends = false;
  const Duration before = rig.clock.now();
  const auto stopped = rig.device->Stop();
  EXPECT_EQ(CodeOf(stopped), ErrorCode::kDeadline);
  EXPECT_THAT(TextOf(stopped), HasSubstr("stays 0x0f"));
  EXPECT_GE(rig.clock.now() - before, kDefaultCallBudget);
  EXPECT_LT(rig.clock.now() - before, 2 * kDefaultCallBudget);
  EXPECT_EQ(rig.device->state(), DeviceState::kNeedsReset);
  EXPECT_FALSE(rig.vdpa.is_open());
}

TEST(VhostVdpaBackendTest, LiesAboutSizesAreProtocolErrors) {
  VdpaPersonality no_rings = VdpaPersonality::Vduse();
  no_rings.max_num = 0;
  VdpaPersonality no_config = VdpaPersonality::Vduse();
  no_config.said_config_bytes = 0;
  VdpaPersonality large_config = VdpaPersonality::Vduse();
  large_config.said_config_bytes = 1 << 20;
  VdpaPersonality no_range = VdpaPersonality::Vduse();
  no_range.first_iova = 2;
  no_range.last_iova = 1;
  for (const VdpaPersonality& lie :
       {no_rings, no_config, large_config, no_range}) {
    VdpaRig rig(lie);
    EXPECT_EQ(CodeOf(rig.Create({})), ErrorCode::kProtocol);
    EXPECT_FALSE(rig.vdpa.is_open());
    EXPECT_EQ(rig.device_fds(), 0u);
  }
}

TEST(VhostVdpaBackendTest, AnOldKernelWithoutTheNewRequestsWillDo) {
  VdpaPersonality personality = VdpaPersonality::Vduse();
  personality.knows_new_requests = false;
  VdpaRig rig(personality);
  ASSERT_TRUE(rig.Run());
  ASSERT_TRUE(rig.device->Stop());
  EXPECT_EQ(rig.Complaints(), "");
}

TEST(VhostVdpaBackendTest, NothingIsLeftOfADevice) {
  for (const VdpaPersonality& personality :
       {VdpaPersonality::Vduse(), Suspendable()}) {
    VdpaRig rig(personality);
    ASSERT_TRUE(rig.Run());
    EXPECT_EQ(rig.vdpa.maps().size(), 2u);
    ASSERT_TRUE(rig.device->Stop());
    EXPECT_EQ(rig.vdpa.maps().size(), 0u);
    EXPECT_EQ(rig.vdpa.status(), 0);
    ASSERT_TRUE(rig.device->Start());
    EXPECT_EQ(rig.vdpa.status(), 0x0f);
    rig.Destroy();
    EXPECT_FALSE(rig.vdpa.is_open());
    EXPECT_EQ(rig.device_fds(), 0u);
    EXPECT_EQ(rig.kernel_fds.open_count(), 0u);
    EXPECT_EQ(rig.Complaints(), "");
  }
}

TEST(VhostVdpaBackendTest, AFailedUpdateLeavesTheTableAsItWas) {
  VdpaPersonality personality = Suspendable();
  personality.memlock_bytes = 600 << 10;
  VdpaRig rig(personality);
  ASSERT_TRUE(rig.Run());
  ASSERT_TRUE(rig.memory.AddRegion(1 << 20));
  EXPECT_EQ(rig.vdpa.maps().size(), 2u);
  EXPECT_TRUE(rig.device->Poll().memory_trouble);
  EXPECT_EQ(rig.Complaints(), "");
}

// --- The operations by themselves --------------------------------------------

struct Attached : VdpaRig {
  explicit Attached(VdpaPersonality personality = VdpaPersonality::Vduse())
      : VdpaRig(std::move(personality)), owned(MakeBackend()) {
    owned->BeginCall(kDefaultCallBudget);
    EXPECT_TRUE(owned->link().Attach());
    EXPECT_TRUE(owned->SetOwner());
    EXPECT_TRUE(owned->GetFeatures());
    (void)calls.Take();
  }
  std::unique_ptr<VhostVdpaBackend> owned;
};

TEST(VhostVdpaBackendTest, ABatchEndsWithTheFirstFailureAndNamesIt) {
  Attached rig;
  Batch batch(*rig.owned);
  ASSERT_TRUE(rig.owned->SetVringNum(0, 8));
  ASSERT_TRUE(rig.owned->SetVringNum(7, 8));
  ASSERT_TRUE(rig.owned->SetVringNum(1, 8));
  EXPECT_EQ(CodeOf(rig.owned->GetStatus()), ErrorCode::kWrongState);
  const auto done = batch.Commit();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().operation, BackendOperation::kSetVringNum);
  EXPECT_EQ(done.error().vring, 7);
  EXPECT_THAT(
      std::string(done.error().error.text()),
      AllOf(HasSubstr("VHOST_SET_VRING_NUM of ring 7"), HasSubstr("ENOBUFS")));
  EXPECT_EQ(rig.calls.Take().size(), 2u);
}

TEST(VhostVdpaBackendTest, WhatIsDiscardedIsNeverSaid) {
  Attached rig;
  {
    const Batch batch(*rig.owned);
    ASSERT_TRUE(rig.owned->SetVringNum(0, 8));
  }
  EXPECT_TRUE(rig.calls.Take().empty());
}

TEST(VhostVdpaBackendTest, TheConfigurationIsReadAndWrittenWithinItsSize) {
  Attached rig;
  std::array<std::byte, 6> mac{};
  ASSERT_TRUE(rig.owned->GetConfig(0, mac));
  EXPECT_EQ(mac[0], std::byte{0x02});
  EXPECT_EQ(mac[5], std::byte{0x01});
  mac[5] = std::byte{9};
  ASSERT_TRUE(rig.owned->SetConfig(0, mac));
  EXPECT_EQ(rig.vdpa.personality().config[5], std::byte{9});
  EXPECT_EQ(CodeOf(rig.owned->GetConfig(24, mac)), ErrorCode::kRefused);
  EXPECT_EQ(CodeOf(rig.owned->GetConfig(UINT32_MAX, mac)), ErrorCode::kRefused);
  EXPECT_EQ(CodeOf(rig.owned->SetConfig(19, mac)), ErrorCode::kInvalidArgument);
}

TEST(VhostVdpaBackendTest, WithoutADeviceEverythingIsDisconnected) {
  VdpaRig rig;
  const auto backend = rig.MakeBackend();
  backend->BeginCall(kDefaultCallBudget);
  EXPECT_EQ(CodeOf(backend->SetOwner()), ErrorCode::kDisconnected);
  EXPECT_EQ(CodeOf(backend->GetFeatures()), ErrorCode::kDisconnected);
  EXPECT_EQ(CodeOf(backend->SetVringNum(0, 8)), ErrorCode::kDisconnected);
  EXPECT_EQ(backend->link().Poll(), LinkState::kDown);
  EXPECT_EQ(backend->link().fd(), -1);
}

TEST(VhostVdpaBackendTest, AChangeOfTheConfigurationShowsOnTheLinksDescriptor) {
  Attached rig;
  const int fd = rig.owned->link().fd();
  EXPECT_EQ(rig.fds.FileOf(fd)->counter(), 0u);
  rig.vdpa.SetLink(false);
  EXPECT_EQ(rig.fds.FileOf(fd)->counter(), 1u);
  EXPECT_EQ(rig.owned->link().Poll(), LinkState::kUp);
  EXPECT_EQ(rig.fds.FileOf(fd)->counter(), 0u);
}

}  // namespace
}  // namespace virtio_user
