// SPDX-License-Identifier: BSD-3-Clause
//
// Mistakes that front-ends have made, later ones: the kernel's vhost-net with
// its tap, and vhost-vdpa. docs/history.md tells each.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/if_tun.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "tests/fakes/outcome.h"
#include "tests/fakes/vdpa_rig.h"
#include "tests/fakes/vhost_net_rig.h"
#include "virtio_user/os/vdpa_requests.h"
#include "virtio_user/spec/net.h"

namespace virtio_user {
namespace {

using backend_sim::TapInterface;
using backend_sim::VdpaPersonality;
using testing::HasSubstr;
using testing_support::CodeOf;
using testing_support::kVdpaPath;
using testing_support::TextOf;
using testing_support::VdpaRig;
using testing_support::VhostNetRig;

constexpr unsigned kSingleQueueTap = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;

// --- vhost-net ---------------------------------------------------------------

TEST(HistoryTest, F44_WhateverFailsWhileItIsMadeNothingIsLeftBehind) {
  uint64_t nth = 1;
  for (bool made = false; !made; ++nth) {
    SCOPED_TRACE(nth);
    ASSERT_LT(nth, 100u);
    VhostNetRig rig;
    rig.world.calls().FailCall(nth, EIO);

    made = rig.Create(VhostNetRig::Options(2),
                      {.ifname = "vm%d",
                       .queue_pairs = 2,
                       .mac = MacAddress{{2, 0, 0, 0, 0, 1}}})
               .has_value();

    if (made) break;
    EXPECT_EQ(rig.device_fds(), 0u);
    EXPECT_EQ(rig.world.fds().violations().size(), 0u);
    EXPECT_EQ(rig.world.kernel_fds().Balance(), "");
    EXPECT_EQ(rig.world.taps().interface_count(), 0u);
    EXPECT_EQ(rig.world.memory().listener_count(), 0u);
  }
  EXPECT_GT(nth, 10u);
}

TEST(HistoryTest, F46_WhatIsSaidOfTheDeviceIsSaidForEveryPair) {
  VhostNetRig rig;
  ASSERT_TRUE(rig.Run(4));

  const auto vhosts = rig.world.vhosts();

  ASSERT_EQ(vhosts.size(), 4u);
  for (const auto& vhost : vhosts) {
    EXPECT_TRUE(vhost->session().has_owner);
    EXPECT_EQ(vhost->session().features, vhosts[0]->session().features);
    EXPECT_EQ(vhost->memory().Descriptions().size(), 2u);
  }
  EXPECT_NE(vhosts[0]->session().features, 0u);
  EXPECT_EQ(rig.Complaints(), "");
}

TEST(HistoryTest, F49_ATapOfOneQueueIsNoneForSeveralPairs) {
  VhostNetRig rig;
  rig.world.taps().AddInterface("vm0", kSingleQueueTap).persistent = true;

  const auto made =
      rig.Create(VhostNetRig::Options(2), {.ifname = "vm0", .queue_pairs = 2});

  EXPECT_EQ(CodeOf(made), ErrorCode::kInvalidArgument);
  EXPECT_THAT(TextOf(made), HasSubstr("vm0"));
  EXPECT_EQ(rig.device_fds(), 0u);
}

TEST(HistoryTest, F49_PairsAreOfferedOnATapOfSeveralQueuesAlone) {
  VhostNetRig rig;
  rig.world.taps().AddInterface("vm0", kSingleQueueTap).persistent = true;

  ASSERT_TRUE(rig.Create(VhostNetRig::Options(1), {.ifname = "vm0"}));

  EXPECT_FALSE(rig.device->offered().Has(Feature::kNetMq));
}

TEST(HistoryTest, F52_TheBackEndIsOpenedForAsManyPairsAsAreAskedFor) {
  for (const uint16_t pairs : {uint16_t{1}, uint16_t{3}}) {
    VhostNetRig rig;
    ASSERT_TRUE(rig.Create(pairs));
    ASSERT_EQ(rig.world.vhosts().size(), pairs);
    const TapInterface* const tap = rig.world.taps().Interface("tap0");
    ASSERT_NE(tap, nullptr);
    EXPECT_EQ(tap->queues.size() + tap->disabled.size(), pairs);
  }
}

TEST(HistoryTest, F59_TheTapHasTheOffloadsThatTheDriverHasAcceptedAlone) {
  VhostNetRig rig;
  ASSERT_TRUE(rig.Create(1));
  ASSERT_TRUE(rig.driver->SetUp(1, {Feature::kNetGuestTso6}));
  ASSERT_TRUE(rig.device->Start());

  EXPECT_EQ(rig.world.taps().Interface("tap0")->offloads,
            unsigned{TUN_F_CSUM | TUN_F_TSO4});
}

// --- vhost-vdpa --------------------------------------------------------------

// A file of the device, in which each message to its IOMMU is written down.
class WatchedFile final : public backend_sim::KernelFile {
 public:
  WatchedFile(std::shared_ptr<KernelFile> file,
              std::vector<VdpaIotlbMessage>& messages)
      : file_(std::move(file)), messages_(messages) {}

