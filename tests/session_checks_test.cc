// SPDX-License-Identifier: BSD-3-Clause
//
// Each rule of a session is seen when it is broken.

#include "backend_sim/model_checks.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/sim/model_session.h"
#include "tests/sim/pair_rig.h"
#include "tests/sim/raw_client.h"

namespace {

using ::backend_sim::Rule;
using ::sim_test::kAllProtocol;
using ::sim_test::kModern;
using ::sim_test::PairRig;
using ::sim_test::Payload;
using ::sim_test::RulesOf;
using ::sim_test::U64;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

using SessionChecksTest = ::sim_test::ModelSession;

TEST_F(SessionChecksTest, SeesASecondOwner) {
  Negotiate();
  ExpectNack({.request = 3}, Rule::kOwnerTwice);
}

TEST_F(SessionChecksTest, SeesResetOwner) {
  Negotiate();
  ExpectNack({.request = 4}, Rule::kResetOwner);
}

TEST_F(SessionChecksTest, SeesARingThatStartsWithoutAnOwner) {
  client_.Ask({.request = 1});
  client_.Send({.request = 2, .payload = U64(kModern)});
  client_.Send(client_.MemTable());
  PairRig pair(client_, 0);
  pair.Configure(pair.rx);
  EXPECT_THAT(RulesOf(world_.violations()), ElementsAre(Rule::kOwnerMissing));
}

TEST_F(SessionChecksTest, SeesFeaturesThatNobodyAskedFor) {
  ExpectClose({.request = 2, .payload = U64(kModern)}, Rule::kFeaturesUnasked);
}

TEST_F(SessionChecksTest, SeesFeaturesThatWereNotOffered) {
  Negotiate();
  ExpectNack({.request = 2, .payload = U64(kModern | 1ull << 36)},
             Rule::kFeaturesNotOffered);
  EXPECT_EQ(world_.model().session().features, kModern);
}

TEST_F(SessionChecksTest, SeesFeaturesThatChangeWhileARingRuns) {
  Negotiate();
  PairRig pair(client_, 0);
  pair.Start();
  EXPECT_EQ(AckOf({.request = 2, .payload = U64(kModern)}), 0u);
  ExpectNack({.request = 2, .payload = U64(kModern | 1)},
             Rule::kFeaturesWhileRunning);
}

TEST_F(SessionChecksTest, SeesFeaturesThatChangeAfterFeaturesOk) {
  Negotiate(kModern, kAllProtocol);
  EXPECT_EQ(AckOf({.request = 39, .payload = U64(0x0b)}), 0u);
  ExpectNack({.request = 2, .payload = U64(kModern | 1)},
             Rule::kFeaturesAfterOk);
}

TEST_F(SessionChecksTest, SeesProtocolFeaturesThatWereNotOffered) {
  Negotiate();
  ExpectNack({.request = 16, .payload = U64(1 << 12)},
             Rule::kProtocolFeaturesNotOffered);
}

TEST_F(SessionChecksTest, SeesAnMtuOutOfRange) {
  Negotiate(kModern, kAllProtocol);
  ExpectNack({.request = 20, .payload = U64(67)}, Rule::kMtuRange);
  ExpectNack({.request = 20, .payload = U64(65536)}, Rule::kMtuRange);
}

// Of a back-end that has the message and does not offer the feature.
class WithoutMtuTest : public ::sim_test::ModelSession {
 protected:
  static backend_sim::SimWorldOptions Options() {
    backend_sim::SimWorldOptions options;
    options.personality.features &= ~uint64_t{1 << 3};
    return options;
  }
  WithoutMtuTest() : ModelSession(Options()) {}
};

TEST_F(WithoutMtuTest, SeesAnMtuWithoutItsFeature) {
  Negotiate(kModern, kAllProtocol);
  ExpectNack({.request = 20, .payload = U64(1500)}, Rule::kGate);
}

TEST_F(SessionChecksTest, SeesAStatusOfMoreThan8Bits) {
  Negotiate(kModern, kAllProtocol);
  ExpectNack({.request = 39, .payload = U64(0x100)}, Rule::kStatusValue);
}

TEST_F(SessionChecksTest, SeesAStatusThatGoesBackwards) {
  Negotiate(kModern, kAllProtocol);
  EXPECT_EQ(AckOf({.request = 39, .payload = U64(0x0b)}), 0u);
  ExpectNack({.request = 39, .payload = U64(0x03)}, Rule::kStatusBackwards);
}

TEST_F(SessionChecksTest, SeesFeaturesOkBeforeTheFeatures) {
  client_.Ask({.request = 1});
  client_.Send({.request = 16, .payload = U64(kAllProtocol)});
  ExpectNack({.request = 39, .payload = U64(0x0b)}, Rule::kFeaturesOkTooEarly);
}

TEST_F(SessionChecksTest, SeesDriverOkBeforeFeaturesOk) {
  Negotiate(kModern, kAllProtocol);
  ExpectNack({.request = 39, .payload = U64(0x07)}, Rule::kDriverOkTooEarly);
  ExpectNack({.request = 39, .payload = U64(0x0f)}, Rule::kDriverOkTooEarly);
}

TEST_F(SessionChecksTest, SeesConfigurationBytesThatAreNotThere) {
  Negotiate(kModern, kAllProtocol);
  const auto answer = client_.Ask(
      {.request = 24, .payload = Payload().U32(10).U32(6).U32(0).Zeros(6)});
  ASSERT_TRUE(answer.has_value());
  EXPECT_THAT(answer->payload, IsEmpty());
  EXPECT_THAT(RulesOf(world_.violations()), ElementsAre(Rule::kConfigRange));
}

TEST_F(SessionChecksTest, SeesAWriteToTheConfiguration) {
  Negotiate(kModern, kAllProtocol);
  ExpectNack(
      {.request = 25, .payload = Payload().U32(0).U32(6).U32(0).Zeros(6)},
      Rule::kConfigReadOnly);
}

}  // namespace
