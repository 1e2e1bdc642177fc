// SPDX-License-Identifier: BSD-3-Clause
//
// A start of three pairs in which every operation fails in turn, in every way:
// before it is sent, refused by the back-end, or with the peer.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "tests/fakes/recording_rig.h"
#include "virtio_user/ring/shared_memory.h"
#include "virtio_user/spec/ring.h"

namespace virtio_user {
namespace {

using testing::ElementsAreArray;
using testing::IsEmpty;
using testing_support::ReasonOf;
using testing_support::RecordingRig;

using Lines = std::vector<std::string>;

enum class How { kQueued, kRefused, kPeerLost };

const char* Name(How how) {
  switch (how) {
    case How::kQueued:
      return "queued";
    case How::kRefused:
      return "refused";
    case How::kPeerLost:
      return "peer lost";
  }
  return "?";
}

Error Injected(How how) {
  switch (how) {
    case How::kQueued:
      return Error::Make(ErrorCode::kInvalidArgument, "injected");
    case How::kRefused:
      return Error::Make(ErrorCode::kRefused, "injected");
    case How::kPeerLost:
      break;
  }
  return Error::Make(ErrorCode::kDisconnected, "injected");
}

void Inject(RecordingRig& rig, size_t at, How how) {
  if (how == How::kQueued) {
    rig.backend->FailWhenQueued(at, Injected(how));
  } else {
    rig.backend->FailWhenSent(at, Injected(how));
  }
}

// A device whose next start enables all three pairs: the driver asked for
// them while no peer was there.
void PrepareThreeActivePairs(RecordingRig& rig) {
  ASSERT_TRUE(rig.Run(3));
  rig.backend->Close();
  (void)rig.device->Poll();
  ASSERT_EQ(rig.driver->SetPairs(3), kCtrlAckOk);
  ASSERT_TRUE(rig.device->Reattach());
  (void)rig.device->Poll();
  (void)rig.backend->Take();
}

// The whole start, by messages.
Lines WholeStart() {
  Lines lines;
  for (int i = 0; i < 6; ++i) lines.push_back("CALL " + std::to_string(i));
  for (const char* line :
       {"FEATURES 0x900408000", "STATUS 0xb", "--", "GET_STATUS", "TABLE 2"}) {
    lines.emplace_back(line);
  }
  for (int i = 0; i < 6; ++i) {
    const std::string ring = std::to_string(i);
    lines.push_back("NUM " + ring + " = 8");
    lines.push_back("BASE " + ring + " = 0");
    lines.push_back("ADDR " + ring);
    lines.push_back("KICK " + ring);
  }
  for (const char* line :
       {"ENABLE 0 on", "ENABLE 1 on", "--", "STATUS 0xf", "ENABLE 2 on",
        "ENABLE 3 on", "ENABLE 4 on", "ENABLE 5 on", "--"}) {
    lines.emplace_back(line);
  }
  return lines;
}

// Operations of that start: its messages, without the waits.
size_t OperationCount() {
  const Lines lines = WholeStart();
  return lines.size() -
         static_cast<size_t>(std::ranges::count(lines, std::string("--")));
}

bool Has(const Lines& lines, std::string_view prefix) {
  return std::ranges::any_of(
      lines, [&](const std::string& line) { return line.starts_with(prefix); });
}

// What takes back what `sent` did, by ARCHITECTURE's rule: disable, then
// GET_VRING_BASE of the rings that were kicked, then the status. What was
// sent counts as applied.
Lines UndoOf(const Lines& sent) {
  Lines undo;
  for (const std::string& line : sent) {
    if (!line.starts_with("ENABLE")) continue;
    undo.push_back(line.substr(0, line.find(" on")) + " off");
  }
  if (!undo.empty()) undo.emplace_back("--");
  if (Has(sent, "KICK")) {
    for (int i = 0; i < 6; ++i) {
      undo.push_back("GET_BASE " + std::to_string(i));
    }
  }
  if (Has(sent, "STATUS")) undo.emplace_back("STATUS 0x0");
  return undo;
}

// The first lines of `lines` that belong to the start.
Lines SentByStart(const Lines& lines) {
  const Lines whole = WholeStart();
  const auto same = std::ranges::mismatch(lines, whole).in1;
  return {lines.begin(), same};
}

TEST(StartFailure, AStartThatSucceedsSendsExactlyThis) {
  RecordingRig rig;
  PrepareThreeActivePairs(rig);

  ASSERT_TRUE(rig.device->Start());

  EXPECT_THAT(rig.backend->sent(), ElementsAreArray(WholeStart()));
  EXPECT_EQ(rig.device->active_pairs(), 3);
}

class EveryOperation : public testing::TestWithParam<How> {};

// S01: SET_VRING_CALL; S02: NUM, BASE, ADDR, KICK; S03: ENABLE.
TEST_P(EveryOperation, S01_S02_S03_H4_FailsTheStartWithItsOwnError) {
  for (size_t k = 0; k < OperationCount(); ++k) {
    SCOPED_TRACE(testing::Message() << Name(GetParam()) << " at " << k);
    RecordingRig rig;
    PrepareThreeActivePairs(rig);
    Inject(rig, k, GetParam());

    const Result<void> started = rig.device->Start();

    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().text(), "injected");
    EXPECT_EQ(started.error().code(), Injected(GetParam()).code());
    EXPECT_EQ(rig.device->active_pairs(), 0);
    EXPECT_FALSE(rig.device->vring(0).ring.gate.open());
    EXPECT_EQ(rig.device->state(), GetParam() == How::kPeerLost
                                       ? DeviceState::kNeedsReset
                                       : DeviceState::kNegotiated);
  }
}

TEST_P(EveryOperation, S04_IsFollowedByTheUndoOfAllThatWasSentAndNoMore) {
  for (size_t k = 0; k < OperationCount(); ++k) {
    SCOPED_TRACE(testing::Message() << Name(GetParam()) << " at " << k);
    RecordingRig rig;
    PrepareThreeActivePairs(rig);
    Inject(rig, k, GetParam());

    ASSERT_FALSE(rig.device->Start());

    const Lines lines = rig.backend->Take();
    const Lines start = SentByStart(lines);
    const Lines rest(lines.begin() + static_cast<ptrdiff_t>(start.size()),
                     lines.end());
    if (GetParam() == How::kPeerLost) {
      EXPECT_THAT(rest, IsEmpty());
    } else {
      EXPECT_THAT(rest, ElementsAreArray(UndoOf(start)));
    }
  }
}

// The operations before DRIVER_OK are 6 CALL, FEATURES, STATUS, GET_STATUS,
// TABLE, 24 of the rings and 2 ENABLE.
TEST_P(EveryOperation, NeverGetsDriverOkAfterARefusal) {
  constexpr size_t kBeforeDriverOk = 6 + 2 + 1 + 1 + 24 + 2;
  for (size_t k = 0; k < kBeforeDriverOk; ++k) {
    SCOPED_TRACE(testing::Message() << Name(GetParam()) << " at " << k);
    RecordingRig rig;
    PrepareThreeActivePairs(rig);
    Inject(rig, k, GetParam());

    ASSERT_FALSE(rig.device->Start());

    EXPECT_FALSE(Has(rig.backend->sent(), "STATUS 0xf"));
  }
}

TEST_P(EveryOperation, LeavesADeviceThatCanBeStartedAgainOrReattached) {
  for (size_t k = 0; k < OperationCount(); ++k) {
    SCOPED_TRACE(testing::Message() << Name(GetParam()) << " at " << k);
    RecordingRig rig;
    PrepareThreeActivePairs(rig);
    Inject(rig, k, GetParam());
    ASSERT_FALSE(rig.device->Start());
    (void)rig.backend->Take();

    if (GetParam() == How::kPeerLost) {
      EXPECT_FALSE(rig.device->Start());
      ASSERT_TRUE(rig.device->Reattach());
      (void)rig.backend->Take();
    }
    ASSERT_TRUE(rig.device->Start());

    EXPECT_THAT(rig.backend->sent(), ElementsAreArray(WholeStart()));
    EXPECT_EQ(rig.device->active_pairs(), 3);
    rig.device.reset();
    EXPECT_EQ(rig.device_fds(), 0u);
  }
}

INSTANTIATE_TEST_SUITE_P(InEveryWay, EveryOperation,
                         testing::Values(How::kQueued, How::kRefused,
                                         How::kPeerLost));

// The last start operation is refused, then each operation of the undo: 6
// ENABLE, 6 GET_VRING_BASE, STATUS.
TEST(StartFailure, AnUndoThatFailsAtAnyStepVisitsTheRestAndNeedsAReset) {
  constexpr size_t kUndoOperations = 6 + 6 + 1;
  for (size_t j = 0; j < kUndoOperations; ++j) {
    SCOPED_TRACE(j);
    RecordingRig rig;
    PrepareThreeActivePairs(rig);
    rig.backend->FailWhenSent(OperationCount() - 1,
                              Error::Make(ErrorCode::kRefused, "first"));
    rig.backend->FailWhenSent(OperationCount() + j,
                              Error::Make(ErrorCode::kRefused, "second"));

    const Result<void> started = rig.device->Start();

    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().text(), "first");
    EXPECT_EQ(rig.device->state(), DeviceState::kNeedsReset);
    const Lines& lines = rig.backend->sent();
    const Lines undo = UndoOf(WholeStart());
    ASSERT_GE(lines.size(), undo.size());
    EXPECT_THAT(
        Lines(lines.end() - static_cast<ptrdiff_t>(undo.size()), lines.end()),
        ElementsAreArray(undo));
    const DeviceEvents events = rig.device->Poll();
    EXPECT_TRUE(events.needs_reset);
    EXPECT_EQ(ReasonOf(events), "first");
  }
}

