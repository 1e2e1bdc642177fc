// SPDX-License-Identifier: BSD-3-Clause
//
// Each rule of memory and rings is seen when it is broken.

#include <array>
#include <vector>

#include "backend_sim/model_checks.h"
#include "backend_sim/sim_world.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/sim/model_session.h"
#include "tests/sim/pair_rig.h"
#include "tests/sim/raw_client.h"

namespace {

using ::backend_sim::Rule;
using ::backend_sim::SimWorld;
using ::backend_sim::SimWorldOptions;
using ::sim_test::kModern;
using ::sim_test::kMultiqueue;
using ::sim_test::kNeedReply;
using ::sim_test::kReplyAck;
using ::sim_test::PairRig;
using ::sim_test::Payload;
using ::sim_test::RawClient;
using ::sim_test::RawMessage;
using ::sim_test::RulesOf;
using ::sim_test::State;
using ::sim_test::U64;
using ::testing::ElementsAre;

using RingChecksTest = ::sim_test::ModelSession;

Payload Table(const std::vector<std::array<uint64_t, 4>>& regions) {
  Payload payload;
  payload.U32(static_cast<uint32_t>(regions.size())).U32(0);
  for (const auto& [guest, size, user, offset] : regions) {
    payload.U64(guest).U64(size).U64(user).U64(offset);
  }
  return payload;
}

TEST_F(RingChecksTest, SeesATableWithoutRegionsOrWithTooMany) {
  client_.Negotiate(kModern, kReplyAck);
  ExpectNack({.request = 5, .payload = Table({})}, Rule::kTableRegionCount);
  // A ninth region cannot even be sent with its descriptor; the model's own
  // limit is what is tried here.
  SimWorldOptions options;
  options.personality.max_regions = 1;
  SimWorld small(std::move(options));
  RawClient client(small);
  client.Negotiate(kModern, kReplyAck);
  RawMessage table = client.MemTable();
  table.flags = kNeedReply;
  EXPECT_EQ(client.Ask(table)->value(), 1u);
  EXPECT_THAT(RulesOf(small.violations()),
              ElementsAre(Rule::kTableRegionCount));
}

TEST_F(RingChecksTest, SeesRegionsThatAreEmptyWrapOrMeet) {
  client_.Negotiate(kModern, kReplyAck);
  const int fd =
      *world_.fds().Install(backend_sim::SimFile::Memory(65536), "a test");
  const auto table = [&](const Payload& payload, size_t fds) {
    return RawMessage{
        .request = 5, .payload = payload, .fds = std::vector<int>(fds, fd)};
  };
  ExpectNack(table(Table({{0, 0, 0, 0}}), 1), Rule::kTableRegion);
  ExpectNack(table(Table({{~0ull, 4096, 0, 0}}), 1), Rule::kTableRegion);
  ExpectNack(table(Table({{0, 4096, ~0ull, 0}}), 1), Rule::kTableRegion);
  ExpectNack(table(Table({{0, 4096, 0, ~0ull}}), 1), Rule::kTableRegion);
  ExpectNack(table(Table({{0, 4096, 0, 0}, {4095, 4096, 9000, 0}}), 2),
             Rule::kTableOverlap);
  ExpectNack(table(Table({{0, 4096, 0, 0}, {9000, 4096, 4095, 0}}), 2),
             Rule::kTableOverlap);
  world_.fds().Close(fd);
}

TEST_F(RingChecksTest, SeesARegionThatItsFileDoesNotHold) {
  client_.Negotiate(kModern, kReplyAck);
  const int fd =
      *world_.fds().Install(backend_sim::SimFile::Memory(8192), "a test");
  ExpectNack(
      {.request = 5, .payload = Table({{0, 8192, 0, 4096}}), .fds = {fd}},
      Rule::kTableNotBacked);
  world_.fds().Close(fd);
}

TEST_F(RingChecksTest, SeesATableFromWhichARunningRingIsMissing) {
  Negotiate();
  PairRig pair(client_, 0);
  pair.Start();
  const int fd =
      *world_.fds().Install(backend_sim::SimFile::Memory(4096), "a test");
  ExpectNack({.request = 5, .payload = Table({{0, 4096, 0, 0}}), .fds = {fd}},
             Rule::kTableMovesRing);
  EXPECT_EQ(world_.model().memory().Descriptions().size(), 2u);
  world_.fds().Close(fd);
}

// --- Rings -------------------------------------------------------------------

class RingIndexTest : public RingChecksTest,
                      public testing::WithParamInterface<uint32_t> {};

TEST_P(RingIndexTest, SeesARingThatDoesNotExist) {
  Negotiate(kMultiqueue);
  const uint32_t index = GetParam();
  for (const uint32_t request : {8u, 10u, 11u, 18u}) {
    ExpectNack({.request = request, .payload = State(index, 1)},
               Rule::kRingIndex);
  }
  ExpectNack({.request = 9, .payload = Payload().U32(index).Zeros(36)},
             Rule::kRingIndex);
}

INSTANTIATE_TEST_SUITE_P(All, RingIndexTest,
                         testing::Values(256, 0x10000, 0xffffffff));

TEST_F(RingChecksTest, SeesRingsOfASecondPairWithoutMq) {
  Negotiate();
  ExpectNack({.request = 8, .payload = State(2, 16)}, Rule::kRingWithoutMq);
}

TEST_F(RingChecksTest, SeesThatRingsWereSetUpBeforeMqWasDeclined) {
  client_.Ask({.request = 1});
  client_.Send({.request = 16, .payload = U64(kReplyAck)});
  client_.Send({.request = 13, .payload = U64(0x102)});
  ExpectNack({.request = 2, .payload = U64(kModern)}, Rule::kRingWithoutMq);
}

TEST_F(RingChecksTest, SeesASizeThatNoSplitRingHas) {
  Negotiate();
  for (const uint32_t num : {0u, 3u, 32769u, 65536u, 0x80000000u}) {
    ExpectNack({.request = 8, .payload = State(0, num)}, Rule::kRingSize);
  }
  EXPECT_EQ(AckOf({.request = 8, .payload = State(0, 32768)}), 0u);
}

TEST_F(RingChecksTest, SeesABaseOfMoreThan16Bits) {
  Negotiate();
  ExpectNack({.request = 10, .payload = State(0, 0x10000)}, Rule::kRingBase);
}

TEST_F(RingChecksTest, SeesABaseThatIsNotWhereTheRingStood) {
  Negotiate();
  PairRig pair(client_, 0);
  pair.Configure(pair.rx, 5);
  EXPECT_THAT(RulesOf(world_.violations()), ElementsAre(Rule::kRingBase));
}

Payload Addr(uint64_t desc, uint64_t used, uint64_t avail, uint32_t flags = 0) {
  return Payload().U32(0).U32(flags).U64(desc).U64(used).U64(avail).U64(0);
}

TEST_F(RingChecksTest, SeesAddressesBeforeTheTable) {
  client_.Negotiate(kModern, kReplyAck);
  ExpectNack({.request = 9, .payload = Addr(0, 0, 0)}, Rule::kAddrBeforeTable);
}

TEST_F(RingChecksTest, SeesAddressesThatAreMisalignedOrOutside) {
  Negotiate();
  const uint64_t base = 0x5000'0000'0000'0000;
  const uint64_t end = base + (1 << 22);
  const auto addr = [](const Payload& payload) {
    return RawMessage{.request = 9, .payload = payload};
  };
  ExpectNack(addr(Addr(base + 8, base, base)), Rule::kAddrMisaligned);
  ExpectNack(addr(Addr(base, base + 2, base)), Rule::kAddrMisaligned);
  ExpectNack(addr(Addr(base, base, base + 1)), Rule::kAddrMisaligned);
  EXPECT_EQ(AckOf({.request = 8, .payload = State(0, 16)}), 0u);
  // One byte too many each: 256, 134 and 38 bytes with the event words.
  ExpectNack(addr(Addr(end - 240, base, base)), Rule::kAddrOutside);
  ExpectNack(addr(Addr(base, end - 132, base)), Rule::kAddrOutside);
  ExpectNack(addr(Addr(base, base, end - 36)), Rule::kAddrOutside);
  EXPECT_EQ(AckOf(addr(Addr(end - 256, end - 136, end - 38))), 0u);
}

TEST_F(RingChecksTest, APackedRingHasAnySizeUpTo32768) {
  Negotiate(kModern | 1ull << 34);
  for (const uint32_t num : {1u, 3u, 255u, 32768u}) {
    EXPECT_EQ(AckOf({.request = 8, .payload = State(0, num)}), 0u);
  }
  for (const uint32_t num : {0u, 32769u, 65536u}) {
    ExpectNack({.request = 8, .payload = State(0, num)}, Rule::kRingSize);
  }
}

TEST_F(RingChecksTest, SeesPackedAreasThatAreMisalignedOrOutside) {
  Negotiate(kModern | 1ull << 34);
  const uint64_t base = 0x5000'0000'0000'0000;
  const uint64_t end = base + (1 << 22);
  const auto addr = [](const Payload& payload) {
    return RawMessage{.request = 9, .payload = payload};
  };
  ExpectNack(addr(Addr(base + 8, base, base)), Rule::kAddrMisaligned);
  ExpectNack(addr(Addr(base, base + 2, base)), Rule::kAddrMisaligned);
  ExpectNack(addr(Addr(base, base, base + 2)), Rule::kAddrMisaligned);
  EXPECT_EQ(AckOf({.request = 8, .payload = State(0, 3)}), 0u);
  ExpectNack(addr(Addr(end - 32, base, base)), Rule::kAddrOutside);
  ExpectNack(addr(Addr(base, end, base)), Rule::kAddrOutside);
  EXPECT_EQ(AckOf(addr(Addr(end - 48, end - 4, end - 4))), 0u);
}

TEST_F(RingChecksTest, SeesAPackedBaseThatCannotBe) {
  Negotiate(kModern | 1ull << 34);
  sim_test::PairRigOptions options;
  options.format = virtio_user::RingFormat::kPacked;
  options.num = 3;
  PairRig pair(client_, 0, options);
  client_.Send({.request = 13, .payload = U64(0), .fds = {pair.rx.call.get()}});
  client_.Send({.request = 8, .payload = State(0, 3)});
  const auto& layout = pair.rx.layout;
  client_.Send({.request = 9,
                .payload = Addr(pair.AddressOf(layout.desc, 1).value,
                                pair.AddressOf(layout.device, 1).value,
                                pair.AddressOf(layout.driver, 1).value)});
  const RawMessage kick{
      .request = 12, .payload = U64(0), .fds = {pair.rx.kick.get()}};
  // An index of 3; a used index of 3; 4 of 3 in flight; used ahead.
  for (const uint32_t base :
       {0x8000'0003u, 0x8003'8000u, 0x8000'0001u, 0x8001'8000u}) {
    EXPECT_EQ(AckOf({.request = 10, .payload = State(0, base)}), 0u);
    ExpectNack(kick, Rule::kRingBase);
  }
  EXPECT_EQ(AckOf({.request = 10, .payload = State(0, 0x8000'0000)}), 0u);
  EXPECT_EQ(AckOf(kick), 0u);
}

TEST_F(RingChecksTest, SeesReservedFlagsAndLoggingThatWasNotAccepted) {
  Negotiate();
  const uint64_t base = 0x5000'0000'0000'0000;
  for (const uint32_t flags : {1u, 2u}) {
    ExpectNack({.request = 9, .payload = Addr(base, base, base, flags)},
               Rule::kAddrReservedFlags);
  }
}

TEST_F(RingChecksTest, SeesThatARunningRingIsChanged) {
  Negotiate();
  PairRig pair(client_, 0);
  pair.Start();
  ExpectNack({.request = 8, .payload = State(0, 16)},
             Rule::kRunningRingChanged);
  ExpectNack({.request = 10, .payload = State(0, 0)},
             Rule::kRunningRingChanged);
  const uint64_t base = 0x5000'0000'0000'0000;
  ExpectNack({.request = 9, .payload = Addr(base + 16, base, base)},
             Rule::kRunningRingChanged);
}

TEST_F(RingChecksTest, SeesAKickOfAnIncompleteRing) {
  Negotiate();
  const uint64_t base = 0x5000'0000'0000'0000;
  const RawMessage kick{.request = 12, .payload = U64(0x100)};
  ExpectNack(kick, Rule::kKickIncomplete);
  EXPECT_EQ(AckOf({.request = 8, .payload = State(0, 16)}), 0u);
  ExpectNack(kick, Rule::kKickIncomplete);
  EXPECT_EQ(AckOf({.request = 10, .payload = State(0, 0)}), 0u);
  ExpectNack(kick, Rule::kKickIncomplete);
  EXPECT_EQ(
      AckOf({.request = 9, .payload = Addr(base, base + 4096, base + 8192)}),
      0u);
  EXPECT_EQ(AckOf(kick), 0u);
}

TEST_F(RingChecksTest, SeesAddressesThatTheSizeMadeTooLong) {
  Negotiate();
  const uint64_t end = 0x5000'0000'0000'0000 + (1 << 22);
  const uint64_t base = 0x5000'0000'0000'0000;
  client_.Send({.request = 9, .payload = Addr(end - 16, base, base)});
  client_.Send({.request = 8, .payload = State(0, 16)});
  client_.Send({.request = 10, .payload = State(0, 0)});
  ExpectNack({.request = 12, .payload = U64(0x100)}, Rule::kAddrOutside);
}

TEST_F(RingChecksTest, SeesAKickBeforeTheFeatures) {
  client_.Send({.request = 3});
  client_.Send(client_.MemTable());
  PairRig pair(client_, 0);
  pair.Configure(pair.rx);
  EXPECT_THAT(RulesOf(world_.violations()), ElementsAre(Rule::kKickTooEarly));
}

TEST_F(RingChecksTest, SeesAnEnableThatIsNeither0Nor1) {
  Negotiate();
  ExpectNack({.request = 18, .payload = State(0, 2)}, Rule::kEnableValue);
}

TEST_F(RingChecksTest, SeesThatARingIsEnabledWithoutItsCall) {
  Negotiate();
  const uint64_t base = 0x5000'0000'0000'0000;
  client_.Send({.request = 8, .payload = State(0, 16)});
  client_.Send({.request = 10, .payload = State(0, 0)});
  client_.Send({.request = 9, .payload = Addr(base, base + 4096, base + 8192)});
  client_.Send({.request = 12, .payload = U64(0x100)});
  ExpectNack({.request = 18, .payload = State(0, 1)}, Rule::kEnableWithoutCall);
}

}  // namespace
