// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/packet_engine.h"

#include "backend_sim/sim_world.h"
#include "backend_sim/source_frame.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/sim/pair_rig.h"
#include "tests/sim/raw_client.h"

namespace {

using ::backend_sim::HasBit;
using ::backend_sim::PairCounters;
using ::backend_sim::Personality;
using ::backend_sim::Rule;
using ::backend_sim::SimWorld;
using ::backend_sim::SimWorldOptions;
using ::backend_sim::SourceFrame;
using ::backend_sim::TrafficMode;
using ::sim_test::Bytes;
using ::sim_test::Header;
using ::sim_test::PairRig;
using ::sim_test::Pattern;
using ::sim_test::RawClient;
using ::sim_test::State;
using ::testing::Each;
using ::testing::IsEmpty;
using ::testing::SizeIs;

inline constexpr uint64_t kModern = 1ull << 32 | 1ull << 30;
inline constexpr uint64_t kMergeable = kModern | 1ull << 15;
inline constexpr uint64_t kMultiqueue = kModern | 1ull << 22;

Bytes Cut(const Bytes& bytes, size_t from) {
  return Bytes(bytes.begin() + static_cast<std::ptrdiff_t>(from), bytes.end());
}

// A world, a negotiated client and its memory table; no rings yet.
struct Rig {
  explicit Rig(uint64_t features, SimWorldOptions options = {})
      : world(std::move(options)), client(world) {
    const uint64_t protocol = HasBit(features, 30) ? 0x1 : 0;
    client.Negotiate(features, protocol);
    client.Send(client.MemTable());
  }

