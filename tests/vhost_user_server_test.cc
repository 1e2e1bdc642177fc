// SPDX-License-Identifier: BSD-3-Clause
//
// The server's faults: what each does to the stream.

#include "backend_sim/vhost_user_server.h"

#include <chrono>
#include <set>

#include "backend_sim/sim_world.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/sim/raw_client.h"

namespace {

using ::backend_sim::Fault;
using ::backend_sim::FaultKind;
using ::backend_sim::FaultName;
using ::backend_sim::FaultPlan;
using ::backend_sim::SimWorld;
using ::backend_sim::SimWorldOptions;
using ::sim_test::Bytes;
using ::sim_test::Encode;
using ::sim_test::Payload;
using ::sim_test::RawAnswer;
using ::sim_test::RawClient;
using ::sim_test::U64;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

SimWorldOptions With(Fault fault) {
  SimWorldOptions options;
  options.faults = {fault};
  return options;
}

// The answer to the second GET_FEATURES, whose number is 1, under a fault.
std::optional<RawAnswer> SecondAnswer(SimWorld& world) {
  RawClient client(world);
  EXPECT_TRUE(client.Ask({.request = 1}).has_value());
  auto answer = client.Ask({.request = 1});
  EXPECT_THAT(world.faults().happened(), SizeIs(1));
  return answer;
}

TEST(VhostUserServerTest, AnswersWithTheWrongSize) {
  SimWorld world(With({FaultKind::kReplyWrongSize, 1, 5}));
  EXPECT_THAT(SecondAnswer(world)->payload, SizeIs(5));
}

TEST(VhostUserServerTest, AnswersAnotherRequest) {
  SimWorld world(With({FaultKind::kReplyWrongRequest, 1, 40}));
  EXPECT_EQ(SecondAnswer(world)->request, 40u);
}

TEST(VhostUserServerTest, AnAnswerThatIsCutOffIsFollowedByTheEnd) {
  SimWorld world(With({FaultKind::kReplyCutOff, 0, 15}));
  RawClient client(world);
  client.Send({.request = 1});
  Bytes buffer(20);
  const auto got = world.channel().Receive(buffer);
  ASSERT_TRUE(got.has_value());
  EXPECT_EQ(got->bytes, 15u);
  EXPECT_EQ(world.channel().Receive(buffer).error().code(),
            virtio_user::ErrorCode::kDisconnected);
}

TEST(VhostUserServerTest, AMessageThatIsReadInPiecesIsTheSameMessage) {
  for (const uint64_t piece : {1, 5, 12, 13}) {
    SimWorld world(With({FaultKind::kReadInPieces, 0, piece}));
    EXPECT_EQ(world.server().BytesWanted(), 12u);
    RawClient client(world);
    EXPECT_EQ(world.server().BytesWanted(), std::min<uint64_t>(piece, 12));
    client.Send({.request = 2, .payload = U64(1ull << 32)});
    EXPECT_EQ(world.server().message_count(), 1u);
    EXPECT_EQ(world.server().BytesWanted(), 12u);
    EXPECT_THAT(world.violations(), SizeIs(1));  // GET_FEATURES is missing.
  }
}

TEST(VhostUserServerTest, APayloadThatNoRequestHas_EndsTheSessionForAReason) {
  SimWorld world;
  RawClient client(world);
  client.Send({.request = 3, .payload = Payload().Zeros(4097)});
  EXPECT_TRUE(client.closed());
  ASSERT_THAT(world.violations(), SizeIs(1));
  EXPECT_EQ(world.violations()[0].rule, backend_sim::Rule::kPayloadSize);
  EXPECT_EQ(world.violations()[0].request, 3u);
}

TEST(VhostUserServerTest, AnswersInAnotherVersion) {
  SimWorld world(With({FaultKind::kReplyWrongVersion, 1, 2}));
  EXPECT_EQ(SecondAnswer(world)->flags, 6u);
}

TEST(VhostUserServerTest, AnswersWithoutTheReplyFlag) {
  SimWorld world(With({FaultKind::kReplyWithoutFlag, 1}));
  EXPECT_EQ(SecondAnswer(world)->flags, 1u);
}

TEST(VhostUserServerTest, AnswersWithFlagsThatNobodyKnows) {
  SimWorld world(With({FaultKind::kReplyReservedFlags, 1, 0x88}));
  EXPECT_EQ(SecondAnswer(world)->flags, 0x8du);
}

TEST(VhostUserServerTest, AnswersWithDescriptorsThatNobodyWants) {
  SimWorld world(With({FaultKind::kReplyExtraFds, 1, 3}));
  EXPECT_EQ(SecondAnswer(world)->fd_count, 3u);
  EXPECT_EQ(world.server_fds().Balance(), "");
}

TEST(VhostUserServerTest, AnswersWithNack) {
  SimWorld world(With({FaultKind::kReplyNack, 1}));
  EXPECT_EQ(SecondAnswer(world)->value(), 1u);
}

TEST(VhostUserServerTest, AnswersWithAnIndexThatIsNotTheQuestions) {
  SimWorld world(With({FaultKind::kReplyGarbageIndex, 1}));
  const uint64_t features = world.model().personality().features;
  EXPECT_EQ(SecondAnswer(world)->value(), features ^ 0xffffffff);
}

TEST(VhostUserServerTest, AnswersInPiecesThatTogetherAreTheAnswer) {
  SimWorld world(With({FaultKind::kReplyInPieces, 1, 3}));
  const auto answer = SecondAnswer(world);
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->value(), world.model().personality().features);
  EXPECT_EQ(world.clock().now(), std::chrono::microseconds(6));
}