  int Ioctl(unsigned long request, void* argument) override {
    return file_->Ioctl(request, argument);
  }
  int Write(std::span<const std::byte> from) override {
    VdpaIotlbMessage message{};
    std::memcpy(&message, from.data(), std::min(from.size(), sizeof(message)));
    messages_.push_back(message);
    return file_->Write(from);
  }
  size_t Step() override { return file_->Step(); }

 private:
  const std::shared_ptr<KernelFile> file_;
  std::vector<VdpaIotlbMessage>& messages_;
};

// What starting a device says to an IOMMU with these backend features.
std::vector<VdpaIotlbMessage> MappingBy(uint64_t backend_features) {
  VdpaPersonality personality = VdpaPersonality::Bare();
  personality.backend_features = backend_features;
  std::vector<VdpaIotlbMessage> messages;
  VdpaRig rig(personality);
  rig.server.AddDevice(kVdpaPath, [&] {
    auto opened = rig.vdpa.Open();
    opened.file = std::make_shared<WatchedFile>(opened.file, messages);
    return opened;
  });
  EXPECT_TRUE(rig.Run());
  EXPECT_EQ(rig.vdpa.maps().size(), 2u);
  return std::vector(messages);  // What the end adds is not wanted.
}

TEST(HistoryTest, F43_MessagesOfTheIotlbAreOfTheVersionThatWasAgreedTo) {
  for (const uint64_t features : {uint64_t{0}, kBackendIotlbMsgV2}) {
    const auto messages = MappingBy(features);
    ASSERT_EQ(messages.size(), 2u);  // One for each region, whatever its size.
    for (const VdpaIotlbMessage& message : messages) {
      EXPECT_EQ(message.type, features == 0 ? kIotlbMessage1 : kIotlbMessage2);
      EXPECT_EQ(message.kind, kIotlbUpdate);
    }
  }
}

TEST(HistoryTest, F43_ABatchIsBegunAndEndedWhereThatWasAgreedTo) {
  const auto messages = MappingBy(kBackendIotlbMsgV2 | kBackendIotlbBatch);
  ASSERT_EQ(messages.size(), 4u);
  EXPECT_EQ(messages.front().kind, kIotlbBatchBegin);
  EXPECT_EQ(messages.back().kind, kIotlbBatchEnd);
}

TEST(HistoryTest, F47_CommandsLieWhereTheBackEndsAddressesSay) {
  VdpaRig rig;
  ASSERT_TRUE(rig.Run({.control_queue = true}));
  ASSERT_EQ(rig.device->backend_caps().addresses, AddressSpace::kIova);

  EXPECT_EQ(rig.driver->Command(CtrlClass::kAnnounce, kCtrlAnnounceAck, {}),
            kCtrlAckOk);

  EXPECT_TRUE(rig.driver->notified());
  EXPECT_EQ(rig.Complaints(), "");
}

TEST(HistoryTest, F53_AControlQueueThatNobodyAskedForIsLeftAlone) {
  VdpaRig rig(VdpaPersonality::Full());
  ASSERT_TRUE(rig.Create({}));
  EXPECT_FALSE(rig.device->offered().HasAny(
      {Feature::kNetCtrlVq, Feature::kNetMq, Feature::kNetCtrlRx}));
  ASSERT_TRUE(rig.driver->SetUp(1));

  ASSERT_TRUE(rig.device->Start());

  // The regions, and nothing in the control queue's address space.
  for (const auto& map : rig.vdpa.maps()) EXPECT_EQ(map.asid, 0u);
  EXPECT_EQ(rig.Complaints(), "");
}

TEST(HistoryTest, F55_TheDevicesControlQueueEndsWithTheOthers) {
  VdpaRig rig(VdpaPersonality::Full());
  ASSERT_TRUE(rig.Run({.queue_pairs = 2, .control_queue = true}));
  EXPECT_EQ(rig.vdpa.maps().size(), 3u);
  ASSERT_EQ(rig.driver->SetPairs(2), kCtrlAckOk);

  ASSERT_TRUE(rig.device->Stop());

  EXPECT_EQ(rig.vdpa.status(), 0);
  EXPECT_EQ(rig.vdpa.maps().size(), 0u);
  rig.Destroy();
  EXPECT_EQ(rig.device_fds(), 0u);
  EXPECT_EQ(rig.Complaints(), "");
}

TEST(HistoryTest, F56_ADeviceWithoutDoorbellsIsKickedByItsDescriptors) {
  VdpaPersonality personality = VdpaPersonality::Full();
  personality.doorbells = false;
  VdpaRig rig(personality);

  ASSERT_TRUE(rig.Run({}));

  EXPECT_EQ(rig.device->state(), DeviceState::kRunning);
  EXPECT_FALSE(rig.device->vring(0).doorbell.valid());
  EXPECT_TRUE(rig.device->vring(1).Notify());
  EXPECT_EQ(rig.Complaints(), "");
}

TEST(HistoryTest, D15_PairsBeyond128KeepApart) {
  constexpr uint16_t kPairs = 130;
  VdpaPersonality personality = VdpaPersonality::Full();
  personality.max_pairs = kPairs;
  personality.config[8] = std::byte{kPairs};
  VdpaRig rig(personality);

  ASSERT_TRUE(rig.Run({.queue_pairs = kPairs, .control_queue = true}));

  for (uint16_t vring = 0; vring < 2 * kPairs; ++vring) {
    const RingLayout& ring = rig.device->vring(vring).ring.layout;
    uint64_t desc = 0;
    rig.memory.WithTable([&](const MemoryTable& table) {
      desc = table.ToDevice(ring.desc, 1, AddressSpace::kIova)->value;
    });
    const backend_sim::RingModel& theirs = rig.vdpa.model().rings()[vring];
    ASSERT_TRUE(theirs.started()) << vring;
    ASSERT_EQ(theirs.addresses()->desc, desc) << vring;
  }
  EXPECT_EQ(rig.Complaints(), "");
}

// --- The control queue -------------------------------------------------------

TEST(HistoryTest, F57_AControlRingThatIsConfiguredAgainStartsAfresh) {
  VhostNetRig rig;
  ASSERT_TRUE(rig.Run(2));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(rig.driver->SetPairs(2), kCtrlAckOk);
  ASSERT_TRUE(rig.device->Stop());
  ASSERT_TRUE(rig.driver->ConfigurePairs(2));
  ASSERT_TRUE(rig.driver->ConfigureControl());
  ASSERT_TRUE(rig.device->Start());

  for (int i = 0; i < 3; ++i) EXPECT_EQ(rig.driver->SetPairs(2), kCtrlAckOk);

  EXPECT_EQ(rig.RunningRings(), 4u);
}

}  // namespace
}  // namespace virtio_user
