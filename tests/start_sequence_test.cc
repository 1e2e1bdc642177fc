// SPDX-License-Identifier: BSD-3-Clause
//
// The messages of start and stop, one by one, against a back-end that takes
// no others and in no other order.

#include "virtio_user/device/start_sequence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "backend_sim/fd_table.h"
#include "tests/mocks/expected_messages.h"
#include "tests/mocks/mock_vhost_backend.h"
#include "tests/ring_support.h"
#include "virtio_user/ring/shared_memory.h"
#include "virtio_user/spec/ring.h"

namespace virtio_user {
namespace {

using testing::_;
using testing::Field;
using testing::HasSubstr;
using testing::Return;
using testing::StrictMock;
using testing_support::ExpectedMessages;
using testing_support::MockVhostBackend;

constexpr FeatureSet kModern = {Feature::kVersion1, Feature::kNetMq};
constexpr uint16_t kNum = 8;

// Rings of some pairs in one region, whose addresses in the three spaces have
// nothing in common.
struct Rings {
  static constexpr uint64_t kPublished = 0x7a00'0000'0000;
  static constexpr uint64_t kIova = 0x0000'0000'4000;
  static constexpr size_t kBytes = 16384;

  explicit Rings(uint16_t pairs) : arena(kBytes), vrings(2 * size_t{pairs}) {
    const std::span<std::byte> memory = arena.Take(kBytes - 4096);
    EXPECT_TRUE(table.Add({.host = memory,
                           .published = kPublished,
                           .iova = kIova,
                           .fd = 5,
                           .offset = 0}));
    for (size_t i = 0; i < vrings.size(); ++i) {
      const size_t bytes = RingLayout::BytesFor(RingFormat::kSplit, kNum);
      vrings[i].ring.layout = *RingLayout::PlaceIn(
          memory.subspan(i * bytes, bytes), RingFormat::kSplit, kNum);
      vrings[i].call = *FileDescriptor::CreateEvent(fds);
      vrings[i].kick = *FileDescriptor::CreateEvent(fds);
    }
  }
  StartPlan Plan(uint16_t active, FeatureSet features = kModern) {
    return {.forwarded = features,
            .table = table,
            .vrings = vrings,
            .configured_pairs = static_cast<uint16_t>(vrings.size() / 2),
            .active_pairs = active};
  }
  StopPlan StopOf(uint16_t configured, uint16_t active) {
    return {.vrings = vrings,
            .configured_pairs = configured,
            .active_pairs = active};
  }
  VringAddresses AddressesOf(size_t ring, uint64_t base) const {
    const std::byte* const start = table.regions()[0].host.data();
    const RingLayout& layout = vrings[ring].ring.layout;
    const auto at = [&](const std::byte* part) {
      return DeviceAddr{base + static_cast<uint64_t>(part - start)};
    };
    return {.desc = at(layout.desc),
            .avail = at(layout.driver),
            .used = at(layout.device)};
  }