// The rings may run on after an undo that failed, so somebody must try again.
TEST(StartFailure, WhatCouldNotBeUndoneIsStoppedByTheNextStop) {
  RecordingRig rig;
  ASSERT_TRUE(rig.Prepare(1));
  rig.backend->FailWhenSent(14, Error::Make(ErrorCode::kRefused, "enable 0"));
  rig.backend->FailWhenSent(18, Error::Make(ErrorCode::kRefused, "base 0"));
  ASSERT_FALSE(rig.device->Start());
  ASSERT_EQ(rig.device->state(), DeviceState::kNeedsReset);
  (void)rig.backend->Take();

  EXPECT_TRUE(rig.device->Stop());

  EXPECT_THAT(rig.backend->Take(),
              testing::ElementsAre("ENABLE 0 off", "ENABLE 1 off", "--",
                                   "GET_BASE 0", "GET_BASE 1", "STATUS 0x0"));
  EXPECT_EQ(rig.device->state(), DeviceState::kNeedsReset);
  EXPECT_TRUE(rig.device->Stop());
  EXPECT_THAT(rig.backend->sent(), IsEmpty());
}

TEST(StartFailure, TheUndoKeepsWhereTheBackendStoodInEachRing) {
  RecordingRig rig;
  ASSERT_TRUE(rig.Run(1));
  rig.device->vring(0).ring.published.index = 5;
  rig.backend->base_answers[0] = 3;
  ASSERT_TRUE(rig.device->Stop());
  rig.backend->base_answers[0] = 4;
  StoreRelaxed<uint16_t>(
      rig.device->vring(0).ring.layout.device + kUsedIdxOffset, 4);
  rig.backend->FailWhenSent(14, Error::Make(ErrorCode::kRefused, "enable 0"));

  ASSERT_FALSE(rig.device->Start());

  EXPECT_EQ(rig.device->vring(0).base.avail, 4);
  EXPECT_EQ(rig.device->state(), DeviceState::kNegotiated);
}

