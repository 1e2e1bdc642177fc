// SPDX-License-Identifier: BSD-3-Clause
//
// How many pairs the back-end serves, as the driver asks for it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/fakes/recording_rig.h"
#include "tests/fakes/sim_rig.h"

namespace virtio_user {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::IsEmpty;
using testing_support::ReasonOf;
using testing_support::RecordingRig;
using testing_support::SimRig;
using testing_support::TestDriver;

using Lines = std::vector<std::string>;

// The pairs whose rings are both enabled at the back-end.
std::vector<int> EnabledPairs(SimRig& rig) {
  std::vector<int> enabled;
  for (int pair = 0; pair < 128; ++pair) {
    const auto rx = static_cast<size_t>(2 * pair);
    EXPECT_EQ(rig.ring(rx).enabled(), rig.ring(rx + 1).enabled()) << pair;
    if (rig.ring(rx).enabled()) enabled.push_back(pair);
  }
  return enabled;
}

TEST(DeviceMultiqueue, TheBackendServesExactlyThePairsThatWereAskedFor) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(4));
  for (const uint16_t pairs : {4, 1, 3, 2, 2, 4}) {
    EXPECT_EQ(rig.driver->SetPairs(pairs), kCtrlAckOk);

    std::vector<int> expected(pairs);
    for (int i = 0; i < pairs; ++i) expected[static_cast<size_t>(i)] = i;
    EXPECT_THAT(EnabledPairs(rig), ElementsAreArray(expected));
    EXPECT_EQ(rig.device->active_pairs(), pairs);
  }
  EXPECT_EQ(rig.Complaints(), "");
}

TEST(DeviceMultiqueue, AHundredAndTwentyEightPairsWork) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(128));

  EXPECT_EQ(rig.driver->SetPairs(128), kCtrlAckOk);

  EXPECT_EQ(EnabledPairs(rig).size(), 128u);
  EXPECT_TRUE(rig.device->Stop());
  EXPECT_EQ(rig.Complaints(), "");
}

TEST(DeviceMultiqueue, S60_CountsOutOfRangeAreRefusedAndNothingIsSent) {
  RecordingRig rig;
  ASSERT_TRUE(rig.Run(3));
  ASSERT_EQ(rig.driver->SetPairs(2), kCtrlAckOk);
  (void)rig.backend->Take();
  for (const uint16_t pairs : {0, 4, 256, 0x8000, 0xffff}) {
    EXPECT_EQ(rig.driver->SetPairs(pairs), kCtrlAckErr) << pairs;
  }

  EXPECT_EQ(rig.device->active_pairs(), 2);
  EXPECT_THAT(rig.backend->sent(), IsEmpty());
  EXPECT_EQ(rig.device->state(), DeviceState::kRunning);
}

TEST(DeviceMultiqueue, TheSameCountAgainIsAcceptedAndNothingIsSent) {
  RecordingRig rig;
  ASSERT_TRUE(rig.Run(3));

  EXPECT_EQ(rig.driver->SetPairs(1), kCtrlAckOk);

  EXPECT_THAT(rig.backend->sent(), IsEmpty());
}

TEST(DeviceMultiqueue, S62_WithoutMqThereIsNoSuchCommand) {
  RecordingRig rig;
  ASSERT_TRUE(
      rig.Create({.queue_pairs = 3, .queue_size = 8, .control_queue = true}));
  ASSERT_TRUE(rig.driver->SetUp(1, {Feature::kNetMq}));
  ASSERT_TRUE(rig.device->Start());

  EXPECT_EQ(rig.driver->SetPairs(1), kCtrlAckErr);
  EXPECT_EQ(rig.driver->SetPairs(2), kCtrlAckErr);

  EXPECT_EQ(rig.device->active_pairs(), 1);
}

TEST(DeviceMultiqueue, APairWithoutRingsCannotBeAskedFor) {
  RecordingRig rig;
  ASSERT_TRUE(
      rig.Create({.queue_pairs = 3, .queue_size = 8, .control_queue = true}));
  ASSERT_TRUE(rig.driver->SetUp(2));
  ASSERT_TRUE(rig.device->Start());

  EXPECT_EQ(rig.driver->SetPairs(3), kCtrlAckErr);
  const DeviceEvents events = rig.device->Poll();
  ASSERT_TRUE(events.pairs_refused);
  EXPECT_THAT(std::string(events.pairs_refused->text()),
              testing::HasSubstr("3 queue pairs: pair 2 has no rings"));
  EXPECT_EQ(rig.driver->SetPairs(2), kCtrlAckOk);

  EXPECT_EQ(rig.device->active_pairs(), 2);
}

TEST(DeviceMultiqueue, S61_EveryRefusedOperationRestoresThePairs) {
  // From one pair to three, and from three to one: 4 operations each.
  for (const bool growing : {true, false}) {
    const Lines on = {"ENABLE 2 on", "ENABLE 3 on", "ENABLE 4 on",
                      "ENABLE 5 on", "--"};
    const Lines off = {"ENABLE 2 off", "ENABLE 3 off", "ENABLE 4 off",
                       "ENABLE 5 off", "--"};
    Lines expected = growing ? on : off;
    const Lines& restored = growing ? off : on;
    expected.insert(expected.end(), restored.begin(), restored.end());
    for (size_t k = 0; k < 4; ++k) {
      SCOPED_TRACE(testing::Message() << growing << ", operation " << k);
      RecordingRig rig;
      ASSERT_TRUE(rig.Run(3));
      const uint16_t from = growing ? 1 : 3;
      ASSERT_EQ(rig.driver->SetPairs(from), kCtrlAckOk);
      (void)rig.backend->Take();
      rig.backend->FailWhenSent(k, Error::Make(ErrorCode::kRefused, "no"));

      EXPECT_EQ(rig.driver->SetPairs(growing ? 3 : 1), kCtrlAckErr);

      EXPECT_TRUE(rig.driver->notified());
      EXPECT_THAT(rig.backend->sent(), ElementsAreArray(expected));
      EXPECT_EQ(rig.device->active_pairs(), from);
      EXPECT_EQ(rig.device->state(), DeviceState::kRunning);
    }
  }
}

