// SPDX-License-Identifier: BSD-3-Clause
//
// Packets through a Device and its queues over the simulated vDPA device,
// which gives back what it gets.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/net_driver.h"
#include "tests/fakes/vdpa_rig.h"

namespace virtio_user {
namespace {

using backend_sim::VdpaPersonality;
using cli::ControlDriver;
using cli::NetDriver;
using testing_support::VdpaRig;

struct Shape {
  const char* name;
  bool own_control;
  bool packed;
  bool in_order;
};

class VhostVdpaPackets : public testing::TestWithParam<Shape> {
 protected:
  VhostVdpaPackets()
      : rig_(GetParam().own_control ? VdpaPersonality::Full()
                                    : VdpaPersonality::Bare(),
             {.initial_regions = 2, .region_bytes = 4 << 20}) {
    DeviceOptions options = {.control_queue = true,
                             .in_order = GetParam().in_order,
                             .packed = GetParam().packed};
    if (GetParam().own_control) options.queue_pairs = 2;
    const auto made = rig_.Create(options);
    EXPECT_TRUE(made) << made.error().text();
    auto driver = NetDriver::Create(*rig_.device, rig_.memory, {});
    EXPECT_TRUE(driver) << driver.error().text();
    net_ = std::move(*driver);
  }
  ~VhostVdpaPackets() override {
    rig_.device.reset();
    net_.reset();
  }

  // `count` frames on `pair`, each of which comes back as it was.
  void Echo(uint16_t pair, uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) {
      std::vector<std::byte> frame(60 + i);
      for (std::byte& byte : frame) byte = static_cast<std::byte>(i + pair);
      // Empty buffers first.
      std::vector<Packet> none(1);
      ASSERT_EQ(net_->rx(pair).Receive(none), 0u);
      const auto packet = net_->pool(pair).Make(frame);
      ASSERT_TRUE(packet);
      ASSERT_EQ(net_->tx(pair).Send({&*packet, 1}), 1u);
      rig_.server.Step();
      ASSERT_EQ(net_->tx(pair).Complete(64), 1u);
      std::vector<Packet> got(1);
      ASSERT_EQ(net_->rx(pair).Receive(got), 1u) << "frame " << i;
      std::vector<std::byte> back(frame.size());
      EXPECT_EQ(net_->pool(pair).CopyOut(got[0], back), frame.size());
      EXPECT_EQ(back, frame);
      net_->pool(pair).Free(got[0]);
      EXPECT_EQ(net_->Trouble(pair), std::nullopt);
    }
  }
  void ExpectStarts() {
    const auto started = rig_.device->Start();
    ASSERT_TRUE(started) << started.error().text();
  }

  VdpaRig rig_;
  std::unique_ptr<NetDriver> net_;
};

TEST_P(VhostVdpaPackets, ComeBackAlsoAfterAStopAndANewStart) {
  EXPECT_EQ(rig_.device->accepted().Has(Feature::kRingPacked),
            GetParam().packed);
  ExpectStarts();
  Echo(0, 20);
  ASSERT_TRUE(rig_.device->Stop());
  ExpectStarts();
  Echo(0, 20);
  EXPECT_EQ(rig_.Complaints(), "");
}

TEST_P(VhostVdpaPackets, ComeBackWhileMemoryComesAndGoes) {
  ExpectStarts();
  Echo(0, 3);
  const auto region = rig_.memory.AddRegion(1 << 16);
  ASSERT_TRUE(region);
  Echo(0, 3);
  ASSERT_TRUE(rig_.memory.RemoveRegion(*region));
  Echo(0, 3);
  EXPECT_EQ(rig_.Complaints(), "");
}

TEST_P(VhostVdpaPackets, ComeBackAfterAReattach) {
  ExpectStarts();
  Echo(0, 5);
  ASSERT_TRUE(rig_.device->Reattach());
  for (uint16_t pair = 0; pair < net_->pairs(); ++pair) {
    net_->rx(pair).ReclaimAll();
    net_->tx(pair).ReclaimAll();
  }
  ExpectStarts();
  Echo(0, 5);
  EXPECT_EQ(rig_.Complaints(), "");
}

TEST_P(VhostVdpaPackets, GoOnEachPairThatACommandHasSwitchedOn) {
  ExpectStarts();
  ASSERT_NE(net_->control(), nullptr);
  // The front-end serves the queue, and has nothing that hangs on it.
  if (!GetParam().own_control) return;
  const auto promiscuous = net_->control()->SetPromiscuous(true);
  EXPECT_TRUE(promiscuous) << promiscuous.error().text();
  EXPECT_EQ(rig_.vdpa.TakeCommands().size(), 1u);
  const auto set = net_->control()->SetQueuePairs(2);
  ASSERT_TRUE(set) << set.error().text();
  Echo(1, 10);
  Echo(0, 10);
  EXPECT_EQ(rig_.Complaints(), "");
}

// It has not gone, so nobody need reattach.
TEST(VhostVdpaCable, ThatIsOutIsATroubleOfItsOwn) {
  VdpaRig rig(VdpaPersonality::Full(),
              {.initial_regions = 2, .region_bytes = 4 << 20});
  ASSERT_TRUE(rig.Create({.control_queue = true}));
  auto driver = NetDriver::Create(*rig.device, rig.memory, {});
  ASSERT_TRUE(driver.has_value());
  ASSERT_TRUE(rig.device->Start());
  EXPECT_EQ((*driver)->DeviceTrouble(), std::nullopt);
  rig.vdpa.SetLink(false);
  EXPECT_THAT((*driver)->DeviceTrouble(),
              testing::Optional(testing::HasSubstr("cable or uplink")));
  rig.device.reset();
}

INSTANTIATE_TEST_SUITE_P(
    All, VhostVdpaPackets,
    testing::Values(Shape{"Split", false, false, false},
                    Shape{"SplitInOrder", false, false, true},
                    Shape{"Packed", false, true, false},
                    Shape{"SplitOwnControl", true, false, false},
                    Shape{"SplitInOrderOwnControl", true, false, true},
                    Shape{"PackedOwnControl", true, true, false},
                    Shape{"PackedInOrderOwnControl", true, true, true}),
    [](const auto& shape) { return std::string(shape.param.name); });

}  // namespace
}  // namespace virtio_user
