// SPDX-License-Identifier: BSD-3-Clause
//
// GET_INFLIGHT_FD and SET_INFLIGHT_FD as the model answers and judges them.

#include <cstring>
#include <optional>

#include "backend_sim/model_checks.h"
#include "backend_sim/sim_world.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/sim/model_session.h"
#include "tests/sim/pair_rig.h"
#include "tests/sim/raw_client.h"

namespace {

using ::backend_sim::InflightLie;
using ::backend_sim::Rule;
using ::sim_test::kModern;
using ::sim_test::kReplyAck;
using ::sim_test::PairRig;
using ::sim_test::Payload;
using ::sim_test::RawAnswer;
using ::sim_test::RawMessage;
using ::sim_test::RulesOf;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr uint64_t kInflight = 1 << 12;

// Of 2 queues of 16: each has 16 + 16 * 16 bytes, and 64 to the next one.
constexpr uint64_t kAreaBytes = 2 * 320;

struct Numbers {
  uint64_t size = 0;
  uint64_t offset = 0;
  uint32_t queues = 2;
  uint32_t queue_size = 16;
};

class InflightChecksTest : public ::sim_test::ModelSession {
 protected:
  explicit InflightChecksTest(InflightLie lie = InflightLie::kNone)
      : ModelSession(Options(lie)) {}

  static backend_sim::SimWorldOptions Options(InflightLie lie) {
    backend_sim::SimWorldOptions options;
    options.personality = *backend_sim::FindPersonality("inflight");
    options.personality.inflight_lie = lie;
    return options;
  }
  static Payload Of(const Numbers& numbers) {
    return Payload()
        .U64(numbers.size)
        .U64(numbers.offset)
        .U32(numbers.queues | numbers.queue_size << 16)
        .U32(0);
  }
  std::optional<RawAnswer> Get(const Numbers& numbers = {}) {
    return client_.Ask({.request = 31, .payload = Of(numbers)});
  }
  RawMessage Set(const Numbers& numbers, int fd) {
    return {.request = 32, .payload = Of(numbers), .fds = {fd}};
  }
  void SetUp() override { Negotiate(kModern, kReplyAck | kInflight); }
};

TEST_F(InflightChecksTest, TheAnswerHasSizeOffsetNumbersAndADescriptor) {
  const auto answer = Get();
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->request, 31u);
  EXPECT_EQ(answer->payload, Of({.size = kAreaBytes}).bytes());
  EXPECT_EQ(answer->fd_count, 1u);
  EXPECT_EQ(answer->fd.FileBytes(), kAreaBytes);
}

TEST_F(InflightChecksTest, ASessionThatSendsBackWhatItGotBreaksNothing) {
  const auto answer = Get();
  EXPECT_EQ(AckOf(Set({.size = kAreaBytes}, answer->fd.get())), 0u);
  PairRig pair(client_, 0);
  pair.Start();
  EXPECT_THAT(world_.violations(), IsEmpty());
  EXPECT_TRUE(world_.model().inflight().mapped());
}

TEST_F(InflightChecksTest, SeesShapesThatNoDeviceHas) {
  for (const Numbers& asked :
       {Numbers{.queues = 0}, Numbers{.queues = 257}, Numbers{.queue_size = 0},
        Numbers{.queue_size = 32769}}) {
    backend_sim::SimWorld world(Options(InflightLie::kNone));
    sim_test::RawClient client(world);
    client.Negotiate(kModern, kReplyAck | kInflight);
    client.Send({.request = 31, .payload = Of(asked)});
    EXPECT_TRUE(client.closed());
    EXPECT_THAT(RulesOf(world.violations()), ElementsAre(Rule::kInflightShape));
  }
}

TEST_F(InflightChecksTest, SeesAPlaceThatNobodyGave) {
  ExpectNack(Set({.size = kAreaBytes}, *world_.fds().CreateEvent()),
             Rule::kInflightOther);
}