  SimWorld world;
  RawClient client;
};

SimWorldOptions With(TrafficMode traffic) {
  SimWorldOptions options;
  options.personality.traffic = traffic;
  return options;
}

TEST(PacketEngineTest, EchoesAPacketByteForByteBehindAHeaderOf12Bytes) {
  Rig rig(kModern);
  PairRig pair(rig.client, 0);
  pair.Start();
  const Bytes packet = Pattern(100, 7);

  pair.PostRx(2048);
  pair.SendTx(Header(12), packet);
  rig.world.RunUntilIdle();

  const std::optional<Bytes> back = pair.TakeRx();
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(Cut(*back, 12), packet);
  EXPECT_EQ((*back)[10], std::byte{1});  // num_buffers
  EXPECT_EQ(pair.ReapTx(), 1u);
  EXPECT_THAT(rig.world.violations(), IsEmpty());
}

TEST(PacketEngineTest, EchoesToALegacyDriverBehindAHeaderOf10Bytes) {
  SimWorldOptions options;
  options.personality = Personality::Legacy();
  Rig rig(0, std::move(options));
  PairRig pair(rig.client, 0);
  pair.Start(/*enable=*/false);  // Without bit 30 rings are enabled anyhow.
  const Bytes packet = Pattern(60, 1);

  pair.PostRx(2048);
  pair.SendTx(Header(10), packet);
  rig.world.RunUntilIdle();

  const std::optional<Bytes> back = pair.TakeRx();
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(Cut(*back, 10), packet);
  EXPECT_THAT(rig.world.violations(), IsEmpty());
}

TEST(PacketEngineTest, SpreadsAPacketOverMergeableBuffersAndCountsThem) {
  Rig rig(kMergeable);
  PairRig pair(rig.client, 0);
  pair.Start();
  const Bytes packet = Pattern(250, 3);

  for (int i = 0; i < 4; ++i) pair.PostRx(100);
  pair.SendTx(Header(12), packet);
  rig.world.RunUntilIdle();

  Bytes all;
  for (const size_t expected : {100u, 100u, 62u}) {
    const std::optional<Bytes> part = pair.TakeRx();
    ASSERT_TRUE(part.has_value());
    EXPECT_THAT(*part, SizeIs(expected));
    all.insert(all.end(), part->begin(), part->end());
  }
  EXPECT_EQ(all[10], std::byte{3});
  EXPECT_EQ(Cut(all, 12), packet);
  EXPECT_FALSE(pair.TakeRx().has_value());
}

TEST(PacketEngineTest, DropsWhatFitsIntoNoBufferAndGoesOn) {
  Rig rig(kModern);
  PairRig pair(rig.client, 0);
  pair.Start();

  pair.PostRx(100);
  pair.SendTx(Header(12), Pattern(89, 0));  // One byte too long.
  pair.SendTx(Header(12), Pattern(88, 9));
  rig.world.RunUntilIdle();

  const std::optional<Bytes> back = pair.TakeRx();
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(Cut(*back, 12), Pattern(88, 9));
  EXPECT_EQ(rig.world.server().packets().counters(0).dropped, 1u);
}

TEST(PacketEngineTest, TakesAHeaderThatIsSpreadOverManyBuffers) {
  Rig rig(kModern);
  PairRig pair(rig.client, 0);
  pair.Start();
  const Bytes packet = Pattern(40, 5);

  pair.PostRx(2048);
  pair.SendTx(Header(12), packet, {1, 1, 9, 2, 0});
  rig.world.RunUntilIdle();

  const std::optional<Bytes> back = pair.TakeRx();
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(Cut(*back, 12), packet);
}

TEST(PacketEngineTest, HoldsTheFrameAndTheRingUntilThereIsABuffer) {
  Rig rig(kModern);
  PairRig pair(rig.client, 0);
  pair.Start();

  pair.SendTx(Header(12), Pattern(50, 1));
  pair.SendTx(Header(12), Pattern(50, 2));
  rig.world.RunUntilIdle();
  EXPECT_EQ(pair.ReapTx(), 1u);  // The second waits in the ring.
  EXPECT_EQ(rig.world.server().packets().waiting_count(), 1u);

  pair.PostRx(2048);
  pair.PostRx(2048);
  rig.world.RunUntilIdle();
  EXPECT_EQ(Cut(*pair.TakeRx(), 12), Pattern(50, 1));
  EXPECT_EQ(Cut(*pair.TakeRx(), 12), Pattern(50, 2));
}

TEST(PacketEngineTest, KeepsThePairsApart) {
  Rig rig(kMultiqueue);
  PairRig first(rig.client, 0);
  PairRig third(rig.client, 2);
  first.Start();
  third.Start();

  first.PostRx(2048);
  third.PostRx(2048);
  third.SendTx(Header(12), Pattern(64, 33));
  rig.world.RunUntilIdle();

  EXPECT_FALSE(first.TakeRx().has_value());
  EXPECT_EQ(Cut(*third.TakeRx(), 12), Pattern(64, 33));
  EXPECT_EQ(rig.world.server().packets().counters(2).delivered, 1u);
}

TEST(PacketEngineTest, ADisabledRingIsServedWithoutEffect) {
  Rig rig(kModern);
  PairRig pair(rig.client, 0);
  pair.Start(/*enable=*/false);

  pair.PostRx(2048);
  pair.SendTx(Header(12), Pattern(64, 1));
  rig.world.RunUntilIdle();

  EXPECT_EQ(pair.ReapTx(), 1u);
  EXPECT_FALSE(pair.TakeRx().has_value());
  EXPECT_EQ(rig.world.server().packets().counters(0).discarded, 1u);
}

TEST(PacketEngineTest, AStoppedRingIsNotTouchedAndGoesOnWhereItStood) {
  Rig rig(kModern);
  PairRig pair(rig.client, 0);
  pair.Start();
  pair.PostRx(2048);
  pair.SendTx(Header(12), Pattern(64, 1));
  rig.world.RunUntilIdle();
  EXPECT_TRUE(pair.TakeRx().has_value());
  pair.ReapTx();

  const auto rx_base = rig.client.Ask({.request = 11, .payload = State(0, 0)});
  const auto tx_base = rig.client.Ask({.request = 11, .payload = State(1, 0)});
  ASSERT_TRUE(rx_base && tx_base);
  EXPECT_EQ(rx_base->value() >> 32, 1u);
  EXPECT_EQ(tx_base->value() >> 32, 1u);
  pair.SendTx(Header(12), Pattern(64, 2));
  pair.PostRx(2048);
  rig.world.RunUntilIdle();
  EXPECT_EQ(pair.ReapTx(), 0u);

  pair.Configure(pair.rx, 1);
  pair.Configure(pair.tx, 1);
  rig.world.RunUntilIdle();
  EXPECT_EQ(Cut(*pair.TakeRx(), 12), Pattern(64, 2));
  EXPECT_THAT(rig.world.violations(), IsEmpty());
}

TEST(PacketEngineTest, BuffersThatWereHeldWhenTheRingStoppedAreSeenAgain) {
  Rig rig(kMergeable);
  PairRig pair(rig.client, 0);
  pair.Start();
  pair.PostRx(100);
  pair.SendTx(Header(12), Pattern(150, 1));  // Needs a second buffer.
  rig.world.RunUntilIdle();

  const auto base = rig.client.Ask({.request = 11, .payload = State(0, 0)});
  ASSERT_TRUE(base.has_value());
  EXPECT_EQ(base->value() >> 32, 0u);
  pair.Configure(pair.rx, 0);
  pair.SendTx(Header(12), Pattern(60, 8));
  rig.world.RunUntilIdle();

  EXPECT_EQ(Cut(*pair.TakeRx(), 12), Pattern(60, 8));
}

TEST(PacketEngineTest, SinkTakesAndCounts) {
  Rig rig(kModern, With(TrafficMode::kSink));
  PairRig pair(rig.client, 0);
  pair.Start();

  pair.PostRx(2048);
  pair.SendTx(Header(12), Pattern(64, 1));
  pair.SendTx(Header(12), Pattern(100, 1));
  rig.world.RunUntilIdle();

  EXPECT_FALSE(pair.TakeRx().has_value());
  const PairCounters counters = rig.world.server().packets().counters(0);
  EXPECT_EQ(counters.received, 2u);
  EXPECT_EQ(counters.received_bytes, 164u);
  EXPECT_EQ(counters.delivered, 0u);
}

TEST(PacketEngineTest, SourceGivesItsFramesInOrder) {
  SimWorldOptions options = With(TrafficMode::kSource);
  options.packets.source_frames = 2;
  Rig rig(kModern, std::move(options));
  PairRig pair(rig.client, 0);
  pair.Start();

  for (int i = 0; i < 3; ++i) pair.PostRx(2048);
  rig.world.RunUntilIdle();

  EXPECT_EQ(Cut(*pair.TakeRx(), 12), SourceFrame(0, 0));
  EXPECT_EQ(Cut(*pair.TakeRx(), 12), SourceFrame(0, 1));
  EXPECT_FALSE(pair.TakeRx().has_value());
}

TEST(PacketEngineTest, NoneLeavesTheRingsAlone) {
  Rig rig(kModern, With(TrafficMode::kNone));
  PairRig pair(rig.client, 0);
  pair.Start();

  pair.SendTx(Header(12), Pattern(64, 1));
  rig.world.RunUntilIdle();

  EXPECT_EQ(pair.ReapTx(), 0u);
}

TEST(PacketEngineTest, InterruptsADriverThatAskedForItAndNoOther) {
  Rig rig(kModern);
  PairRig pair(rig.client, 0);
  pair.Start();

  pair.PostRx(2048);
  pair.SendTx(Header(12), Pattern(64, 1));
  rig.world.RunUntilIdle();
  EXPECT_EQ(*pair.rx.call.Drain(), 0u);

  pair.rx.driver->SuppressInterrupts(false);
  pair.PostRx(2048);
  pair.SendTx(Header(12), Pattern(64, 1));
  rig.world.RunUntilIdle();
  EXPECT_EQ(*pair.rx.call.Drain(), 1u);
  EXPECT_EQ(*pair.tx.call.Drain(), 0u);
}

TEST(PacketEngineTest, WaitsForTheFirstKickWhereThePersonalitySaysSo) {
  SimWorldOptions options;
  options.personality.starts_at_first_kick = true;
  Rig rig(kModern, std::move(options));
  PairRig pair(rig.client, 0);
  pair.Start();
  pair.SendTx(Header(12), Pattern(64, 1));
  (void)pair.tx.kick.Drain();  // Nobody hears this one.
  rig.world.RunUntilIdle();
  EXPECT_EQ(pair.ReapTx(), 0u);

  (void)pair.tx.kick.Signal();
  rig.world.RunUntilIdle();
  EXPECT_EQ(pair.ReapTx(), 1u);
}

TEST(PacketEngineTest, DoesNothingBeforeDriverOkWhereThereIsAStatus) {
  SimWorld world;
  RawClient client(world);
  client.Negotiate(kModern, 0x10001);
  client.Send(client.MemTable());
  PairRig pair(client, 0);
  pair.Start();
  pair.SendTx(Header(12), Pattern(64, 1));
  world.RunUntilIdle();
  EXPECT_EQ(pair.ReapTx(), 0u);

  client.Send({.request = 39, .payload = sim_test::U64(0xb)});
  client.Send({.request = 39, .payload = sim_test::U64(0xf)});
  world.RunUntilIdle();
  EXPECT_EQ(pair.ReapTx(), 1u);
}

TEST(PacketEngineTest, ABufferOutsideOfMemoryBreaksItsRingAndIsReported) {
  Rig rig(kModern);
  PairRig pair(rig.client, 0);
  pair.Start();
  const virtio_user::DeviceBuffer nowhere{.addr = {0x1234}, .bytes = 64};

  pair.tx.driver->Offer({.buffer = nowhere});
  rig.world.RunUntilIdle();

  ASSERT_THAT(rig.world.violations(), SizeIs(1));
  EXPECT_EQ(rig.world.violations()[0].rule, Rule::kRingContents);
  EXPECT_EQ(pair.ReapTx(), 0u);
}

TEST(PacketEngineTest, ABufferOfTheWrongDirectionBreaksItsRing) {
  Rig rig(kModern);
  PairRig pair(rig.client, 0);
  pair.Start();
  const virtio_user::DeviceBuffer buffer{
      .addr = pair.AddressOf(pair.tx.buffers.data(), 64), .bytes = 64};

  pair.tx.driver->Offer({.buffer = buffer, .writable = true});
  rig.world.RunUntilIdle();

  ASSERT_THAT(rig.world.violations(), SizeIs(1));
  EXPECT_EQ(rig.world.violations()[0].rule, Rule::kRingContents);
}

TEST(PacketEngineTest, APacketThatIsNoLongerThanItsHeaderIsReported) {
  Rig rig(kModern);
  PairRig pair(rig.client, 0);
  pair.Start();

  pair.SendTx(Header(12), {});
  rig.world.RunUntilIdle();

  ASSERT_THAT(rig.world.violations(), SizeIs(1));
  EXPECT_EQ(rig.world.violations()[0].rule, Rule::kRingContents);
  EXPECT_EQ(pair.ReapTx(), 1u);
}

TEST(SourceFrameTest, AFrameIsWhatItsHeaderSays) {
  const Bytes frame = SourceFrame(0x0102, 0x0304, 24);
  const std::vector<int> expected = {
      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0,    1,    2,
      0x88, 0xb5, 0,    0,    0,    0,    0, 0, 3, 0x04, 0x05, 0x06};
  Bytes bytes;
  for (const int value : expected) {
    bytes.push_back(static_cast<std::byte>(value));
  }
  EXPECT_EQ(frame, bytes);
}

TEST(SourceFrameTest, MixedSizesCoverTheWholeRange) {
  std::vector<bool> seen(1515);
  for (uint64_t i = 0; i < 1455; ++i) seen[SourceFrame(0, i).size()] = true;
  EXPECT_THAT(std::vector<bool>(seen.begin() + 60, seen.end()), Each(true));
}

}  // namespace
