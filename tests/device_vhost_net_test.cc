// SPDX-License-Identifier: BSD-3-Clause
//
// A device on the simulated vhost-net: its lives, and each call to the kernel
// failing in turn.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <optional>
#include <string>

#include "cli/net_driver.h"
#include "tests/fakes/vhost_net_rig.h"

namespace virtio_user {
namespace {

using testing::HasSubstr;
using testing_support::VhostNetRig;

constexpr uint16_t kPairs = 3;

// --- A device ----------------------------------------------------------------

TEST(DeviceVhostNet, WhatIsOfferedIsTheKernelsAndTheTapsAndOurs) {
  VhostNetRig rig;

  ASSERT_TRUE(rig.Create(kPairs));

  const FeatureSet offered = rig.device->offered();
  EXPECT_TRUE(offered.HasAll(
      {Feature::kVersion1, Feature::kNetMrgRxbuf, Feature::kIndirectDesc,
       Feature::kNetMq, Feature::kNetCtrlVq, Feature::kNetCtrlGuestOffloads,
       Feature::kNetCsum, Feature::kNetHostTso4, Feature::kNetHostTso6,
       Feature::kNetGuestCsum, Feature::kNetGuestTso4,
       Feature::kNetGuestTso6}));
  // No link can be lost, and the kernel has split rings alone.
  EXPECT_FALSE(
      offered.HasAny({Feature::kNetStatus, Feature::kNetGuestAnnounce,
                      Feature::kRingPacked, Feature::kAccessPlatform}));
  EXPECT_EQ(rig.device->link(), LinkState::kUp);
}

TEST(DeviceVhostNet, F24_StartStopAndPairsAreWhatTheKernelHas) {
  VhostNetRig rig;
  ASSERT_TRUE(rig.Run(kPairs));
  EXPECT_EQ(rig.RunningRings(), 2u);

  EXPECT_EQ(rig.driver->SetPairs(kPairs), kCtrlAckOk);
  EXPECT_EQ(rig.RunningRings(), 2u * kPairs);
  EXPECT_EQ(rig.driver->SetPairs(1), kCtrlAckOk);
  EXPECT_EQ(rig.RunningRings(), 2u);
  ASSERT_TRUE(rig.device->Stop());
  EXPECT_EQ(rig.RunningRings(), 0u);
  ASSERT_TRUE(rig.device->Start());
  EXPECT_EQ(rig.RunningRings(), 2u);
  rig.Destroy();
  EXPECT_EQ(rig.device_fds(), 0u);
  EXPECT_EQ(rig.world.kernel_fds().Balance(), "");
}

TEST(DeviceVhostNet, MorePairsThanItWasOpenedForAreRefused) {
  VhostNetRig rig;

  const auto made = rig.Create(VhostNetRig::Options(4), {.queue_pairs = 2});

  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(rig.device_fds(), 0u);
}

TEST(DeviceVhostNet, TheDriversChoiceOfOffloadsIsTheTaps) {
  VhostNetRig rig;
  ASSERT_TRUE(rig.Run(1));
  EXPECT_EQ(rig.world.taps().Interface("tap0")->offloads, 7u);

  EXPECT_EQ(
      rig.driver->Command(CtrlClass::kGuestOffloads, kCtrlGuestOffloadsSet,
                          {0x02, 0, 0, 0, 0, 0, 0, 0}),
      kCtrlAckOk);

  EXPECT_EQ(rig.world.taps().Interface("tap0")->offloads, 1u);
}

TEST(DeviceVhostNet, WithoutOffloadsTheTapSendsWholeFrames) {
  VhostNetRig rig;
  ASSERT_TRUE(rig.Create(1));
  ASSERT_TRUE(
      rig.driver->SetUp(1, {Feature::kNetGuestCsum, Feature::kNetGuestTso4,
                            Feature::kNetGuestTso6}));

  ASSERT_TRUE(rig.device->Start());

  EXPECT_EQ(rig.world.taps().Interface("tap0")->offloads, 0u);
}

TEST(DeviceVhostNet, RegionsBeyondTheKernelsLimitLeaveTheRingsRunning) {
  VhostNetRig rig;
  ASSERT_TRUE(rig.Run(1));
  for (int i = 2; i < 64; ++i) {
    ASSERT_TRUE(rig.world.memory().AddRegion(4096));
  }
  ASSERT_EQ(rig.RunningRings(), 2u);

  ASSERT_TRUE(rig.world.memory().AddRegion(4096));

  EXPECT_EQ(rig.device->state(), DeviceState::kRunning);
  EXPECT_EQ(rig.RunningRings(), 2u);
  const DeviceEvents events = rig.device->Poll();
  EXPECT_TRUE(events.memory_trouble);
  ASSERT_TRUE(events.reason);
  EXPECT_THAT(std::string(events.reason->text()), HasSubstr("65 memory"));
}

TEST(DeviceVhostNet, MemoryThatGoesIsNotTheKernelsAnyMore) {
  VhostNetRig rig;
  ASSERT_TRUE(rig.Run(1));
  const auto id = rig.world.memory().AddRegion(4096);
  ASSERT_TRUE(id);
  ASSERT_EQ(rig.world.vhosts()[0]->memory().Descriptions().size(), 3u);

  ASSERT_TRUE(rig.world.memory().RemoveRegion(*id));

  EXPECT_EQ(rig.world.vhosts()[0]->memory().Descriptions().size(), 2u);
  EXPECT_EQ(rig.RunningRings(), 2u);
}

// --- Packets -----------------------------------------------------------------

// A driver with packets over a device on vhost-net.
class PacketsTest : public testing::Test {
 protected:
  void Run(uint16_t pairs) {
    ASSERT_TRUE(rig_.Create(
        {.queue_pairs = pairs, .queue_size = 64, .control_queue = true},
        {.queue_pairs = pairs}));
    auto driver = cli::NetDriver::Create(*rig_.device, rig_.world.memory(), {});
    ASSERT_TRUE(driver) << driver.error().text();
    driver_ = std::move(*driver);
    ASSERT_TRUE(rig_.device->Start());
    if (pairs == 1) return;
    ASSERT_TRUE(driver_->control()->SetQueuePairs(pairs));
  }
  void TearDown() override {
    rig_.device.reset();
    EXPECT_EQ(rig_.Complaints(), "");
    driver_.reset();
    rig_.Destroy();
    EXPECT_EQ(rig_.world.kernel_fds().Balance(), "");
    EXPECT_EQ(rig_.world.taps().interface_count(), 0u);
  }
  // Sends a frame on `pair`; what came back on it.
  std::vector<std::byte> Echo(uint16_t pair, size_t bytes, uint8_t seed) {
    std::vector<std::byte> frame(bytes);
    for (size_t i = 0; i < bytes; ++i) {
      frame[i] = static_cast<std::byte>(seed + 7 * i);
    }
    sent_ = frame;
    Packet out = *driver_->pool(pair).Make(frame);
    Packet in{};
    EXPECT_EQ(driver_->rx(pair).Receive({&in, 1}), 0u);  // Fills the ring.
    EXPECT_EQ(driver_->tx(pair).Send({&out, 1}), 1u);
    rig_.world.RunUntilIdle();
    if (driver_->rx(pair).Receive({&in, 1}) != 1) return {};
    std::vector<std::byte> back(in.bytes);
    EXPECT_EQ(driver_->pool(pair).CopyOut(in, back), in.bytes);
    driver_->pool(pair).Free(in);
    return back;
  }

