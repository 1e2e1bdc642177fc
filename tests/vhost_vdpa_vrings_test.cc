// SPDX-License-Identifier: BSD-3-Clause
//
// The rings of a vDPA device.

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
using testing::HasSubstr;
using testing_support::AttachedVdpa;
using testing_support::CodeOf;
using testing_support::Suspendable;
using testing_support::TextOf;
using testing_support::VdpaRig;

TEST(VhostVdpaVringsTest, ARingThatIsTooLargeIsNamed) {
  for (const uint16_t most : {4, 7}) {
    VdpaPersonality personality = VdpaPersonality::Bare();
    personality.max_num = most;
    VdpaRig rig(personality);
    ASSERT_TRUE(rig.Prepare());
    const auto started = rig.device->Start();
    EXPECT_EQ(CodeOf(started), ErrorCode::kInvalidArgument);
    EXPECT_THAT(TextOf(started),
                HasSubstr("ring 0 of 8 descriptors: /dev/vhost-vdpa-0 takes at "
                          "most " +
                          std::to_string(most)));
  }
}

TEST(VhostVdpaVringsTest, ARingOfTheLargestSizeIsTaken) {
  VdpaPersonality personality = VdpaPersonality::Bare();
  personality.max_num = 8;
  VdpaRig rig(personality);
  EXPECT_TRUE(rig.Run());
}

TEST(VhostVdpaVringsTest, WhereARingStoodIsOverWithAResetAndWithTheDevice) {
  for (const bool detach : {true, false}) {
    AttachedVdpa rig;
    ASSERT_TRUE(rig.owned->SetVringBase(1, {.avail = 5}));
    std::array<VringBaseQuery, 1> queries{};
    queries[0].vring = 1;
    ASSERT_TRUE(rig.owned->GetVringBases(queries));
    EXPECT_EQ(queries[0].base.avail, 5);
    if (detach) {
      rig.owned->link().Detach();
      ASSERT_TRUE(rig.owned->link().Attach());
    } else {
      ASSERT_TRUE(rig.owned->SetStatus(0));
    }
    ASSERT_TRUE(rig.owned->GetVringBases(queries));
    EXPECT_EQ(queries[0].base, VringBase()) << detach;
  }
}

// A packed ring of another size is legal for virtio, and EINVAL for vhost.
TEST(VhostVdpaVringsTest, VhostTakesPowersOfTwoAlone) {
  AttachedVdpa rig;
  const auto set = rig.owned->SetVringNum(0, 6);
  EXPECT_EQ(CodeOf(set), ErrorCode::kInvalidArgument);
  EXPECT_THAT(TextOf(set), HasSubstr("powers of two"));
  EXPECT_TRUE(rig.calls.Take().empty());
}

TEST(VhostVdpaVringsTest, APackedRingsPlaceHasBothHalves) {
  AttachedVdpa rig(Suspendable());
  ASSERT_TRUE(
      rig.owned->SetFeatures({Feature::kVersion1, Feature::kRingPacked}));
  (void)rig.calls.Take();
  const VringBase base = {
      .avail = 3, .used = 1, .avail_wrap = false, .used_wrap = true};
  ASSERT_TRUE(rig.owned->SetVringBase(1, base));
  // The used half, 1 with its wrap counter, above the available one.
  EXPECT_EQ(rig.calls.Take(),
            std::vector<std::string>{"VHOST_SET_VRING_BASE 1 2147549187 = 0"});
  ASSERT_TRUE(rig.owned->SetStatus(0x0b));
  ASSERT_TRUE(rig.owned->SetStatus(0x0f));
  std::array<VringBaseQuery, 1> queries{};
  queries[0].vring = 1;
  ASSERT_TRUE(rig.owned->GetVringBases(queries));
  EXPECT_TRUE(queries[0].answered);
  EXPECT_EQ(queries[0].base, base);
}

// What a device that goes on answers is behind where it will be.
TEST(VhostVdpaVringsTest, ADeviceThatIsNotSuspendedIsNotAskedForItsPlace) {
  AttachedVdpa rig(Suspendable());
  ASSERT_TRUE(rig.owned->SetFeatures({Feature::kVersion1}));
  ASSERT_TRUE(rig.owned->SetStatus(0x0b));
  ASSERT_TRUE(rig.owned->SetStatus(0x0f));
  (void)rig.calls.Take();
  rig.server.FailCall(1, EIO);
  std::array<VringBaseQuery, 1> queries{};
  const auto told = rig.owned->GetVringBases(queries);
  EXPECT_EQ(CodeOf(told), ErrorCode::kRefused);
  EXPECT_FALSE(queries[0].answered);
  EXPECT_EQ(rig.calls.Take().size(), 1u);
}

TEST(VhostVdpaVringsTest, ADoorbellOfWhatIsNotOpenIsNotAskedFor) {
  AttachedVdpa rig;
  rig.owned->link().Detach();
  const auto mapped = rig.owned->MapDoorbell(0);
  EXPECT_EQ(CodeOf(mapped), ErrorCode::kDisconnected);
  EXPECT_THAT(TextOf(mapped), HasSubstr("is not open; reattach"));
  EXPECT_EQ(rig.Complaints(), "");
}

}  // namespace
}  // namespace virtio_user