  TestArena arena;
  MemoryTable table;
  backend_sim::FdTable fds;
  std::vector<VringState> vrings;
};

auto Addresses(const VringAddresses& expected) {
  return AllOf(Field(&VringAddresses::desc, expected.desc),
               Field(&VringAddresses::avail, expected.avail),
               Field(&VringAddresses::used, expected.used));
}

TEST(StartSequence, OnePairIsStartedInTheOrderThatBackendsAgreeOn) {
  Rings rings(1);
  StrictMock<MockVhostBackend> backend;
  ExpectedMessages expected(backend);
  expected.BeginBatch();
  expected.Calls(2);
  expected.Features(kModern);
  expected.Status(0x0b);
  expected.Commit();
  expected.GetStatus(0x0b);
  expected.BeginBatch();
  expected.MemTable();
  expected.Rings(kNum, {0, 0});
  expected.Enable(0, 1);
  expected.Commit();
  expected.Status(0x0f);

  EXPECT_TRUE(RunStart(backend, rings.Plan(1)));
}

TEST(StartSequence, ThreePairsAreSetUpTogetherAndEnabledAfterDriverOk) {
  Rings rings(3);
  StrictMock<MockVhostBackend> backend;
  ExpectedMessages expected(backend);
  expected.Start(kModern, kNum, 3);
  expected.BeginBatch();
  expected.Enable(1, 3);
  expected.Commit();

  EXPECT_TRUE(RunStart(backend, rings.Plan(3)));
}

TEST(StartSequence, S03_PairZeroAloneIsEnabledWhereNoFurtherPairIsActive) {
  Rings rings(3);
  StrictMock<MockVhostBackend> backend;
  ExpectedMessages expected(backend);
  expected.Start(kModern, kNum, 3);

  EXPECT_TRUE(RunStart(backend, rings.Plan(1)));
}

TEST(StartSequence, WithoutStatusNothingIsSaidAboutIt) {
  Rings rings(1);
  StrictMock<MockVhostBackend> backend;
  backend.capabilities.status = false;
  ExpectedMessages expected(backend);
  expected.BeginBatch();
  expected.Calls(2);
  expected.Features(kModern);
  expected.Commit();
  expected.BeginBatch();
  expected.MemTable();
  expected.Rings(kNum, {0, 0});
  expected.Enable(0, 1);
  expected.Commit();

  EXPECT_TRUE(RunStart(backend, rings.Plan(1)));
}

TEST(StartSequence, ALegacyDeviceHasNoFeaturesOkAndNoReadBack) {
  Rings rings(1);
  StrictMock<MockVhostBackend> backend;
  ExpectedMessages expected(backend);
  expected.BeginBatch();
  expected.Calls(2);
  expected.Features({});
  expected.Status(0x03);
  expected.Commit();
  expected.BeginBatch();
  expected.MemTable();
  expected.Rings(kNum, {0, 0});
  expected.Enable(0, 1);
  expected.Commit();
  expected.Status(0x07);

  EXPECT_TRUE(RunStart(backend, rings.Plan(1, {})));
}

TEST(StartSequence, H7_WithoutEnableAKickStartsARingAndEnableIsNeverSent) {
  Rings rings(1);
  StrictMock<MockVhostBackend> backend;
  backend.capabilities.ring_enable = false;
  backend.capabilities.status = false;
  ExpectedMessages expected(backend);
  expected.BeginBatch();
  expected.Calls(2);
  expected.Features({});
  expected.Commit();
  expected.BeginBatch();
  expected.MemTable();
  expected.Rings(kNum, {0, 0});
  expected.Commit();
  // Stop.
  expected.BeginBatch();
  expected.Commit();
  expected.GetBases({0, 0});

  EXPECT_TRUE(RunStart(backend, rings.Plan(1, {})));
  EXPECT_TRUE(RunStop(backend, rings.StopOf(1, 1)));
}

TEST(StartSequence, AddressesAreThoseOfTheTableAndNoPointers) {
  Rings rings(1);
  testing::NiceMock<MockVhostBackend> backend;
  ON_CALL(backend, GetStatus()).WillByDefault(Return(uint8_t{0x0b}));
  for (uint16_t i = 0; i < 2; ++i) {
    EXPECT_CALL(
        backend,
        SetVringAddr(i, Addresses(rings.AddressesOf(i, Rings::kPublished))));
  }

  EXPECT_TRUE(RunStart(backend, rings.Plan(1)));
}

TEST(StartSequence, ABackendBehindAnIommuGetsIovas) {
  Rings rings(1);
  testing::NiceMock<MockVhostBackend> backend;
  backend.capabilities.addresses = AddressSpace::kIova;
  ON_CALL(backend, GetStatus()).WillByDefault(Return(uint8_t{0x0b}));
  for (uint16_t i = 0; i < 2; ++i) {
    EXPECT_CALL(backend,
                SetVringAddr(i, Addresses(rings.AddressesOf(i, Rings::kIova))));
  }

  EXPECT_TRUE(RunStart(backend, rings.Plan(1)));
}

TEST(StartSequence, S08_OnlyConfiguredRingsGetACallDescriptor) {
  Rings rings(3);
  StartPlan plan = rings.Plan(1);
  plan.configured_pairs = 1;
  StrictMock<MockVhostBackend> backend;
  ExpectedMessages expected(backend);
  expected.Start(kModern, kNum, 1);

  EXPECT_TRUE(RunStart(backend, plan));
}

TEST(StartSequence, NothingIsSentBeforeEveryRingIsFoundInTheTable) {
  Rings rings(2);
  rings.vrings[3].ring.layout.device = rings.arena.Take(64).data();
  StrictMock<MockVhostBackend> backend;

  const SequenceResult started = RunStart(backend, rings.Plan(1));

  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().error.code(), ErrorCode::kInvalidArgument);
  EXPECT_TRUE(started.error().rings_stopped);
}

TEST(StartSequence, ABackendThatTakesFeaturesOkAwayIsResetAndGetsNoMemory) {
  Rings rings(1);
  StrictMock<MockVhostBackend> backend;
  ExpectedMessages expected(backend);
  expected.BeginBatch();
  expected.Calls(2);
  expected.Features(kModern);
  expected.Status(0x0b);
  expected.Commit();
  expected.GetStatus(0x03);
  expected.Status(0);

  const SequenceResult started = RunStart(backend, rings.Plan(1));

  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().error.code(), ErrorCode::kRefused);
  EXPECT_THAT(started.error().error.text(), HasSubstr("FEATURES_OK"));
  EXPECT_TRUE(started.error().rings_stopped);
}

TEST(StopSequence, DisablesThenAsksForEveryBaseThenResets) {
  Rings rings(3);
  for (VringState& vring : rings.vrings) vring.ring.published.index = 9;
  StrictMock<MockVhostBackend> backend;
  ExpectedMessages expected(backend);
  expected.BeginBatch();
  expected.Disable(0, 2);
  expected.Commit();
  expected.GetBases({4, 5, 6, 7, 8, 9});
  expected.Status(0);

  EXPECT_TRUE(RunStop(backend, rings.StopOf(3, 2)));

  EXPECT_EQ(rings.vrings[0].base.avail, 4);
  EXPECT_EQ(rings.vrings[5].base.avail, 9);
}

