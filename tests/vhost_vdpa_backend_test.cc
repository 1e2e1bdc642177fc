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
using testing_support::AttachedVdpa;
using testing_support::CodeOf;
using testing_support::Suspendable;
using testing_support::TextOf;
using testing_support::VdpaRig;

TEST(VhostVdpaBackendTest, MemoryOutsideOfTheDevicesRangeIsNamed) {
  VdpaPersonality personality = VdpaPersonality::Bare();
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

TEST(VhostVdpaBackendTest, ARangeThatEndsAByteTooSoonIsTooShort) {
  VdpaPersonality personality = VdpaPersonality::Bare();
  personality.last_iova = 0x810'0003'fffe;  // The second region's last is f.
  VdpaRig rig(personality);
  ASSERT_TRUE(rig.Prepare());
  EXPECT_THAT(TextOf(rig.device->Start()),
              HasSubstr("IOVA 0x81000000000 to 0x8100003ffff"));
}

TEST(VhostVdpaBackendTest, NothingIsLeftOfADevice) {
  for (const VdpaPersonality& personality :
       {VdpaPersonality::Bare(), Suspendable()}) {
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

// --- The operations by themselves --------------------------------------------

TEST(VhostVdpaBackendTest, ABatchEndsWithTheFirstFailureAndNamesIt) {
  AttachedVdpa rig;
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
  AttachedVdpa rig;
  {
    const Batch batch(*rig.owned);
    ASSERT_TRUE(rig.owned->SetVringNum(0, 8));
  }
  EXPECT_TRUE(rig.calls.Take().empty());
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
  AttachedVdpa rig;
  const int fd = rig.owned->link().fd();
  EXPECT_EQ(rig.fds.FileOf(fd)->counter(), 0u);
  rig.vdpa.SetLink(false);
  EXPECT_EQ(rig.fds.FileOf(fd)->counter(), 1u);
  EXPECT_EQ(rig.owned->link().Poll(), LinkState::kUp);
  EXPECT_EQ(rig.fds.FileOf(fd)->counter(), 1u);
  EXPECT_TRUE(rig.owned->TakeNews().config_changed);
  EXPECT_EQ(rig.fds.FileOf(fd)->counter(), 0u);
  EXPECT_FALSE(rig.owned->TakeNews().config_changed);
}

}  // namespace
}  // namespace virtio_user
