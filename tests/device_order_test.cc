// SPDX-License-Identifier: BSD-3-Clause
//
// Which messages a device sends for what, in which order, against a back-end
// that takes no others.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <vector>

#include "backend_sim/fd_table.h"
#include "backend_sim/sim_memory.h"
#include "backend_sim/sim_quiescer.h"
#include "tests/fakes/test_driver.h"
#include "tests/mocks/expected_messages.h"
#include "tests/mocks/mock_vhost_backend.h"
#include "virtio_user/device/device.h"

namespace virtio_user {
namespace {

using backend_sim::SimRegionId;
using testing::_;
using testing::AllOf;
using testing::AnyNumber;
using testing::Mock;
using testing::Return;
using testing::StrictMock;
using testing_support::ExpectedMessages;
using testing_support::MockVhostBackend;
using testing_support::TestDriver;

constexpr FeatureSet kBackendFeatures = {Feature::kVersion1, Feature::kNetMq,
                                         Feature::kNetMrgRxbuf};
constexpr uint16_t kNum = 8;

// The number of regions in the table that a back-end gets.
MATCHER_P(RegionCount, count, "") { return arg.regions().size() == count; }

MATCHER_P(LacksRange, range, "") { return !arg.Touches(range); }

class DeviceOrder : public testing::Test {
 protected:
  // A device of `pairs` pairs, all configured, and nothing expected yet.
  void Prepare(uint16_t pairs) {
    auto backend = std::make_unique<StrictMock<MockVhostBackend>>();
    backend_ = backend.get();
    EXPECT_CALL(*backend_, SetOwner());
    EXPECT_CALL(*backend_, GetFeatures()).WillOnce(Return(kBackendFeatures));
    ExpectAnyBudget();
    auto made = Device::Create(
        {.queue_pairs = pairs, .queue_size = kNum, .control_queue = true},
        {.backend = std::move(backend),
         .memory = memory_,
         .fds = fds_,
         .quiescer = quiescer_});
    ASSERT_TRUE(made) << made.error().text();
    device_ = *std::move(made);
    driver_.emplace(*device_, memory_);
    ASSERT_TRUE(driver_->SetUp(pairs));
    Verify();
  }
  void Run(uint16_t pairs) {
    Prepare(pairs);
    ExpectedMessages(*backend_).Start(kBackendFeatures, kNum, pairs);
    ASSERT_TRUE(device_->Start());
    Verify();
  }
  // So that no test has to tell how the running device is taken down.
  void TearDown() override {
    if (device_ == nullptr) return;
    Verify();
    EXPECT_CALL(*backend_, BeginBatch()).Times(AnyNumber());
    EXPECT_CALL(*backend_, Commit()).Times(AnyNumber());
    EXPECT_CALL(*backend_, SetVringEnable(_, _)).Times(AnyNumber());
    EXPECT_CALL(*backend_, GetVringBases(_)).Times(AnyNumber());
    EXPECT_CALL(*backend_, SetStatus(0)).Times(AnyNumber());
    device_.reset();
  }
  void Verify() {
    Mock::VerifyAndClearExpectations(backend_);
    ExpectAnyBudget();
  }
  void ExpectAnyBudget() {
    EXPECT_CALL(*backend_, BeginCall(kDefaultCallBudget)).Times(AnyNumber());
  }