TEST(StopSequence, H6_TheBaseThatAStopGotIsWhatTheNextStartSends) {
  Rings rings(1);
  rings.vrings[0].ring.published.index = 3;
  rings.vrings[1].ring.published.index = 0xffff;
  StoreRelaxed<uint16_t>(rings.vrings[1].ring.layout.device + kUsedIdxOffset,
                         0xfff8);
  StrictMock<MockVhostBackend> backend;
  ExpectedMessages expected(backend);
  expected.Stop(1, {3, 0xfff8});
  expected.BeginBatch();
  expected.Calls(2);
  expected.Features(kModern);
  expected.Status(0x0b);
  expected.Commit();
  expected.GetStatus(0x0b);
  expected.BeginBatch();
  expected.MemTable();
  expected.Rings(kNum, {3, 0xfff8});
  expected.Enable(0, 1);
  expected.Commit();
  expected.Status(0x0f);

  EXPECT_TRUE(RunStop(backend, rings.StopOf(1, 1)));
  EXPECT_TRUE(RunStart(backend, rings.Plan(1)));
}

TEST(StopSequence, ARefusedDisableIsReportedAfterEverythingWasVisited) {
  Rings rings(1);
  StrictMock<MockVhostBackend> backend;
  {
    ExpectedMessages expected(backend);
    expected.BeginBatch();
    expected.Disable(0, 1);
    EXPECT_CALL(backend, Commit())
        .WillOnce(Return(std::unexpected(CommitError{
            .operation = BackendOperation::kSetVringEnable,
            .vring = 1,
            .error = Error::Make(ErrorCode::kRefused, "ring 1 stays")})));
    expected.GetBases({0, 0});
    expected.Status(0);
  }

  const SequenceResult stopped = RunStop(backend, rings.StopOf(1, 1));

  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().error.text(), "ring 1 stays");
  EXPECT_TRUE(stopped.error().rings_stopped);
}

// A base one ring behind what was published is the furthest that a device can
// be behind; one ahead of it is a device that made descriptors up.
TEST(StopSequence, ABaseThatNoDeviceCanHaveIsReportedAndTheOthersAreKept) {
  for (const uint16_t wrong : {uint16_t{11}, uint16_t{1}}) {
    Rings rings(1);
    rings.vrings[0].ring.published.index = 10;
    rings.vrings[1].ring.published.index = 10;
    StrictMock<MockVhostBackend> backend;
    ExpectedMessages(backend).Stop(1, {wrong, 2});

    const SequenceResult stopped = RunStop(backend, rings.StopOf(1, 1));

    ASSERT_FALSE(stopped) << wrong;
    EXPECT_EQ(stopped.error().error.code(), ErrorCode::kProtocol);
    EXPECT_THAT(stopped.error().error.text(), HasSubstr("ring 0"));
    EXPECT_FALSE(stopped.error().rings_stopped);
    EXPECT_EQ(rings.vrings[0].base.avail, 0);
    EXPECT_EQ(rings.vrings[1].base.avail, 2);
  }
}

// What its poller has published is the poller's: it is not looked at, and a
// base that nothing can be compared with is not kept.
TEST(StopSequence, ARingWhosePollerMayBeInsideIsStoppedAndItsBaseIsUnknown) {
  Rings rings(1);
  rings.vrings[0].base.avail = 7;
  StrictMock<MockVhostBackend> backend;
  ExpectedMessages(backend).Stop(1, {11, 2});

  EXPECT_TRUE(RunStop(backend, {.vrings = rings.vrings,
                                .configured_pairs = 1,
                                .active_pairs = 1,
                                .pollers = Pollers::kMayBeInside}));

  EXPECT_EQ(rings.vrings[0].base.avail, 7);
  EXPECT_EQ(rings.vrings[1].base.avail, 0);
}

TEST(QueueEnable, SwitchesBothRingsOfEachPairFromBeginToEnd) {
  StrictMock<MockVhostBackend> backend;
  ExpectedMessages(backend).Enable(2, 4);

  EXPECT_TRUE(QueueEnable(backend, 2, 4, VringEnable::kEnabled));
}

TEST(QueueEnable, StopsAtTheFirstRingThatFails) {
  StrictMock<MockVhostBackend> backend;
  EXPECT_CALL(backend, SetVringEnable(0, VringEnable::kDisabled));
  EXPECT_CALL(backend, SetVringEnable(1, VringEnable::kDisabled))
      .WillOnce(Return(Fail(ErrorCode::kInvalidArgument, "no ring 1")));

  const auto queued = QueueEnable(backend, 0, 2, VringEnable::kDisabled);

  ASSERT_FALSE(queued);
  EXPECT_EQ(queued.error().text(), "no ring 1");
}

}  // namespace
}  // namespace virtio_user