TEST(VhostUserServerTest, AnswersLateButInTime) {
  SimWorld world(With({FaultKind::kReplyLate, 1, 500'000'000}));
  EXPECT_TRUE(SecondAnswer(world).has_value());
  EXPECT_EQ(world.clock().now(), std::chrono::milliseconds(500));
}

TEST(VhostUserServerTest, AnswersTooLate) {
  SimWorld world(With({FaultKind::kReplyLate, 1, 5'000'000'000}));
  EXPECT_FALSE(SecondAnswer(world).has_value());
  EXPECT_EQ(world.clock().now(), std::chrono::seconds(1));
}

TEST(VhostUserServerTest, NeverAnswers) {
  SimWorld world(With({FaultKind::kReplyNever, 1}));
  EXPECT_FALSE(SecondAnswer(world).has_value());
}

TEST(VhostUserServerTest, AnswersTwice) {
  SimWorld world(With({FaultKind::kReplyTwice, 0}));
  RawClient client(world);
  EXPECT_TRUE(client.Ask({.request = 1}).has_value());
  EXPECT_TRUE(client.Answer().has_value());
  EXPECT_FALSE(client.Answer().has_value());
}

TEST(VhostUserServerTest, ClosesBeforeAMessageWhichThenHasNoEffect) {
  SimWorld world(With({FaultKind::kCloseBefore, 1}));
  RawClient client(world);
  client.Ask({.request = 1});
  EXPECT_FALSE(client.Ask({.request = 1}).has_value());
  EXPECT_TRUE(client.closed());
  EXPECT_EQ(world.server().answer_count(), 1u);
}

TEST(VhostUserServerTest, ClosesAfterAMessageThatItAnswers) {
  SimWorld world(With({FaultKind::kCloseAfter, 1}));
  RawClient client(world);
  client.Ask({.request = 1});
  EXPECT_TRUE(client.Ask({.request = 1}).has_value());
  EXPECT_TRUE(client.closed());
}

TEST(VhostUserServerTest, ClosesInPlaceOfAnAnswer) {
  SimWorld world(With({FaultKind::kCloseUnanswered, 1}));
  RawClient client(world);
  client.Ask({.request = 1});
  EXPECT_FALSE(client.Ask({.request = 1}).has_value());
  EXPECT_TRUE(client.closed());
}

TEST(VhostUserServerTest, StopsReading) {
  SimWorld world(With({FaultKind::kStall, 1}));
  RawClient client(world);
  client.Ask({.request = 1});
  EXPECT_FALSE(client.Ask({.request = 1}).has_value());
  EXPECT_FALSE(client.closed());
  EXPECT_TRUE(client.Send({.request = 1}));
  EXPECT_EQ(world.server().message_count(), 2u);
}

TEST(VhostUserServerTest, RefusesForNoReason) {
  SimWorld world(With({FaultKind::kRefuse, 2}));
  RawClient client(world);
  client.Ask({.request = 1});
  client.Send({.request = 16, .payload = U64(8)});
  EXPECT_EQ(client.Ask({.request = 3, .flags = 9})->value(), 1u);
  EXPECT_FALSE(world.model().session().has_owner);
  EXPECT_THAT(world.violations(), IsEmpty());
}

TEST(VhostUserServerTest, DoesNotWaitForAPayloadThatNoRequestHas) {
  SimWorld world;
  RawClient client(world);
  client.Send({.request = 5, .payload = Payload().Zeros(4097)});
  EXPECT_TRUE(client.closed());
}

TEST(VhostUserServerTest, ReadsMessagesWhereverTheyAreCut) {
  const Bytes message = Encode({.request = 16, .payload = U64(8)});
  for (size_t cut = 1; cut < message.size(); ++cut) {
    SimWorld world(With({FaultKind::kShortSend, 0, cut}));
    RawClient client(world);
    EXPECT_TRUE(client.Send({.request = 16, .payload = U64(8)}));
    EXPECT_EQ(world.model().session().protocol_features, 8u);
  }
}

TEST(VhostUserServerTest, ASessionCanHaveAnotherPersonality) {
  SimWorld world;
  RawClient client(world);
  world.server().SetPersonality(backend_sim::Personality::Legacy());
  EXPECT_EQ(client.Ask({.request = 1})->value(),
            backend_sim::Personality::Conforming().features);
  world.channel().Detach();
  ASSERT_TRUE(world.channel().Attach().has_value());
  EXPECT_EQ(client.Ask({.request = 1})->value(),
            backend_sim::Personality::Legacy().features);
}

TEST(FaultPlanTest, AFaultHappensOnceAtItsTime) {
  FaultPlan plan({{FaultKind::kReplyNever, 3, 7}});
  EXPECT_FALSE(plan.Take(FaultKind::kReplyNever, 2).has_value());
  EXPECT_FALSE(plan.Take(FaultKind::kReplyLate, 3).has_value());
  EXPECT_EQ(plan.Take(FaultKind::kReplyNever, 3)->argument, 7u);
  EXPECT_FALSE(plan.Take(FaultKind::kReplyNever, 3).has_value());
  EXPECT_THAT(plan.waiting(), IsEmpty());
  EXPECT_THAT(plan.happened(),
              ElementsAre(Fault{FaultKind::kReplyNever, 3, 7}));
}

TEST(FaultPlanTest, AFaultOfAnAnswerMayBeCountedByMessages) {
  constexpr FaultKind kNever[] = {FaultKind::kReplyNever};
  FaultPlan plan({{.kind = FaultKind::kReplyNever, .at = 5, .of_message = true},
                  {.kind = FaultKind::kReplyNever, .at = 9}});
  EXPECT_FALSE(plan.TakeOfAnswer(kNever, 5, 4).has_value());
  EXPECT_TRUE(plan.TakeOfAnswer(kNever, 4, 5)->of_message);
  EXPECT_FALSE(plan.TakeOfAnswer(kNever, 8, 9).has_value());
  EXPECT_FALSE(plan.TakeOfAnswer(kNever, 9, 12)->of_message);
}

TEST(FaultPlanTest, EveryKindHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (size_t i = 0; i < backend_sim::kFaultKinds; ++i) {
    names.insert(FaultName(static_cast<FaultKind>(i)));
  }
  EXPECT_THAT(names, SizeIs(backend_sim::kFaultKinds));
}

}  // namespace