  VhostNetRig rig_;
  std::unique_ptr<cli::NetDriver> driver_;
  std::vector<std::byte> sent_;
};

TEST_F(PacketsTest, WhatIsSentComesBackOnEveryPair) {
  Run(kPairs);

  for (uint16_t pair = 0; pair < kPairs; ++pair) {
    for (const size_t bytes : {60u, 1514u, 6000u}) {
      const auto back = Echo(pair, bytes, static_cast<uint8_t>(pair));
      EXPECT_EQ(back, sent_);
    }
  }
}

TEST_F(PacketsTest, RingsGoOnWhereTheyStoodAfterAStop) {
  Run(1);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Echo(0, 100, 1), sent_);

  ASSERT_TRUE(rig_.device->Stop());
  EXPECT_EQ(rig_.device->vring(TxVring(0)).base.avail, 3);
  ASSERT_TRUE(rig_.device->Start());

  for (int i = 0; i < 100; ++i) EXPECT_EQ(Echo(0, 100, 2), sent_);
}

TEST_F(PacketsTest, RingsGoOnWhereTheyStoodAfterAMemoryEvent) {
  Run(2);
  EXPECT_EQ(Echo(1, 100, 1), sent_);

  const auto id = rig_.world.memory().AddRegion(4096);
  ASSERT_TRUE(id);
  EXPECT_EQ(Echo(1, 100, 2), sent_);
  ASSERT_TRUE(rig_.world.memory().RemoveRegion(*id));

  EXPECT_EQ(Echo(1, 100, 3), sent_);
}

TEST_F(PacketsTest, AReattachStartsAfresh) {
  Run(1);
  EXPECT_EQ(Echo(0, 100, 1), sent_);
  ASSERT_TRUE(rig_.device->Stop());

  ASSERT_TRUE(rig_.device->Reattach());
  driver_->rx(0).ReclaimAll();
  driver_->tx(0).ReclaimAll();
  ASSERT_TRUE(rig_.device->Start());

  EXPECT_EQ(Echo(0, 100, 2), sent_);
}

// --- Every call fails in turn ------------------------------------------------

// Makes every call of a life and holds each to the truth.
class Life {
 public:
  // `nth` call to the kernel fails; 0: none.
  explicit Life(uint64_t nth) {
    if (nth != 0) rig_.world.calls().FailCall(nth, EIO);
  }

