// SPDX-License-Identifier: BSD-3-Clause
//
// Mistakes that back-ends have made with rings and packets, made by the
// simulated one, and what a front-end must not count on. docs/history.md tells
// each.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "backend_sim/backend_memory.h"
#include "backend_sim/sim_world.h"
#include "tests/control_support.h"
#include "tests/fakes/outcome.h"
#include "tests/fakes/recording_rig.h"
#include "tests/fakes/sim_rig.h"
#include "tests/sim/model_session.h"
#include "tests/sim/packet_rig.h"
#include "tests/sim/pair_rig.h"
#include "virtio_user/net/net_header.h"
#include "virtio_user/net/offload.h"

namespace {

using ::backend_sim::BackendMemory;
using ::backend_sim::Bit;
using ::backend_sim::Personality;
using ::backend_sim::Rule;
using ::sim_test::Bytes;
using ::sim_test::Header;
using ::sim_test::kInOrder;
using ::sim_test::kModern;
using ::sim_test::kMrgRxbuf;
using ::sim_test::kPacked;
using ::sim_test::PacketRig;
using ::sim_test::PairRig;
using ::sim_test::Pattern;
using ::sim_test::Payload;
using ::sim_test::State;
using ::sim_test::U64;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;
using ::testing_support::CodeOf;
using ::testing_support::RecordingRig;
using ::testing_support::SimRig;
using ::virtio_user::ErrorCode;
using ::virtio_user::Feature;
using ::virtio_user::FeatureSet;
using ::virtio_user::kCtrlAckOk;

class HistoryTest : public ::sim_test::ModelSession {
 protected:
  const backend_sim::RingModel& ring(size_t index) {
    return world_.model().rings()[index];
  }
  bool Serving(size_t index) { return world_.model().Serving(ring(index)); }
};

// --- When a ring is ready ----------------------------------------------------

TEST_F(HistoryTest, B19_AStoppedRingIsNotReadyOnceItIsEnabledAgain) {
  Negotiate();
  PairRig pair(client_, 0);
  pair.Start();
  ASSERT_TRUE(client_.Ask({.request = 11, .payload = State(0, 0)}));

  EXPECT_EQ(AckOf({.request = 18, .payload = State(0, 1)}), 0u);

  EXPECT_FALSE(ring(0).started());
  EXPECT_FALSE(ring(0).addresses());
  EXPECT_TRUE(ring(1).started());
  ExpectNack({.request = 12, .payload = U64(0), .fds = {pair.rx.kick.get()}},
             Rule::kKickIncomplete);
}

TEST_F(HistoryTest, B24_ARingIsServedInWhateverOrderItWasToldOfTheRest) {
  Negotiate();
  EXPECT_EQ(AckOf({.request = 18, .payload = State(0, 1)}), 0u);
  PairRig pair(client_, 0);

  pair.Configure(pair.rx);
  pair.Configure(pair.tx);
  EXPECT_EQ(AckOf({.request = 18, .payload = State(1, 1)}), 0u);

  for (const size_t index : {0u, 1u}) {
    EXPECT_TRUE(ring(index).enabled()) << index;
    EXPECT_TRUE(Serving(index)) << index;
  }
  pair.PostRx(512);
  pair.SendTx(Header(12), Pattern(60, 1));
  world_.RunUntilIdle();
  EXPECT_TRUE(pair.TakeRx().has_value());
  EXPECT_THAT(world_.violations(), IsEmpty());
}

TEST_F(HistoryTest, B25_ACallThatComesAfterTheKickMakesARingReady) {
  Negotiate();
  PairRig pair(client_, 0);
  const auto& layout = pair.tx.layout;
  ASSERT_EQ(AckOf({.request = 8, .payload = State(1, layout.num)}), 0u);
  ASSERT_EQ(AckOf({.request = 10, .payload = State(1, 0)}), 0u);
  const auto addr = [&](const std::byte* at) {
    return pair.AddressOf(at, 1).value;
  };
  ASSERT_EQ(AckOf({.request = 9,
                   .payload = Payload()
                                  .U32(1)
                                  .U32(0)
                                  .U64(addr(layout.desc))
                                  .U64(addr(layout.device))
                                  .U64(addr(layout.driver))
                                  .U64(0)}),
            0u);
  ASSERT_EQ(
      AckOf({.request = 12, .payload = U64(1), .fds = {pair.tx.kick.get()}}),
      0u);
  EXPECT_FALSE(Serving(1));

  EXPECT_EQ(
      AckOf({.request = 13, .payload = U64(1), .fds = {pair.tx.call.get()}}),
      0u);

  EXPECT_TRUE(Serving(1));
}

TEST(HistoryFrontEndTest, B26_ALegacyPeersRingsRunWithoutBeingEnabled) {
  SimRig rig(Personality::Legacy());
  ASSERT_TRUE(rig.Run(1));

  for (const size_t index : {0u, 1u}) {
    EXPECT_TRUE(rig.ring(index).enabled()) << index;
    EXPECT_TRUE(rig.world.model().Serving(rig.ring(index))) << index;
  }
  EXPECT_EQ(rig.Complaints(), "");
}

TEST_F(HistoryTest, B28_FeaturesDoNotChangeWhileARingRuns) {
  Negotiate();
  PairRig pair(client_, 0);
  pair.Start();

  ExpectNack({.request = 2, .payload = U64(kModern | kMrgRxbuf)},
             Rule::kFeaturesWhileRunning);

  EXPECT_EQ(world_.model().session().features, kModern);
}

TEST(HistoryFrontEndTest, B28_ADeviceThatRunsNegotiatesNothing) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(1));

  EXPECT_EQ(CodeOf(rig.device->Negotiate({Feature::kVersion1})),
            ErrorCode::kWrongState);

  ASSERT_TRUE(rig.device->Stop());
  EXPECT_TRUE(rig.device->Negotiate({Feature::kVersion1}));
  EXPECT_EQ(rig.Complaints(), "");
}