  backend_sim::Trace trace_;
  backend_sim::FdTable fds_;
  backend_sim::SimMemory memory_{fds_, trace_, {.region_bytes = 1 << 18}};
  backend_sim::SimQuiescer quiescer_;
  StrictMock<MockVhostBackend>* backend_ = nullptr;  // The device's.
  std::optional<TestDriver> driver_;
  std::unique_ptr<Device> device_;
};

TEST_F(DeviceOrder, CreateAttachesTakesOwnershipAndAsksForFeaturesAlone) {
  auto backend = std::make_unique<StrictMock<MockVhostBackend>>();
  MockVhostBackend& calls = *backend;
  {
    const testing::InSequence in_sequence;
    EXPECT_CALL(calls, BeginCall(kDefaultCallBudget));
    EXPECT_CALL(calls.peer, Attach());
    EXPECT_CALL(calls, SetOwner());
    EXPECT_CALL(calls, GetFeatures()).WillOnce(Return(kBackendFeatures));
    // The destructor.
    EXPECT_CALL(calls, BeginCall(kDefaultCallBudget));
    EXPECT_CALL(calls.peer, Detach());
  }

  const auto made = Device::Create({}, {.backend = std::move(backend),
                                        .memory = memory_,
                                        .fds = fds_,
                                        .quiescer = quiescer_});

  EXPECT_TRUE(made);
}

TEST_F(DeviceOrder, S12_ASecondStartSendsNothing) {
  Run(1);

  EXPECT_TRUE(device_->Start());

  EXPECT_EQ(device_->state(), DeviceState::kRunning);
}

TEST_F(DeviceOrder, ThreePairsAreStartedWithPairZeroEnabledAndStoppedWhole) {
  Prepare(3);
  {
    ExpectedMessages expected(*backend_);
    expected.Start(kBackendFeatures, kNum, 3);
    expected.Stop(1, {0, 0, 0, 0, 0, 0});
  }

  EXPECT_TRUE(device_->Start());
  EXPECT_TRUE(device_->Stop());

  EXPECT_EQ(device_->state(), DeviceState::kNegotiated);
}

TEST_F(DeviceOrder, F23_AStopOfWhatIsStoppedSendsNothing) {
  Run(1);
  ExpectedMessages(*backend_).Stop(1, {0, 0});
  ASSERT_TRUE(device_->Stop());
  Verify();

  EXPECT_TRUE(device_->Stop());
}

TEST_F(DeviceOrder, S09_RingsThatWereNotConfiguredAreNeverMentioned) {
  Prepare(3);
  // Another choice of features forgets the rings; one pair gets new ones.
  ASSERT_TRUE(device_->Negotiate(device_->offered() &
                                 ~FeatureSet{Feature::kNetMrgRxbuf}));
  ASSERT_TRUE(driver_->ConfigurePairs(1));
  ExpectedMessages expected(*backend_);
  expected.Start({Feature::kVersion1, Feature::kNetMq}, kNum, 1);
  expected.Stop(1, {0, 0});

  EXPECT_TRUE(device_->Start());
  EXPECT_TRUE(device_->Stop());
}

TEST_F(DeviceOrder, MorePairsAreEnabledAndFewerDisabledNothingElse) {
  Run(3);
  {
    ExpectedMessages expected(*backend_);
    expected.BeginBatch();
    expected.Enable(1, 3);
    expected.Commit();
    expected.BeginBatch();
    expected.Disable(1, 3);
    expected.Commit();
  }

  EXPECT_EQ(driver_->SetPairs(3), kCtrlAckOk);
  EXPECT_EQ(device_->active_pairs(), 3);
  EXPECT_EQ(driver_->SetPairs(1), kCtrlAckOk);
  EXPECT_EQ(device_->active_pairs(), 1);
}

TEST_F(DeviceOrder, S14_StopDisablesThePairsThatAreActiveAndNoOthers) {
  Run(3);
  ExpectedMessages expected(*backend_);
  expected.BeginBatch();
  expected.Enable(1, 2);
  expected.Commit();
  expected.Stop(2, {0, 0, 0, 0, 0, 0});

  EXPECT_EQ(driver_->SetPairs(2), kCtrlAckOk);
  EXPECT_TRUE(device_->Stop());
}

TEST_F(DeviceOrder, S61_ARefusedEnableIsTakenBackAndThePairsStayAsTheyWere) {
  Run(3);
  {
    ExpectedMessages expected(*backend_);
    expected.BeginBatch();
    expected.Enable(1, 3);
    EXPECT_CALL(*backend_, Commit())
        .WillOnce(Return(std::unexpected(
            CommitError{.operation = BackendOperation::kSetVringEnable,
                        .vring = 4,
                        .error = Error::Make(ErrorCode::kRefused, "no")})));
    expected.BeginBatch();
    expected.Disable(1, 3);
    expected.Commit();
  }

  EXPECT_EQ(driver_->SetPairs(3), kCtrlAckErr);

  EXPECT_EQ(device_->active_pairs(), 1);
  EXPECT_EQ(device_->state(), DeviceState::kRunning);
}

TEST_F(DeviceOrder, NewMemoryIsSharedWhileTheActivePairsAreDisabled) {
  Run(3);
  ExpectedMessages expected(*backend_);
  expected.BeginBatch();
  expected.Enable(1, 2);
  expected.Commit();
  expected.BeginBatch();
  expected.Disable(0, 2);
  EXPECT_CALL(*backend_, SetMemTable(RegionCount(3u)));
  expected.Commit();
  expected.BeginBatch();
  expected.Enable(0, 2);
  expected.Commit();
  ASSERT_EQ(driver_->SetPairs(2), kCtrlAckOk);

  EXPECT_TRUE(memory_.AddRegion(4096));

  EXPECT_EQ(device_->state(), DeviceState::kRunning);
}

TEST_F(DeviceOrder, S52_ARangeThatIsBeingFreedIsNotInTheTableThatIsSent) {
  Run(1);
  const std::vector<SimRegionId> ids = memory_.region_ids();
  std::span<const std::byte> dying;
  memory_.WithTable(
      [&](const MemoryTable& table) { dying = table.regions().back().host; });
  ExpectedMessages expected(*backend_);
  expected.BeginBatch();
  expected.Disable(0, 1);
  EXPECT_CALL(*backend_,
              SetMemTable(AllOf(RegionCount(1u), LacksRange(dying))));
  expected.Commit();
  expected.BeginBatch();
  expected.Enable(0, 1);
  expected.Commit();

  EXPECT_TRUE(memory_.RemoveRegion(ids.back()));
}

TEST_F(DeviceOrder, H9_ExternalMemoryIsNobodysBusiness) {
  Run(1);

  const auto external = memory_.AddExternal(4096);
  memory_.RemoveExternal(external);

  EXPECT_EQ(device_->state(), DeviceState::kRunning);
}

TEST_F(DeviceOrder, S50_H14_EventsAboutMemoryThatNobodyKnowsChangeNothing) {
  Run(1);
  std::vector<std::byte> unknown(4096);

  memory_.AnnounceUnknown(MemoryEvent::Kind::kAdded, unknown);
  memory_.AnnounceUnknown(MemoryEvent::Kind::kRemoving, unknown);
  memory_.AnnounceUnknown(MemoryEvent::Kind::kRemoving, {});

  EXPECT_EQ(device_->state(), DeviceState::kRunning);
}

TEST_F(DeviceOrder, ATableThatTheBackendCannotTakeIsNotSentAndPairsRunOn) {
  Run(1);
  {
    ExpectedMessages expected(*backend_);
    expected.BeginBatch();
    expected.Disable(0, 1);
    EXPECT_CALL(*backend_, SetMemTable(_))
        .WillOnce(Return(Fail(ErrorCode::kInvalidArgument, "9 regions")));
    expected.Discard();
  }

  EXPECT_TRUE(memory_.AddRegion(4096));

  EXPECT_EQ(device_->state(), DeviceState::kRunning);
  const DeviceEvents events = device_->Poll();
  EXPECT_TRUE(events.memory_trouble);
  EXPECT_FALSE(events.needs_reset);
  ASSERT_TRUE(events.reason);
  EXPECT_EQ(events.reason->text(), "9 regions");
}

TEST_F(DeviceOrder, S51_PairsStayDisabledWhereTheBackendRefusedTheTable) {
  Run(1);
  {
    ExpectedMessages expected(*backend_);
    expected.BeginBatch();
    expected.Disable(0, 1);
    expected.MemTable();
    EXPECT_CALL(*backend_, Commit())
        .WillOnce(Return(std::unexpected(
            CommitError{.operation = BackendOperation::kSetMemTable,
                        .error = Error::Make(ErrorCode::kRefused, "no")})));
  }

  EXPECT_TRUE(memory_.AddRegion(4096));

  EXPECT_EQ(device_->state(), DeviceState::kNeedsReset);
  const DeviceEvents events = device_->Poll();
  EXPECT_TRUE(events.memory_trouble);
  EXPECT_TRUE(events.needs_reset);
}

TEST_F(DeviceOrder, H10_PollReturnsAtOnceWhileACallIsUnderWay) {
  Run(1);
  std::future<void> poll;  // Outlives the call, should it have to wait.
  ExpectedMessages expected(*backend_);
  expected.BeginBatch();
  expected.Disable(0, 1);
  EXPECT_CALL(*backend_, SetMemTable(_)).WillOnce([this, &poll] {
    poll = std::async(std::launch::async, [this] { (void)device_->Poll(); });
    EXPECT_EQ(poll.wait_for(std::chrono::seconds(5)),
              std::future_status::ready);
    return Result<void>();
  });
  expected.Commit();
  expected.BeginBatch();
  expected.Enable(0, 1);
  expected.Commit();

  EXPECT_TRUE(memory_.AddRegion(4096));
}

TEST_F(DeviceOrder, AStoppedDeviceSendsNothingAboutMemory) {
  Prepare(1);

  const auto region = memory_.AddRegion(4096);
  ASSERT_TRUE(region);
  EXPECT_TRUE(memory_.RemoveRegion(*region));

  EXPECT_EQ(device_->state(), DeviceState::kNegotiated);
}

TEST_F(DeviceOrder, S27_TheDestructorStopsThenDetachesThenClosesDescriptors) {
  Run(1);
  const size_t open = fds_.open_count();
  const testing::InSequence in_sequence;
  ExpectedMessages(*backend_).Stop(1, {0, 0});
  EXPECT_CALL(backend_->peer, Detach()).WillOnce([&] {
    EXPECT_EQ(fds_.open_count(), open);
  });

  device_.reset();

  EXPECT_EQ(fds_.open_count(), open - 4);
}

}  // namespace
}  // namespace virtio_user