  void Live() {
    if (!Call([&] { return rig_.Create(kPairs); })) return;
    (void)rig_.driver->SetUp(kPairs);
    Call([&] { return rig_.device->Start(); });
    Call([&] {
      acked_ = rig_.driver->SetPairs(kPairs) == kCtrlAckOk;
      return Result<void>();
    });
    Call([&] {
      region_ = *rig_.world.memory().AddRegion(4096);
      return Result<void>();
    });
    Call([&] { return rig_.world.memory().RemoveRegion(region_); });
    Call([&] { return rig_.device->Stop(); });
    Call([&] { return rig_.device->Reattach(); });
    if (rig_.device->state() != DeviceState::kNegotiated) return;
    Call([&] { return rig_.device->Start(); });
    Call([&] { return rig_.device->Stop(); });
  }

  void CheckTruth() {
    if (rig_.device == nullptr) {
      EXPECT_EQ(rig_.device_fds(), 0u);
      return;
    }
    Device& device = *rig_.device;
    const DeviceEvents events = device.Poll();
    for (const auto& reason : {events.reason, events.pairs_refused}) {
      if (reason) Note(*reason);
    }
    const bool runs = device.state() == DeviceState::kRunning;
    EXPECT_EQ(device.vring(0).ring.gate.open(), runs);
    if (runs) {
      EXPECT_EQ(rig_.RunningRings(), 2u * device.active_pairs());
    }
    if (device.state() == DeviceState::kNegotiated) {
      EXPECT_EQ(rig_.RunningRings(), 0u);
      EXPECT_EQ(device.active_pairs(), 0);
    }
  }

  // With a kernel that behaves everything works again.
  void Recover() {
    if (rig_.device == nullptr) {
      ASSERT_TRUE(rig_.Create(kPairs));
    }
    if (rig_.device->state() == DeviceState::kNeedsReset) {
      const auto again = rig_.device->Reattach();
      ASSERT_TRUE(again) << again.error().text();
    }
    if (rig_.device->state() == DeviceState::kCreated) {
      ASSERT_TRUE(rig_.driver->SetUp(kPairs));
    }
    ASSERT_TRUE(rig_.device->Start());
    EXPECT_EQ(rig_.driver->SetPairs(2), kCtrlAckOk);
    EXPECT_EQ(rig_.RunningRings(), 4u);
    EXPECT_TRUE(rig_.device->Stop());
  }

  void End() {
    EXPECT_EQ(rig_.Complaints(), "");
    rig_.Destroy();
    EXPECT_EQ(rig_.device_fds(), 0u);
    EXPECT_EQ(rig_.world.kernel_fds().Balance(), "");
    EXPECT_EQ(rig_.world.taps().interface_count(), 0u);
    EXPECT_EQ(rig_.world.memory().listener_count(), 0u);
  }

  VhostNetRig& rig() { return rig_; }
  bool acked() const { return acked_; }
  const std::optional<Error>& first_error() const { return first_error_; }

 private:
  template <typename F>
  bool Call(F call) {
    const Result<void> done = call();
    if (!done) Note(done.error());
    CheckTruth();
    return done.has_value();
  }
  void Note(const Error& error) {
    if (!first_error_) first_error_ = error;
  }

  VhostNetRig rig_;
  backend_sim::SimRegionId region_ = 0;
  bool acked_ = false;
  std::optional<Error> first_error_;
};

TEST(DeviceVhostNetSweep, AGoodLifeHasNoErrorAndLeavesNothing) {
  Life life(0);
  life.Live();

  EXPECT_FALSE(life.first_error());
  EXPECT_TRUE(life.acked());
  life.Recover();
  life.End();
}

TEST(DeviceVhostNetSweep, EveryCallThatFails_IsNamedAndLeavesNothingOpen) {
  Life good(0);
  good.Live();
  const uint64_t calls = good.rig().world.calls().call_count();
  ASSERT_GT(calls, 150u);
  for (uint64_t nth = 1; nth <= calls; ++nth) {
    SCOPED_TRACE("call " + std::to_string(nth));
    Life life(nth);
    life.Live();

    ASSERT_TRUE(life.first_error());
    EXPECT_EQ(life.first_error()->sys_errno(), EIO);
    EXPECT_THAT(std::string(life.first_error()->text()), HasSubstr("(EIO)"));
    life.Recover();
    life.End();
  }
}

}  // namespace
}  // namespace virtio_user
