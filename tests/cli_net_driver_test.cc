// SPDX-License-Identifier: BSD-3-Clause

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <utility>

#include "cli/memory_need.h"
#include "cli/net_driver.h"
#include "cli/sim_environment.h"

namespace virtio_user::cli {
namespace {

using ::testing::HasSubstr;

class NetDriverTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto backend = environment_.OpenBackend();
    ASSERT_TRUE(backend.has_value());
    auto device = Device::Create(
        {.queue_pairs = 4, .queue_size = 64, .control_queue = true},
        {.backend = std::move(*backend),
         .memory = environment_.memory(),
         .fds = environment_.fds(),
         .quiescer = environment_.quiescer()});
    ASSERT_TRUE(device.has_value()) << device.error().text();
    device_ = std::move(*device);
    auto driver = NetDriver::Create(*device_, environment_.memory(), {});
    ASSERT_TRUE(driver.has_value()) << driver.error().text();
    driver_ = std::move(*driver);
  }
  void TearDown() override {
    device_.reset();
    driver_.reset();
    EXPECT_EQ(environment_.Complaint(), std::nullopt);
  }

  SimEnvironment environment_{
      {.backend = "sim",
       .memory_bytes = NetDriver::MemoryFor({.pairs = 4, .queue_size = 64}),
       .on_line = {}},
      backend_sim::Personality::Conforming()};
  std::unique_ptr<NetDriver> driver_;
  std::unique_ptr<Device> device_;
};

TEST_F(NetDriverTest, Create_AcceptsAllButOffloadsAndSetsAllPairsUp) {
  EXPECT_EQ(driver_->pairs(), 4);
  EXPECT_EQ(device_->state(), DeviceState::kNegotiated);
  EXPECT_TRUE(device_->accepted().HasAll(
      {Feature::kVersion1, Feature::kNetMq, Feature::kNetMrgRxbuf}));
  EXPECT_FALSE(
      device_->accepted().HasAny({Feature::kNetCsum, Feature::kNetGuestCsum}));
  EXPECT_EQ(driver_->window(), 32u);
  EXPECT_EQ(driver_->Trouble(3), std::nullopt);
}

TEST_F(NetDriverTest, ControlCommands_InEveryFraming_SetThePairs) {
  ASSERT_TRUE(device_->Start().has_value());
  for (uint16_t round = 0; round < 9; ++round) {
    const auto pairs = static_cast<uint16_t>(1 + round % 4);
    ASSERT_TRUE(driver_->control()->SetQueuePairs(pairs).has_value());
    EXPECT_EQ(device_->active_pairs(), pairs);
  }
  EXPECT_EQ(driver_->control()->commands(), 9u);
}

TEST_F(NetDriverTest, ControlCommandThatIsRefused_IsAnErrorWithItsAck) {
  ASSERT_TRUE(device_->Start().has_value());
  const Result<void> none = driver_->control()->SetQueuePairs(0);
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.error().code(), ErrorCode::kRefused);
  EXPECT_THAT(std::string(none.error().text()),
              HasSubstr("class 4, command 0 was answered with 1"));
  EXPECT_FALSE(driver_->control()->SetQueuePairs(5).has_value());
  EXPECT_EQ(device_->active_pairs(), 1);
  EXPECT_EQ(driver_->control()->commands(), 0u);
}

TEST_F(NetDriverTest, Promiscuous_ReachesTheDevice) {
  ASSERT_TRUE(device_->Start().has_value());
  ASSERT_TRUE(driver_->control()->SetPromiscuous(true).has_value());
  EXPECT_TRUE(device_->control_state().promiscuous);
  ASSERT_TRUE(driver_->control()->SetPromiscuous(false).has_value());
  EXPECT_FALSE(device_->control_state().promiscuous);
}

TEST_F(NetDriverTest, BackendThatFallsSilent_IsNotSaidToHaveClosed) {
  ASSERT_TRUE(device_->Start().has_value());
  environment_.world().faults().Add(
      {.kind = backend_sim::FaultKind::kStall,
       .at = environment_.world().server().message_count()});
  ASSERT_FALSE(device_->Stop().has_value());
  const auto trouble = driver_->DeviceTrouble();
  ASSERT_TRUE(trouble.has_value());
  EXPECT_TRUE(trouble->starts_with("the connection was given up: "))
      << *trouble;
}