// The undo answers for a ring that never ran as if it were new.
TEST(StartFailure, ARingOfWhichNothingWasUsedStandsWhereItStood) {
  RecordingRig rig;
  ASSERT_TRUE(rig.Run(1));
  rig.device->vring(0).ring.published.index = 5;
  rig.backend->base_answers[0] = 3;
  StoreRelaxed<uint16_t>(
      rig.device->vring(0).ring.layout.device + kUsedIdxOffset, 3);
  ASSERT_TRUE(rig.device->Stop());
  rig.backend->base_answers[0] = 0;
  rig.backend->FailWhenSent(14, Error::Make(ErrorCode::kRefused, "enable 0"));

  ASSERT_FALSE(rig.device->Start());

  EXPECT_EQ(rig.device->vring(0).base.avail, 3);
  EXPECT_EQ(rig.device->state(), DeviceState::kNegotiated);
}

TEST(StartFailure, AllOfTheLargestSplitRingMayHaveBeenUsed) {
  RecordingRig rig;
  ASSERT_TRUE(rig.Create({.queue_pairs = 1, .queue_size = 32768}));
  ASSERT_TRUE(rig.driver->SetUp(1));
  ASSERT_TRUE(rig.device->Start());
  ASSERT_TRUE(rig.device->Stop());
  rig.device->vring(0).ring.published.index = 32768;
  StoreRelaxed<uint16_t>(
      rig.device->vring(0).ring.layout.device + kUsedIdxOffset, 32768);
  rig.backend->base_answers[0] = 32768;
  (void)rig.backend->Take();
  rig.backend->FailWhenSent(14, Error::Make(ErrorCode::kRefused, "enable 0"));

  ASSERT_FALSE(rig.device->Start());

  EXPECT_EQ(rig.device->state(), DeviceState::kNegotiated);
  EXPECT_EQ(rig.device->vring(0).base.avail, 32768);
}

