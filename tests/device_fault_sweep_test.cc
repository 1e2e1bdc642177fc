// SPDX-License-Identifier: BSD-3-Clause
//
// One life of a device, in which the back-end misbehaves at every message and
// at every answer in turn, in every way that the simulator has.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "tests/fakes/sim_rig.h"

namespace virtio_user {
namespace {

using backend_sim::Fault;
using backend_sim::FaultKind;
using testing_support::SimRig;

constexpr uint16_t kPairs = 3;

// Makes every call of a life and holds each to its budget.
class Life {
 public:
  explicit Life(std::optional<Fault> fault,
                const char* personality = "conforming")
      : rig_(OptionsFor(fault, personality)) {}

  void Live() {
    if (!Call([&] { return rig_.Create(SimRig::Options(kPairs)); })) return;
    (void)rig_.driver->SetUp(kPairs);
    Call([&] { return rig_.device->Start(); });
    Call([&] {
      // Only a running device, or one that waits for a peer, takes commands.
      acked_ = rig_.driver->SetPairs(kPairs) == kCtrlAckOk;
      return Result<void>();
    });
    Call([&] {
      const auto region = rig_.world.memory().AddRegion(4096);
      EXPECT_TRUE(region);
      region_ = *region;
      return Result<void>();
    });
    Call([&] { return rig_.world.memory().RemoveRegion(region_); });
    Call([&] { return rig_.device->Stop(); });
  }

  // What must hold after every call, whatever the peer did.
  void CheckTruth() {
    if (rig_.device == nullptr) {
      EXPECT_EQ(rig_.device_fds(), 0u);
      return;
    }
    Device& device = *rig_.device;
    (void)device.Poll();
    const bool connected = rig_.world.channel().Poll() == LinkState::kUp;
    EXPECT_EQ(device.link() == LinkState::kUp, connected);
    if (!connected) {
      EXPECT_EQ(device.state(), DeviceState::kNeedsReset);
      EXPECT_EQ(device.active_pairs(), 0);
    }
    const bool runs = device.state() == DeviceState::kRunning;
    EXPECT_EQ(device.vring(0).ring.gate.open(), runs);
    if (device.state() == DeviceState::kNegotiated) {
      EXPECT_FALSE(rig_.world.model().AnyStarted());
      EXPECT_EQ(device.active_pairs(), 0);
    }
    if (runs) {
      for (size_t i = 0; i < 2 * kPairs; ++i) {
        EXPECT_TRUE(rig_.ring(i).started()) << i;
        EXPECT_EQ(rig_.ring(i).enabled(), i < 2u * device.active_pairs()) << i;
      }
    }
  }

  // With a peer that behaves everything works again.
  void Recover() {
    rig_.world.faults().Clear();
    rig_.world.channel().PeerConnects();
    if (rig_.device == nullptr) {
      ASSERT_TRUE(rig_.Create(SimRig::Options(kPairs)));
      ASSERT_TRUE(rig_.driver->SetUp(kPairs));
    }
    rig_.world.model().ClearViolations();
    if (rig_.device->state() == DeviceState::kNeedsReset) {
      const Result<void> again = rig_.device->Reattach();
      ASSERT_TRUE(again) << again.error().text();
    }
    if (rig_.device->state() == DeviceState::kCreated ||
        !rig_.device->vring(0).configured()) {
      ASSERT_TRUE(rig_.driver->SetUp(kPairs));
    }
    const Result<void> started = rig_.device->Start();
    ASSERT_TRUE(started) << started.error().text();
    EXPECT_EQ(rig_.driver->SetPairs(2), kCtrlAckOk);
    EXPECT_EQ(rig_.device->active_pairs(), 2);
    EXPECT_TRUE(rig_.device->Stop());
    EXPECT_EQ(rig_.Complaints(), "");
  }

  void End() {
    rig_.Destroy();
    EXPECT_EQ(rig_.device_fds(), 0u);
    EXPECT_EQ(rig_.world.fds().mapped_count(), 0u);
    EXPECT_EQ(rig_.world.server_fds().Balance(), "");
    EXPECT_EQ(rig_.world.memory().listener_count(), 0u);
    EXPECT_TRUE(rig_.world.fds().violations().empty());
  }