// --- Which rings are named ---------------------------------------------------

TEST(HistoryFrontEndTest, B14_RingsThatWereNeverSetUpAreNeverNamed) {
  RecordingRig rig;
  ASSERT_TRUE(
      rig.Create({.queue_pairs = 4, .queue_size = 8, .control_queue = true}));
  ASSERT_TRUE(rig.driver->SetUp(2));

  ASSERT_TRUE(rig.device->Start());
  ASSERT_TRUE(rig.device->Stop());

  EXPECT_THAT(rig.backend->sent(), Contains("GET_BASE 3"));
  EXPECT_THAT(rig.backend->sent(), Not(Contains("GET_BASE 4")));
  EXPECT_THAT(rig.backend->sent(), Not(Contains("CALL 4")));
  EXPECT_THAT(rig.backend->sent(), Not(Contains(StartsWith("ENABLE 4"))));
}

TEST(HistoryFrontEndTest, B37_128PairsAndAControlQueueHave256RingsOnTheWire) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(128));
  EXPECT_EQ(rig.device->control_queue_index(), 256);

  EXPECT_EQ(rig.driver->SetPairs(128), kCtrlAckOk);

  for (size_t index = 0; index < 256; ++index) {
    ASSERT_TRUE(rig.ring(index).enabled()) << index;
    ASSERT_TRUE(rig.ring(index).started()) << index;
  }
  EXPECT_EQ(rig.Complaints(), "");
}

// --- Where a ring and its buffers lie ----------------------------------------

TEST_F(HistoryTest, B07_ARangeLiesInOneRegionFromItsFirstByteToItsLast) {
  std::vector<std::byte> host(0x3000);
  BackendMemory memory(world_.server_fds());
  memory.AddHost(
      {.guest = 0x10000, .size = 0x1000, .user = 0x50000, .offset = 0},
      std::span(host).first(0x1000));
  memory.AddHost(
      {.guest = 0x11000, .size = 0x1000, .user = 0x61000, .offset = 0},
      std::span(host).subspan(0x2000, 0x1000));

  EXPECT_TRUE(memory.FromGuest(0x10000, 0x1000));
  EXPECT_TRUE(memory.FromGuest(0x10fff, 1));
  // What follows as a guest's address is somewhere else.
  EXPECT_FALSE(memory.FromGuest(0x10fff, 2));
  EXPECT_FALSE(memory.FromGuest(0x10000, 0x1001));
  EXPECT_FALSE(memory.FromGuest(0x10000, ~uint64_t{0}));
  EXPECT_FALSE(memory.FromUser(0x50fff, 2));
  EXPECT_FALSE(memory.FromUser(0x51000, 1));
}

TEST_F(HistoryTest, B30_TheWordsOfTheEventIndexAreAPartOfTheRing) {
  Negotiate();
  const size_t used_bytes = virtio_user::UsedRingBytes(16);
  ASSERT_EQ(AckOf({.request = 8, .payload = State(0, 16)}), 0u);
  const backend_sim::RegionDescription region =
      world_.model().memory().Descriptions().front();
  const uint64_t end = region.user + region.size;
  const auto addresses = [&](uint64_t used) {
    return Payload()
        .U32(0)
        .U32(0)
        .U64(region.user)
        .U64(used)
        .U64(region.user + 1024)
        .U64(0);
  };
  // Aligned to 4; two bytes of the last word are outside.
  const uint64_t last = (end - used_bytes) & ~uint64_t{3};
  ASSERT_GT(last + 4 + used_bytes - 2, end - 4);
  ExpectNack({.request = 9, .payload = addresses(last + 4)},
             Rule::kAddrOutside);
  EXPECT_EQ(AckOf({.request = 9, .payload = addresses(last)}), 0u);
}