TEST_F(InflightChecksTest, SeesOtherNumbersThanWereGiven) {
  const auto answer = Get();
  for (const Numbers& told : {Numbers{.size = kAreaBytes - 1},
                              Numbers{.size = kAreaBytes, .offset = 1},
                              Numbers{.size = kAreaBytes, .queues = 1},
                              Numbers{.size = kAreaBytes, .queue_size = 8}}) {
    ExpectNack(Set(told, answer->fd.get()), Rule::kInflightOther);
  }
}

TEST_F(InflightChecksTest, SeesAPlaceThatComesAfterARingHasStarted) {
  const auto answer = Get();
  EXPECT_EQ(AckOf(Set({.size = kAreaBytes}, answer->fd.get())), 0u);
  PairRig pair(client_, 0);
  pair.Start();
  ExpectNack(Set({.size = kAreaBytes}, answer->fd.get()),
             Rule::kInflightTooLate);
}

TEST_F(InflightChecksTest, WhereInflightIsTakenBack_ALargerRingHasNoNotes) {
  const auto answer = Get({.queue_size = 2});
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(
      AckOf(Set({.size = answer->value(), .queue_size = 2}, answer->fd.get())),
      0u);
  client_.Send({.request = 16, .payload = sim_test::U64(kReplyAck)});
  PairRig pair(client_, 0);
  pair.Start();

  for (int i = 0; i < 8; ++i) {
    pair.PostRx(2048);
    pair.SendTx(sim_test::Header(12), sim_test::Pattern(60, 1));
  }
  world_.RunUntilIdle();

  EXPECT_EQ(pair.ReapTx(), 8u);
  EXPECT_THAT(world_.violations(), IsEmpty());
}

TEST_F(InflightChecksTest, AFileThatIsTooShort_IsNamed) {
  const auto answer = Get({.queue_size = 16384});
  ASSERT_TRUE(answer.has_value());
  const auto fd = world_.fds().Install(backend_sim::SimFile::Memory(4096), "");
  ASSERT_TRUE(fd.has_value());
  ExpectNack(Set({.size = answer->value(), .queue_size = 16384}, *fd),
             Rule::kInflightOther);
}

TEST_F(InflightChecksTest, SeesARingThatStartsWithoutNotes) {
  Get();
  PairRig pair(client_, 0);
  pair.Configure(pair.rx);
  EXPECT_THAT(RulesOf(world_.violations()),
              ElementsAre(Rule::kInflightMissing));
}

TEST_F(InflightChecksTest, SeesARingOfAnotherSizeThanItsNotes) {
  const auto answer = Get({.queue_size = 32});
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(
      AckOf(Set({.size = answer->value(), .queue_size = 32}, answer->fd.get())),
      0u);
  PairRig pair(client_, 0);
  pair.Configure(pair.rx);
  EXPECT_THAT(RulesOf(world_.violations()), ElementsAre(Rule::kInflightShape));
}

TEST_F(InflightChecksTest, ThePlaceMayComeFromASessionBefore) {
  const auto answer = Get();
  client_.world().channel().Detach();
  ASSERT_TRUE(world_.channel().Attach().has_value());
  SetUp();
  EXPECT_EQ(AckOf(Set({.size = kAreaBytes}, answer->fd.get())), 0u);
  EXPECT_THAT(world_.violations(), IsEmpty());
}

class InflightWithoutMemoryTest : public InflightChecksTest {
 protected:
  InflightWithoutMemoryTest() : InflightChecksTest(InflightLie::kNoMemory) {}
};

TEST_F(InflightWithoutMemoryTest, TheSizeIs0AndRingsStartWithoutNotes) {
  const auto answer = Get();
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->payload, Of({}).bytes());
  EXPECT_EQ(answer->fd_count, 0u);
  PairRig pair(client_, 0);
  pair.Start();
  EXPECT_THAT(world_.violations(), IsEmpty());
}

}  // namespace