  SimRig& rig() { return rig_; }
  bool acked() const { return acked_; }
  const std::optional<Error>& first_error() const { return first_error_; }

 private:
  static backend_sim::SimWorldOptions OptionsFor(
      const std::optional<Fault>& fault, const char* personality) {
    backend_sim::SimWorldOptions options;
    options.personality = *backend_sim::FindPersonality(personality);
    if (fault) options.faults.push_back(*fault);
    return options;
  }
  template <typename F>
  bool Call(F call) {
    const Duration before = rig_.world.clock().now();
    const Result<void> done = call();
    EXPECT_LE(rig_.world.clock().now() - before, kDefaultCallBudget);
    if (!done && !first_error_) first_error_ = done.error();
    CheckTruth();
    return done.has_value();
  }

  SimRig rig_;
  backend_sim::SimRegionId region_ = 0;
  bool acked_ = false;
  std::optional<Error> first_error_;
};

backend_sim::ChannelStats CountsOfAGoodLife(
    const char* personality = "conforming") {
  Life life(std::nullopt, personality);
  life.Live();
  EXPECT_FALSE(life.first_error());
  EXPECT_TRUE(life.acked());
  EXPECT_EQ(life.rig().Complaints(), "");
  return life.rig().world.channel().stats();
}

void LiveWith(const Fault& fault, const char* personality = "conforming") {
  SCOPED_TRACE(std::string(backend_sim::FaultName(fault.kind)) + " at " +
               std::to_string(fault.at) + ", argument " +
               std::to_string(fault.argument));
  Life life(fault, personality);
  life.Live();
  EXPECT_EQ(life.rig().world.faults().happened().size(), 1u);
  life.Recover();
  life.End();
}

TEST(FaultSweep, AGoodLifeHasNoErrorAndLeavesNothing) {
  const auto counts = CountsOfAGoodLife();

  // 6 CALL, 24 for rings, 16 ENABLE, 6 GET_VRING_BASE and a dozen more.
  EXPECT_GT(counts.messages, 60u);
  EXPECT_GT(counts.answers, 60u);
}

class AtEveryMessage : public testing::TestWithParam<FaultKind> {};

TEST_P(AtEveryMessage, S23_NothingHangsOrLeaksAndTheStateIsTrue) {
  const uint64_t messages = CountsOfAGoodLife().messages;
  for (uint64_t k = 0; k < messages; ++k) {
    LiveWith({.kind = GetParam(), .at = k});
  }
}

// Two messages more, one of them answered with a descriptor.
TEST_P(AtEveryMessage, ABackendThatTakesNotesChangesNothingOfThat) {
  const uint64_t messages = CountsOfAGoodLife("inflight").messages;
  for (uint64_t k = 0; k < messages; ++k) {
    LiveWith({.kind = GetParam(), .at = k}, "inflight");
  }
}

std::string NameOf(const testing::TestParamInfo<FaultKind>& info) {
  std::string name;
  for (const char c : backend_sim::FaultName(info.param)) {
    if (c != ' ') name += c;
  }
  return name;
}

INSTANTIATE_TEST_SUITE_P(FaultSweep, AtEveryMessage,
                         testing::Values(FaultKind::kCloseBefore,
                                         FaultKind::kCloseAfter,
                                         FaultKind::kCloseUnanswered,
                                         FaultKind::kStall, FaultKind::kRefuse,
                                         FaultKind::kReadInPieces),
                         NameOf);

class AtEveryAnswer : public testing::TestWithParam<FaultKind> {};

TEST_P(AtEveryAnswer, NothingHangsOrLeaksAndTheStateIsTrue) {
  const uint64_t answers = CountsOfAGoodLife().answers;
  for (uint64_t k = 0; k < answers; ++k) {
    LiveWith({.kind = GetParam(), .at = k, .argument = 2});
  }
}

TEST_P(AtEveryAnswer, ABackendThatTakesNotesChangesNothingOfThat) {
  const uint64_t answers = CountsOfAGoodLife("inflight").answers;
  for (uint64_t k = 0; k < answers; ++k) {
    LiveWith({.kind = GetParam(), .at = k, .argument = 2}, "inflight");
  }
}

INSTANTIATE_TEST_SUITE_P(
    FaultSweep, AtEveryAnswer,
    testing::Values(FaultKind::kReplyNack, FaultKind::kReplyWrongSize,
                    FaultKind::kReplyWrongRequest,
                    FaultKind::kReplyWrongVersion, FaultKind::kReplyWithoutFlag,
                    FaultKind::kReplyReservedFlags, FaultKind::kReplyExtraFds,
                    FaultKind::kReplyInPieces, FaultKind::kReplyLate,
                    FaultKind::kReplyNever, FaultKind::kReplyTwice,
                    FaultKind::kReplyGarbageIndex, FaultKind::kReplyCutOff),
    NameOf);

// The stream ends in a header, behind it and in a payload.
TEST(FaultSweep, AnAnswerThatIsCutOffAnywhereIsTheEndOfTheSession) {
  const uint64_t answers = CountsOfAGoodLife().answers;
  for (uint64_t k = 0; k < answers; ++k) {
    for (const uint64_t bytes : {0, 1, 11, 12, 13, 19}) {
      LiveWith({.kind = FaultKind::kReplyCutOff, .at = k, .argument = bytes});
    }
  }
}

class AtEverySend : public testing::TestWithParam<FaultKind> {};

TEST_P(AtEverySend, NothingHangsOrLeaksAndTheStateIsTrue) {
  const uint64_t sends = CountsOfAGoodLife().sends;
  for (uint64_t k = 0; k < sends; ++k) {
    LiveWith({.kind = GetParam(), .at = k});
    LiveWith({.kind = GetParam(), .at = k, .argument = 17});
  }
}

INSTANTIATE_TEST_SUITE_P(FaultSweep, AtEverySend,
                         testing::Values(FaultKind::kShortSend,
                                         FaultKind::kSendNothing,
                                         FaultKind::kSendBroken),
                         NameOf);

class AtEveryReceive : public testing::TestWithParam<FaultKind> {};

TEST_P(AtEveryReceive, NothingHangsOrLeaksAndTheStateIsTrue) {
  const uint64_t receives = CountsOfAGoodLife().receives;
  for (uint64_t k = 0; k < receives; ++k) {
    LiveWith({.kind = GetParam(), .at = k});
    LiveWith({.kind = GetParam(), .at = k, .argument = 17});
  }
}

INSTANTIATE_TEST_SUITE_P(FaultSweep, AtEveryReceive,
                         testing::Values(FaultKind::kShortReceive,
                                         FaultKind::kReceiveNothing,
                                         FaultKind::kReceiveBroken),
                         NameOf);

class AtEveryMessageWithDescriptors : public testing::TestWithParam<FaultKind> {
};

TEST_P(AtEveryMessageWithDescriptors, NothingHangsOrLeaksAndTheStateIsTrue) {
  for (const char* const personality : {"conforming", "inflight"}) {
    const uint64_t messages = CountsOfAGoodLife(personality).fd_messages;
    EXPECT_GT(messages, 12u);  // Kick and call of three pairs, memory.
    for (uint64_t k = 0; k < messages; ++k) {
      LiveWith({.kind = GetParam(), .at = k}, personality);
      LiveWith({.kind = GetParam(), .at = k, .argument = 1}, personality);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(FaultSweep, AtEveryMessageWithDescriptors,
                         testing::Values(FaultKind::kFdsLost,
                                         FaultKind::kFdsExtra,
                                         FaultKind::kFdsWrongKind),
                         NameOf);

class AtEveryAnswerWithDescriptors : public testing::TestWithParam<FaultKind> {
};

TEST_P(AtEveryAnswerWithDescriptors, NothingHangsOrLeaksAndTheStateIsTrue) {
  const uint64_t answers = CountsOfAGoodLife("inflight").fd_answers;
  EXPECT_GT(answers, 0u);
  for (uint64_t k = 0; k < answers; ++k) {
    LiveWith({.kind = GetParam(), .at = k}, "inflight");
  }
}

INSTANTIATE_TEST_SUITE_P(FaultSweep, AtEveryAnswerWithDescriptors,
                         testing::Values(FaultKind::kReplyFdsLost,
                                         FaultKind::kReplyFdsWrongKind),
                         NameOf);

TEST(FaultSweep, NobodyThereAtTheFirstAttachIsAnErrorAndNoMore) {
  LiveWith({.kind = FaultKind::kAttachRefused, .at = 0});
}

// The kernel may move nothing though a wait said it would, and a server may
// read at any boundary.
TEST(FaultSweep, CallsThatMoveNothingAndReadsInPiecesAreNoErrors) {
  const auto counts = CountsOfAGoodLife();
  const auto lives_well = [](const Fault& fault) {
    SCOPED_TRACE(std::string(backend_sim::FaultName(fault.kind)) + " at " +
                 std::to_string(fault.at));
    Life life(fault);
    life.Live();
    EXPECT_EQ(life.rig().world.faults().happened().size(), 1u);
    EXPECT_FALSE(life.first_error());
    EXPECT_TRUE(life.acked());
    EXPECT_EQ(life.rig().Complaints(), "");
    EXPECT_EQ(life.rig().world.clock().now(), Duration(0));
  };
  for (uint64_t k = 0; k < counts.sends; ++k) {
    lives_well({.kind = FaultKind::kSendNothing, .at = k});
  }
  for (uint64_t k = 0; k < counts.receives; ++k) {
    lives_well({.kind = FaultKind::kReceiveNothing, .at = k});
  }
  for (uint64_t k = 0; k < counts.messages; ++k) {
    lives_well({.kind = FaultKind::kReadInPieces, .at = k, .argument = 3});
  }
}

TEST(FaultSweep, AnswersInPiecesAndALittleLateAreAnswers) {
  const uint64_t answers = CountsOfAGoodLife().answers;
  for (const FaultKind kind :
       {FaultKind::kReplyInPieces, FaultKind::kReplyLate}) {
    for (uint64_t k = 0; k < answers; ++k) {
      SCOPED_TRACE(k);
      Life life(Fault{.kind = kind, .at = k, .argument = 3});
      life.Live();

      EXPECT_FALSE(life.first_error());
      EXPECT_TRUE(life.acked());
      EXPECT_EQ(life.rig().Complaints(), "");
    }
  }
}

TEST(FaultSweep, H2_AnAnswerAfterTheDeadlineIsADeadlineAndNotAnAnswer) {
  const uint64_t answers = CountsOfAGoodLife().answers;
  const auto late = static_cast<uint64_t>((2 * kDefaultCallBudget).count());
  for (uint64_t k = 0; k < answers; ++k) {
    SCOPED_TRACE(k);
    Life life(Fault{.kind = FaultKind::kReplyLate, .at = k, .argument = late});
    life.Live();

    if (life.first_error()) {
      EXPECT_EQ(life.first_error()->code(), ErrorCode::kDeadline);
    }
    EXPECT_EQ(life.rig().device == nullptr ||
                  life.rig().device->state() == DeviceState::kNeedsReset,
              true);
    EXPECT_GE(life.rig().world.clock().now(), kDefaultCallBudget);
  }
}

TEST(FaultSweep, ABackendThatIsSilentFromSomeMessageOnEndsInTheDeadline) {
  const uint64_t messages = CountsOfAGoodLife().messages;
  for (uint64_t k = 0; k < messages; ++k) {
    SCOPED_TRACE(k);
    Life life(Fault{.kind = FaultKind::kStall, .at = k});
    life.Live();

    EXPECT_EQ(life.rig().world.clock().now(), kDefaultCallBudget);
  }
}

}  // namespace
}  // namespace virtio_user
