// SPDX-License-Identifier: BSD-3-Clause
//
// What "strict" and "vpp-like" do otherwise than the model by itself.

#include "backend_sim/personality.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/sim/model_session.h"
#include "tests/sim/packet_rig.h"

namespace {

using ::backend_sim::Rule;
using ::sim_test::kModern;
using ::sim_test::kMultiqueue;
using ::sim_test::kNeedReply;
using ::sim_test::kPacked;
using ::sim_test::Pattern;
using ::sim_test::Payload;
using ::sim_test::RawMessage;
using ::sim_test::State;
using ::sim_test::U64;
using ::testing::IsEmpty;
using Rig = ::sim_test::PacketRig;

constexpr uint64_t kProtocol = 0x10009;  // MQ, REPLY_ACK, STATUS.

class StrictChecksTest : public ::sim_test::ModelSession {
 protected:
  static backend_sim::SimWorldOptions Options() {
    backend_sim::SimWorldOptions options;
    options.personality = *backend_sim::FindPersonality("strict");
    return options;
  }
  StrictChecksTest() : ModelSession(Options()) {}
};

TEST_F(StrictChecksTest, ABreachEndsTheSessionAlsoWhereAnAckWasAskedFor) {
  Negotiate(kModern, kProtocol);
  ExpectClose({.request = 8, .payload = State(0, 17), .flags = kNeedReply},
              Rule::kRingSize);
}

TEST_F(StrictChecksTest, RingsBelongIntoASessionThatHasAnOwner) {
  ExpectClose({.request = 8, .payload = State(0, 16)}, Rule::kOwnerMissing);
}

TEST_F(StrictChecksTest, BitsWithoutAMeaningAre0InARingsDescriptor) {
  Negotiate(kModern, kProtocol);
  ExpectClose({.request = 13, .payload = U64(0x1100)}, Rule::kReservedBits);
}

TEST_F(StrictChecksTest, PaddingOfATableIs0) {
  client_.Negotiate(kModern, kProtocol);
  Payload regions;
  regions.U32(1).U32(9).U64(0).U64(4096).U64(0).U64(0);
  RawMessage table = client_.MemTable();
  ExpectClose({.request = 5, .payload = regions, .fds = {table.fds[0]}},
              Rule::kReservedBits);
}

TEST_F(StrictChecksTest, APackedRingsBaseHasBothHalves) {
  Negotiate(kModern | kPacked, kProtocol);
  ExpectClose({.request = 10, .payload = State(0, 0x8000)}, Rule::kRingBase);
}

TEST_F(StrictChecksTest, AConformingSessionPasses) {
  Negotiate(kMultiqueue, kProtocol);
  ::sim_test::PairRig pair(client_, 1);
  pair.Start();
  EXPECT_EQ(AckOf({.request = 39, .payload = U64(0x0b)}), 0u);
  EXPECT_TRUE(client_.Ask({.request = 11, .payload = State(2, 0)}).has_value());
  EXPECT_THAT(world_.violations(), IsEmpty());
}

TEST(VppLikeTest, SetFeaturesWipesEveryRing_F01) {
  Rig rig(kModern, "vpp-like");
  const size_t open = rig.world.server_fds().open_count();
  EXPECT_TRUE(rig.world.model().rings()[0].started());
  // LOG_ALL alone may change while a ring runs, and it is not offered: the same
  // features again.
  rig.client.Send({.request = 2, .payload = U64(kModern)});
  EXPECT_FALSE(rig.client.closed());
  EXPECT_EQ(rig.world.server_fds().open_count(), open - 4);
  for (const size_t i : {0u, 1u}) {
    const auto& ring = rig.world.model().rings()[i];
    EXPECT_FALSE(ring.started());
    EXPECT_FALSE(ring.enabled());
    EXPECT_FALSE(ring.mentioned());
    EXPECT_FALSE(ring.addresses().has_value());
  }
}

TEST(VppLikeTest, ARingIsServedWithoutItsCall) {
  Rig rig(kModern, "vpp-like");
  rig.client.Send({.request = 2, .payload = U64(kModern)});
  const int kick = *rig.world.fds().CreateEvent();
  for (auto* const ring : {&rig.pair.rx, &rig.pair.tx}) {
    const auto at = [&](const std::byte* start) {
      return rig.pair.AddressOf(start, 1).value;
    };
    Payload addresses;
    addresses.U32(ring->index).U32(0).U64(at(ring->layout.desc));
    addresses.U64(at(ring->layout.device)).U64(at(ring->layout.driver)).U64(0);
    rig.client.Send({.request = 8, .payload = State(ring->index, 16)});
    rig.client.Send({.request = 10, .payload = State(ring->index, 0)});
    rig.client.Send({.request = 9, .payload = addresses});
    rig.client.Send(
        {.request = 12, .payload = U64(ring->index), .fds = {kick}});
    rig.client.Send({.request = 18, .payload = State(ring->index, 1)});
  }
  rig.pair.PostRx(2048);
  rig.Send(Pattern(60, 3));
  rig.Run();
  EXPECT_EQ(rig.Receive(), Pattern(60, 3));
  rig.world.fds().Close(kick);
}

}  // namespace