TEST(HistoryPacketTest, B04_AnAddressIsLookedAtAlsoWhereTheLengthIs0) {
  for (const uint64_t format : {uint64_t{0}, kPacked}) {
    PacketRig rig(kModern | format, Personality::Conforming());
    const virtio_user::BareBuffer packet = {
        .buffer = {.addr = rig.pair.AddressOf(rig.pair.tx.buffers.data(), 72),
                   .bytes = 72}};
    const virtio_user::BareBuffer nowhere = {
        .buffer = {.addr = {0}, .bytes = 0}};
    const virtio_user::BareBuffer chain[] = {packet, nowhere};
    rig.pair.tx.driver->Offer(chain);
    (void)rig.pair.tx.kick.Signal();

    rig.Run();

    EXPECT_THAT(rig.Rules(), ElementsAre(Rule::kRingContents));
  }
}

// --- Packets -----------------------------------------------------------------

TEST(HistoryPacketTest, B11_AChainThatHasNoMoreThanAHeaderIsNoPacket) {
  for (const uint64_t format : {uint64_t{0}, kPacked}) {
    PacketRig rig(kModern | format, Personality::Conforming());
    rig.pair.PostRx(512);
    rig.Send({});
    rig.Run();
    EXPECT_THAT(rig.Rules(), ElementsAre(Rule::kRingContents));
    EXPECT_THAT(rig.Receive(), IsEmpty());
    EXPECT_EQ(rig.pair.ReapTx(), 1u);  // Given back, and the next one comes.

    const std::vector<size_t> one_by_one(12, 1);
    rig.pair.SendTx(Header(12), Pattern(1, 7), one_by_one);
    rig.Run();
    EXPECT_EQ(rig.Receive(), Pattern(1, 7));
  }
}

TEST(HistoryPacketTest, B38_AUsedChainIsNamedByItsHeadAndWhatWasWritten) {
  virtio_user::ControlRig rig;
  const virtio_user::Framing framing = {
      .readable = {1, 1, 1}, .writable = {1}, .before_table = {}};
  const Bytes request = virtio_user::FromInts({0, 0, 1});  // PROMISC: on.

  rig.OfferRequest(5, framing, request);
  ASSERT_TRUE(rig.Serve().has_value());

  EXPECT_TRUE(rig.state.promiscuous);
  EXPECT_EQ(rig.LastUsed().id, 5u);
  EXPECT_EQ(rig.LastUsed().len, 1u);
}

TEST(HistoryPacketTest, B41_TheNumberOfBuffersIsSaidAlsoInABatch) {
  PacketRig rig(kModern | kMrgRxbuf | kInOrder, "in-order-batch");
  rig.pair.PostRx(512);
  rig.Send(Pattern(60, 1));
  rig.Run();

  const std::optional<Bytes> back = rig.pair.TakeRx();

  ASSERT_TRUE(back.has_value());
  EXPECT_EQ((*back)[10], std::byte{1});
  EXPECT_EQ((*back)[11], std::byte{0});
}

TEST(HistoryFrontEndTest, B42_SegmentsOfNoBytesAreNotAskedFor) {
  const FeatureSet features = {Feature::kNetCsum, Feature::kNetHostTso4};
  virtio_user::Offload offload = {
      .checksum = virtio_user::Checksum::kPartial,
      .csum_start = 34,
      .csum_offset = 16,
      .segmentation = virtio_user::Segmentation::kTcp4,
      .segment_bytes = 1448,
      .header_bytes = 54};
  EXPECT_TRUE(virtio_user::EncodeOffload(offload, 3000, features));

  offload.segment_bytes = 0;

  EXPECT_EQ(CodeOf(virtio_user::EncodeOffload(offload, 3000, features)),
            ErrorCode::kInvalidArgument);
}

// lib/vhost has 12 bytes wherever rings are packed.
TEST_F(HistoryTest, B27_BothSidesHaveTheSameHeaderUnderAnyFeatures) {
  struct Row {
    unsigned bit;
    Feature feature;
  };
  const Row rows[] = {{15, Feature::kNetMrgRxbuf},
                      {32, Feature::kVersion1},
                      {34, Feature::kRingPacked}};
  for (unsigned mask = 0; mask < 8; ++mask) {
    SCOPED_TRACE(mask);
    FeatureSet features;
    uint64_t word = 0;
    for (unsigned i = 0; i < 3; ++i) {
      if ((mask >> i & 1) == 0) continue;
      features.Add(rows[i].feature);
      word |= Bit(rows[i].bit);
    }
    world_.model().mutable_session().features = word;
    const size_t bytes = mask == 0 ? 10u : 12u;
    EXPECT_EQ(virtio_user::NetHeaderBytes(features), bytes);
    EXPECT_EQ(world_.model().net_header_bytes(), bytes);
  }
}

}  // namespace
