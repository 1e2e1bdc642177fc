// SPDX-License-Identifier: BSD-3-Clause
//
// What the kernel hears of a vDPA device, call for call.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/fakes/vdpa_rig.h"

namespace virtio_user {
namespace {

using backend_sim::VdpaPersonality;
using testing::ElementsAreArray;
using testing_support::VdpaRig;

using Lines = std::vector<std::string>;

TEST(VhostVdpaTranscriptTest, CreatingADeviceAsksWhatItIs) {
  VdpaRig rig;
  ASSERT_TRUE(rig.Create({}));
  EXPECT_THAT(
      rig.calls.Take(),
      ElementsAreArray(
          Lines{"open /dev/vhost-vdpa-0 = 0", "VHOST_VDPA_GET_DEVICE_ID 1 = 0",
                "VHOST_SET_OWNER = 0", "VHOST_GET_FEATURES 0xf30009983 = 0",
                "VHOST_GET_BACKEND_FEATURES 0x2 = 0",
                "VHOST_SET_BACKEND_FEATURES 0x2 = 0",
                "VHOST_VDPA_GET_IOVA_RANGE 0x0-0xffffffffffffffff = 0",
                "VHOST_VDPA_GET_VRING_NUM 1024 = 0",
                "VHOST_VDPA_GET_CONFIG_SIZE 24 = 0",
                "VHOST_VDPA_SET_CONFIG_CALL = 0"}));
}

// virtio: "Device Initialization", in its order; each status is read back, and
// no ring is enabled after DRIVER_OK. Without SUSPEND a split ring's place is
// its used index, once the reset has ended all use of it.
TEST(VhostVdpaTranscriptTest, StartAndStopOfOnePair) {
  VdpaRig rig;
  ASSERT_TRUE(rig.Prepare());
  rig.calls.Take();
  ASSERT_TRUE(rig.device->Start());
  EXPECT_THAT(
      rig.calls.Take(),
      ElementsAreArray(Lines{"VHOST_SET_VRING_CALL 0 event = 0",
                             "VHOST_SET_VRING_CALL 1 event = 0",
                             "VHOST_VDPA_SET_CONFIG_CALL = 0",
                             "VHOST_VDPA_SET_STATUS 0x01 = 0",
                             "VHOST_VDPA_GET_STATUS 0x01 = 0",
                             "VHOST_VDPA_SET_STATUS 0x03 = 0",
                             "VHOST_VDPA_GET_STATUS 0x03 = 0",
                             "VHOST_SET_FEATURES 0xb10009983 = 0",
                             "VHOST_VDPA_SET_STATUS 0x0b = 0",
                             "VHOST_VDPA_GET_STATUS 0x0b = 0",
                             "IOTLB UPDATE 0x80000000000+0x40000 = 0",
                             "IOTLB UPDATE 0x81000000000+0x40000 = 0",
                             "VHOST_SET_VRING_NUM 0 8 = 0",
                             "VHOST_SET_VRING_BASE 0 0 = 0",
                             "VHOST_SET_VRING_ADDR 0 desc 0x80000000000 avail "
                             "0x80000000080 used 0x800000000c0 = 0",
                             "VHOST_SET_VRING_KICK 0 event = 0",
                             "VHOST_VDPA_SET_VRING_ENABLE 0 1 = 0",
                             "VHOST_SET_VRING_NUM 1 8 = 0",
                             "VHOST_SET_VRING_BASE 1 0 = 0",
                             "VHOST_SET_VRING_ADDR 1 desc 0x80000000140 avail "
                             "0x800000001c0 used 0x80000000200 = 0",
                             "VHOST_SET_VRING_KICK 1 event = 0",
                             "VHOST_VDPA_SET_VRING_ENABLE 1 1 = 0",
                             "VHOST_VDPA_SET_STATUS 0x0f = 0",
                             "VHOST_VDPA_GET_STATUS 0x0f = 0"}));
  ASSERT_TRUE(rig.device->Stop());
  EXPECT_THAT(
      rig.calls.Take(),
      ElementsAreArray(Lines{"VHOST_VDPA_SET_STATUS 0x00 = 0",
                             "VHOST_VDPA_GET_STATUS 0x00 = 0",
                             "IOTLB INVALIDATE 0x80000000000+0x40000 = 0",
                             "IOTLB INVALIDATE 0x81000000000+0x40000 = 0"}));
  EXPECT_EQ(rig.Complaints(), "");
}

TEST(VhostVdpaTranscriptTest, ASuspendableDeviceIsAskedWhereItStopped) {
  VdpaPersonality personality = VdpaPersonality::Bare();
  personality.backend_features = VdpaPersonality::Full().backend_features;
  VdpaRig rig(personality);
  ASSERT_TRUE(rig.Run());
  rig.calls.Take();
  ASSERT_TRUE(rig.device->Stop());
  EXPECT_THAT(
      rig.calls.Take(),
      ElementsAreArray(Lines{
          "VHOST_VDPA_SUSPEND = 0", "VHOST_GET_VRING_BASE 0 0 = 0",
          "VHOST_GET_VRING_BASE 1 0 = 0", "VHOST_VDPA_SET_STATUS 0x00 = 0",
          "VHOST_VDPA_GET_STATUS 0x00 = 0", "IOTLB BATCH_BEGIN = 0",
          "IOTLB INVALIDATE 0x80000000000+0x40000 = 0",
          "IOTLB INVALIDATE 0x81000000000+0x40000 = 0",
          "IOTLB BATCH_END = 0"}));
}

TEST(VhostVdpaTranscriptTest, AReattachIsAResetAndANewOpen) {
  VdpaRig rig;
  ASSERT_TRUE(rig.Run());
  rig.calls.Take();
  ASSERT_TRUE(rig.device->Reattach());
  EXPECT_THAT(
      rig.calls.Take(),
      ElementsAreArray(Lines{
          "VHOST_VDPA_SET_STATUS 0x00 = 0", "VHOST_VDPA_GET_STATUS 0x00 = 0",
          "IOTLB INVALIDATE 0x80000000000+0x40000 = 0",
          "IOTLB INVALIDATE 0x81000000000+0x40000 = 0",
          "open /dev/vhost-vdpa-0 = 0", "VHOST_VDPA_GET_DEVICE_ID 1 = 0",
          "VHOST_SET_OWNER = 0", "VHOST_GET_FEATURES 0xf30009983 = 0",
          "VHOST_GET_BACKEND_FEATURES 0x2 = 0",
          "VHOST_SET_BACKEND_FEATURES 0x2 = 0",
          "VHOST_VDPA_GET_IOVA_RANGE 0x0-0xffffffffffffffff = 0",
          "VHOST_VDPA_GET_VRING_NUM 1024 = 0",
          "VHOST_VDPA_GET_CONFIG_SIZE 24 = 0",
          "VHOST_VDPA_SET_CONFIG_CALL = 0"}));
}

TEST(VhostVdpaTranscriptTest, OnlyTheMemoryThatChangesIsTold) {
  VdpaPersonality personality = VdpaPersonality::Bare();
  personality.backend_features = VdpaPersonality::Full().backend_features;
  VdpaRig rig(personality);
  ASSERT_TRUE(rig.Run());
  rig.calls.Take();
  const auto region = rig.memory.AddRegion(1 << 16);
  ASSERT_TRUE(region);
  EXPECT_THAT(rig.calls.Take(),
              ElementsAreArray(Lines{"IOTLB BATCH_BEGIN = 0",
                                     "IOTLB UPDATE 0x82000000000+0x10000 = 0",
                                     "IOTLB BATCH_END = 0"}));
  ASSERT_TRUE(rig.memory.RemoveRegion(*region));
  EXPECT_THAT(
      rig.calls.Take(),
      ElementsAreArray(Lines{"IOTLB BATCH_BEGIN = 0",
                             "IOTLB INVALIDATE 0x82000000000+0x10000 = 0",
                             "IOTLB BATCH_END = 0"}));
  EXPECT_EQ(rig.device->state(), DeviceState::kRunning);
}

// One pair without MQ, so the control queue is ring 2. It lies in an address
// space of its own, and is set up before DRIVER_OK; a command is no call of the
// kernel, only memory and a kick.
TEST(VhostVdpaTranscriptTest, AControlQueueIsOneRingMoreBeforeDriverOk) {
  VdpaPersonality personality = VdpaPersonality::Full();
  VdpaRig rig(personality);
  const FeatureSet without = {Feature::kNetMq, Feature::kNetRss};
  ASSERT_TRUE(rig.Prepare({.control_queue = true}, without));
  rig.calls.Take();
  ASSERT_TRUE(rig.device->Start());
  const Lines all = rig.calls.Take();
  const auto from = std::ranges::find(all, "VHOST_VDPA_GET_AS_NUM 2 = 0");
  EXPECT_THAT(
      Lines(from, all.end()),
      ElementsAreArray(Lines{
          "VHOST_VDPA_GET_AS_NUM 2 = 0", "VHOST_VDPA_GET_VRING_GROUP 0 0 = 0",
          "VHOST_VDPA_GET_VRING_GROUP 2 1 = 0",
          "VHOST_VDPA_SET_GROUP_ASID 1 1 = 0", "IOTLB BATCH_BEGIN asid 1 = 0",
          "IOTLB UPDATE asid 1 0xffffffffc000+0x4000 = 0",
          "IOTLB BATCH_END asid 1 = 0", "VHOST_SET_VRING_NUM 2 4 = 0",
          "VHOST_SET_VRING_BASE 2 0 = 0",
          "VHOST_SET_VRING_ADDR 2 desc 0xffffffffc000 avail 0xffffffffc040 "
          "used 0xffffffffc080 = 0",
          "VHOST_SET_VRING_KICK 2 event = 0",
          "VHOST_VDPA_SET_VRING_ENABLE 2 1 = 0",
          "VHOST_VDPA_SET_STATUS 0x0f = 0", "VHOST_VDPA_GET_STATUS 0x0f = 0"}));
  EXPECT_EQ(rig.driver->Command(CtrlClass::kRx, kCtrlRxPromisc, {1}),
            kCtrlAckOk);
  EXPECT_THAT(rig.calls.Take(), ElementsAreArray(Lines{}));
  ASSERT_TRUE(rig.device->Stop());
  EXPECT_THAT(
      rig.calls.Take(),
      ElementsAreArray(Lines{
          "VHOST_VDPA_SUSPEND = 0", "VHOST_GET_VRING_BASE 0 0 = 0",
          "VHOST_GET_VRING_BASE 1 0 = 0", "VHOST_VDPA_SET_STATUS 0x00 = 0",
          "VHOST_VDPA_GET_STATUS 0x00 = 0", "IOTLB BATCH_BEGIN asid 1 = 0",
          "IOTLB INVALIDATE asid 1 0xffffffffc000+0x4000 = 0",
          "IOTLB BATCH_END asid 1 = 0", "IOTLB BATCH_BEGIN = 0",
          "IOTLB INVALIDATE 0x80000000000+0x40000 = 0",
          "IOTLB INVALIDATE 0x81000000000+0x40000 = 0",
          "IOTLB BATCH_END = 0"}));
}

// With MQ the control queue comes after all pairs that the device has, which
// are more than the two here; pairs are a command.
TEST(VhostVdpaTranscriptTest, PairsAreEnabledBeforeDriverOkAndChosenAfter) {
  VdpaRig rig(VdpaPersonality::Full());
  ASSERT_TRUE(rig.Prepare({.queue_pairs = 2, .control_queue = true}));
  rig.calls.Take();
  ASSERT_TRUE(rig.device->Start());
  Lines enables;
  for (const std::string& line : rig.calls.Take()) {
    if (line.contains("ENABLE") || line.contains("0x0f")) {
      enables.push_back(line);
    }
  }
  EXPECT_THAT(enables,
              ElementsAreArray(Lines{"VHOST_VDPA_SET_VRING_ENABLE 0 1 = 0",
                                     "VHOST_VDPA_SET_VRING_ENABLE 1 1 = 0",
                                     "VHOST_VDPA_SET_VRING_ENABLE 2 1 = 0",
                                     "VHOST_VDPA_SET_VRING_ENABLE 3 1 = 0",
                                     "VHOST_VDPA_SET_VRING_ENABLE 8 1 = 0",
                                     "VHOST_VDPA_SET_STATUS 0x0f = 0",
                                     "VHOST_VDPA_GET_STATUS 0x0f = 0"}));
  EXPECT_EQ(rig.driver->SetPairs(2), kCtrlAckOk);
  EXPECT_THAT(rig.calls.Take(), ElementsAreArray(Lines{}));
  EXPECT_EQ(rig.vdpa.active_pairs(), 2);
  EXPECT_EQ(rig.Complaints(), "");
}

}  // namespace
}  // namespace virtio_user