// The driver sees VIRTIO_NET_ERR; whoever embeds the device learns why.
TEST(DeviceMultiqueue, S61_PollTellsOnceWhyPairsWereRefused) {
  RecordingRig rig;
  ASSERT_TRUE(rig.Run(3));
  ASSERT_EQ(rig.driver->SetPairs(2), kCtrlAckOk);
  EXPECT_FALSE(rig.device->Poll().pairs_refused.has_value());
  rig.backend->FailWhenSent(0, Error::Make(ErrorCode::kRefused, "ring 4: no"));

  ASSERT_EQ(rig.driver->SetPairs(3), kCtrlAckErr);

  const DeviceEvents events = rig.device->Poll();
  ASSERT_TRUE(events.pairs_refused.has_value());
  EXPECT_EQ(events.pairs_refused->code(), ErrorCode::kRefused);
  EXPECT_EQ(events.pairs_refused->text(), "ring 4: no");
  EXPECT_FALSE(events.needs_reset);
  EXPECT_FALSE(events.reason.has_value());
  EXPECT_FALSE(rig.device->Poll().pairs_refused.has_value());
}

TEST(DeviceMultiqueue, ACountThatTheDeviceDoesNotHaveIsToldToo) {
  RecordingRig rig;
  ASSERT_TRUE(rig.Run(3));

  ASSERT_EQ(rig.driver->SetPairs(4), kCtrlAckErr);

  const DeviceEvents events = rig.device->Poll();
  ASSERT_TRUE(events.pairs_refused.has_value());
  EXPECT_EQ(events.pairs_refused->text(), "4 queue pairs: the device has 3");
}

TEST(DeviceMultiqueue, PairsThatCannotBeRestoredNeedAReset) {
  for (size_t k = 0; k < 4; ++k) {
    SCOPED_TRACE(k);
    RecordingRig rig;
    ASSERT_TRUE(rig.Run(3));
    rig.backend->FailWhenSent(0, Error::Make(ErrorCode::kRefused, "first"));
    rig.backend->FailWhenSent(4 + k, Error::Make(ErrorCode::kRefused, "undo"));

    EXPECT_EQ(rig.driver->SetPairs(3), kCtrlAckErr);

    EXPECT_EQ(rig.device->state(), DeviceState::kNeedsReset);
    EXPECT_EQ(ReasonOf(rig.device->Poll()), "first");
    EXPECT_FALSE(rig.device->vring(0).ring.gate.open());
  }
}

TEST(DeviceMultiqueue, ALostPeerFailsTheCommandAndNeedsAReset) {
  for (size_t k = 0; k < 4; ++k) {
    SCOPED_TRACE(k);
    RecordingRig rig;
    ASSERT_TRUE(rig.Run(3));
    rig.backend->FailWhenSent(k, Error::Make(ErrorCode::kProtocol, "rubbish"));

    EXPECT_EQ(rig.driver->SetPairs(3), kCtrlAckErr);

    EXPECT_EQ(rig.device->state(), DeviceState::kNeedsReset);
    EXPECT_EQ(rig.device->active_pairs(), 0);
    EXPECT_EQ(rig.device->link(), LinkState::kDown);
    // What the driver had before is what it gets again.
    ASSERT_TRUE(rig.device->Reattach());
    ASSERT_TRUE(rig.device->Start());
    EXPECT_EQ(rig.device->active_pairs(), 1);
  }
}

TEST(DeviceMultiqueue, AnOperationThatFailsLocallyChangesNothing) {
  for (size_t k = 0; k < 4; ++k) {
    SCOPED_TRACE(k);
    RecordingRig rig;
    ASSERT_TRUE(rig.Run(3));
    rig.backend->FailWhenQueued(k,
                                Error::Make(ErrorCode::kInvalidArgument, "no"));

    EXPECT_EQ(rig.driver->SetPairs(3), kCtrlAckErr);

    EXPECT_EQ(rig.device->active_pairs(), 1);
    EXPECT_EQ(rig.device->state(), DeviceState::kRunning);
    EXPECT_EQ(rig.driver->SetPairs(3), kCtrlAckOk);
  }
}

TEST(DeviceMultiqueue, S53_APairThatWasDisabledStaysSoThroughAMemoryEvent) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(4));
  ASSERT_EQ(rig.driver->SetPairs(4), kCtrlAckOk);
  ASSERT_EQ(rig.driver->SetPairs(2), kCtrlAckOk);

  ASSERT_TRUE(rig.world.memory().AddRegion(4096));

  EXPECT_THAT(EnabledPairs(rig), ElementsAre(0, 1));
}

}  // namespace
}  // namespace virtio_user