TEST(StartFailure, AUsedIndexAheadOfTheDriverNeedsAReset) {
  RecordingRig rig;
  ASSERT_TRUE(rig.Run(1));
  rig.device->vring(0).ring.published.index = 5;
  rig.backend->base_answers[0] = 5;
  StoreRelaxed<uint16_t>(
      rig.device->vring(0).ring.layout.device + kUsedIdxOffset, 6);

  EXPECT_FALSE(rig.device->Stop());

  EXPECT_EQ(rig.device->state(), DeviceState::kNeedsReset);
}

TEST(StartFailure, ABaseBehindWhatWasUsedNeedsAReset) {
  RecordingRig rig;
  ASSERT_TRUE(rig.Run(1));
  rig.device->vring(0).ring.published.index = 5;
  rig.backend->base_answers[0] = 2;
  StoreRelaxed<uint16_t>(
      rig.device->vring(0).ring.layout.device + kUsedIdxOffset, 3);

  const Result<void> stopped = rig.device->Stop();

  ASSERT_FALSE(stopped);
  EXPECT_THAT(stopped.error().text(), testing::HasSubstr("3 is used already"));
  EXPECT_EQ(rig.device->state(), DeviceState::kNeedsReset);
}

TEST(StartFailure, S11_StartWithoutAPeerIsAnErrorThatSaysSo) {
  RecordingRig rig;
  ASSERT_TRUE(rig.Prepare(1));
  rig.backend->Close();

  const Result<void> started = rig.device->Start();

  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code(), ErrorCode::kDisconnected);
  EXPECT_EQ(rig.device->state(), DeviceState::kNeedsReset);
  EXPECT_EQ(rig.device->link(), LinkState::kDown);
}

// The refusal came first, but nobody is there any more.
TEST(DeviceStartFailure, ARefusalThatIsFollowedByALossNeedsAReset) {
  RecordingRig rig;
  rig.backend->capabilities.status = false;
  ASSERT_TRUE(rig.Prepare(1));
  rig.backend->FailWhenSent(0, Error::Make(ErrorCode::kRefused, "no"));
  rig.backend->FailWhenSent(1, Error::Make(ErrorCode::kProtocol, "rubbish"));

  const Result<void> started = rig.device->Start();

  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().text(), "no");
  EXPECT_EQ(rig.device->state(), DeviceState::kNeedsReset);
  EXPECT_EQ(rig.device->link(), LinkState::kDown);
}

}  // namespace
}  // namespace virtio_user