TEST_F(NetDriverTest, BackendThatCloses_IsTrouble) {
  ASSERT_TRUE(device_->Start().has_value());
  EXPECT_EQ(driver_->DeviceTrouble(), std::nullopt);
  environment_.world().channel().PeerCloses();
  EXPECT_EQ(driver_->DeviceTrouble(), "the back-end closed the connection");
}

RunOptions LargeRun() {
  RunOptions options;
  options.queues = 16;
  options.queue_size = 32768;
  options.sizes = {60, 65000};
  return options;
}

TEST(MemoryNeedTest, MoreThanTheMachineHas_IsRefusedWithBothNumbers) {
  RunOptions options = LargeRun();
  options.path.mrg_rxbuf = Wish::kRefused;
  const MemoryNeed need = NeedOf(options);
  const uint64_t gibi = uint64_t{1} << 30;
  const auto failure = CheckMemory(need, 20 * gibi);
  ASSERT_TRUE(failure.has_value());
  EXPECT_EQ(failure->code, ExitCode::kUsage);
  EXPECT_EQ(failure->text,
            "--queues 16 --queue-size 32768 --size 60-65000: rings and buffers "
            "need 36.2 GiB, and this machine has 20.0 GiB left; make one of "
            "them smaller");
  EXPECT_TRUE(CheckMemory(need, 38 * gibi).has_value());  // The margin.
  EXPECT_FALSE(CheckMemory(need, 64 * gibi).has_value());
  EXPECT_FALSE(CheckMemory(need, {}).has_value());
}

TEST(MemoryNeedTest, FramesThatMayBeChained_NeedLess) {
  MemoryNeed need = NeedOf(LargeRun());
  const uint64_t available = uint64_t{8} << 30;
  EXPECT_FALSE(CheckMemory(need, available).has_value());
  need.shape.mergeable = false;
  EXPECT_TRUE(CheckMemory(need, available).has_value());
}

TEST(MemoryNeedTest, MemAvailable_IsReadFromItsLine) {
  EXPECT_EQ(MemAvailable("MemFree: 7 kB\nMemAvailable:   12 kB\nCached: 9 kB"),
            12u * 1024);
  EXPECT_EQ(MemAvailable("MemFree: 7 kB"), std::nullopt);
  EXPECT_EQ(MemAvailable("MemAvailable:   "), std::nullopt);
  EXPECT_GT(MemAvailable(), 0u);
}

TEST(InterruptTest, SetUp_EndsBetweenTwoPairs) {
  SimEnvironment environment(
      {.backend = "sim",
       .memory_bytes = NetDriver::MemoryFor({.pairs = 4}),
       .on_line = {}},
      backend_sim::Personality::Conforming());
  auto backend = environment.OpenBackend();
  ASSERT_TRUE(backend.has_value());
  auto device = Device::Create({.queue_pairs = 4, .control_queue = true},
                               {.backend = std::move(*backend),
                                .memory = environment.memory(),
                                .fds = environment.fds(),
                                .quiescer = environment.quiescer()});
  ASSERT_TRUE(device.has_value());
  const std::atomic<bool> interrupted{true};
  const auto driver =
      NetDriver::Create(**device, environment.memory(),
                        {.declined = {}, .interrupted = &interrupted});
  ASSERT_FALSE(driver.has_value());
  EXPECT_EQ(driver.error().text(), "interrupted");
}

TEST(ChooseTest, OffloadsThatNobodyHereDoes_AreDeclined) {
  const FeatureSet offered = {Feature::kNetCsum,      Feature::kNetGuestCsum,
                              Feature::kNetGuestTso4, Feature::kNetHostTso6,
                              Feature::kNetMrgRxbuf,  Feature::kVersion1};
  EXPECT_EQ(NetDriver::Choose(offered),
            (FeatureSet{Feature::kNetMrgRxbuf, Feature::kVersion1}));
}

}  // namespace
}  // namespace virtio_user::cli
