// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/sim_world.h"

#include <set>
#include <string>

#include "backend_sim/script_entropy.h"
#include "backend_sim/seeded_entropy.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/sim/pair_rig.h"
#include "tests/sim/raw_client.h"

namespace {

using ::backend_sim::EntropyScript;
using ::backend_sim::FaultKind;
using ::backend_sim::RecordingEntropy;
using ::backend_sim::ScriptEntropy;
using ::backend_sim::SeededEntropy;
using ::backend_sim::ServerPace;
using ::backend_sim::SimWorld;
using ::backend_sim::SimWorldOptions;
using ::sim_test::Bytes;
using ::sim_test::Header;
using ::sim_test::PairRig;
using ::sim_test::Pattern;
using ::sim_test::RawClient;
using ::sim_test::State;
using ::sim_test::U64;
using ::testing::HasSubstr;
using ::testing::SizeIs;

inline constexpr uint64_t kModern = 1ull << 32 | 1ull << 30;

struct Session {
  uint64_t mtu = 1500;     // Of NET_SET_MTU: changes one message.
  uint8_t first_byte = 7;  // Of the packets: changes no message.
  int packets = 3;
};

// A session with packets through a world; the world is left attached.
void Play(SimWorld& world, RawClient& client, const Session& session) {
  client.Negotiate(kModern, 0x1a239);
  client.Send({.request = 20, .payload = U64(session.mtu)});
  client.Send(client.MemTable());
  PairRig pair(client, 0);
  pair.Start();
  client.Send({.request = 39, .payload = U64(0x0b)});
  client.Send({.request = 39, .payload = U64(0x0f)});
  for (int i = 0; i < session.packets; ++i) {
    pair.PostRx(2048);
    pair.SendTx(Header(12), Pattern(64, session.first_byte));
    world.RunUntilIdle();
    EXPECT_TRUE(pair.TakeRx().has_value());
    pair.ReapTx();
  }
  client.Ask({.request = 11, .payload = State(0, 0)});
  client.Ask({.request = 11, .payload = State(1, 0)});
}

std::string HashOf(SimWorldOptions options, const Session& session = {}) {
  SimWorld world(std::move(options));
  {
    RawClient client(world);
    Play(world, client, session);
  }
  EXPECT_THAT(world.violations(), SizeIs(0));
  return world.hash();
}

TEST(SimWorldTest, TheGoldenHashStaysWhatItIs) {
  EXPECT_EQ(HashOf({.seed = 1}), "283c9cceb9cfdf6922e105e69f791c52");
}

TEST(SimWorldTest, TheSameInputsGiveTheSameHash) {
  EXPECT_EQ(HashOf({.seed = 7}), HashOf({.seed = 7}));
}

TEST(SimWorldTest, AnotherSeedMessageOrPacketGivesAnother) {
  const std::set<std::string> hashes = {
      HashOf({.seed = 7}),
      HashOf({.seed = 8}),
      HashOf({.seed = 7}, {.mtu = 1501}),
      HashOf({.seed = 7}, {.first_byte = 8}),
      HashOf({.seed = 7}, {.packets = 4}),
  };
  EXPECT_THAT(hashes, SizeIs(5));
}

TEST(SimWorldTest, HowMuchOfTheTraceIsKeptDoesNotMatter) {
  EXPECT_EQ(HashOf({.seed = 7, .trace = {.keep_last = 1}}),
            HashOf({.seed = 7, .trace = {.keep_all = true}}));
}

TEST(SimWorldTest, ARecordedRunCanBeReplayedFromItsScript) {
  SimWorldOptions options;
  options.channel.short_send_percent = 40;
  options.channel.short_receive_percent = 40;
  options.channel.pace = ServerPace::kRandom;
  EntropyScript script;
  SimWorld recorded(options,
                    std::make_unique<RecordingEntropy>(
                        std::make_unique<SeededEntropy>(options.seed), script));
  {
    RawClient client(recorded);
    Play(recorded, client, {});
  }
  SimWorld again(options, std::make_unique<ScriptEntropy>(script));
  {
    RawClient client(again);
    Play(again, client, {});
  }
  EXPECT_EQ(recorded.hash(), again.hash());
  EXPECT_EQ(recorded.channel().stats().sends, again.channel().stats().sends);
  EXPECT_THAT(script, SizeIs(1));
}

TEST(SimWorldTest, TheTranscriptTellsTheWholeStory) {
  SimWorld world({.faults = {{FaultKind::kRefuse, 4}}});
  {
    RawClient client(world);
    client.Negotiate(kModern, 0x9);
    client.Send({.request = 8, .payload = State(0, 3), .flags = 9});
  }
  EXPECT_EQ(
      world.transcript(),
      "   region added: 0x5000000000000000, 4194304 bytes\n"
      "   region added: 0x5000010000000000, 4194304 bytes\n"
      "   note 0x1\n"
      "   connected\n"
      "-> GET_FEATURES\n"
      "<- GET_FEATURES features=0xd784799ab (CSUM GUEST_CSUM MTU MAC "
      "GUEST_TSO4 GUEST_TSO6 HOST_TSO4 HOST_TSO6 MRG_RXBUF STATUS "
      "CTRL_VQ CTRL_RX MQ ANY_LAYOUT INDIRECT_DESC EVENT_IDX "
      "PROTOCOL_FEATURES VERSION_1 RING_PACKED IN_ORDER)\n"
      "-> GET_PROTOCOL_FEATURES\n"
      "<- GET_PROTOCOL_FEATURES features=0x1a23d (MQ RARP REPLY_ACK NET_MTU "
      "BACKEND_REQ CONFIG RESET_DEVICE CONFIGURE_MEM_SLOTS STATUS)\n"
      "-> SET_PROTOCOL_FEATURES features=0x9 (MQ REPLY_ACK)\n"
      "-> SET_OWNER\n"
      "-> SET_FEATURES features=0x140000000 (PROTOCOL_FEATURES "
      "VERSION_1)\n"
      "   fault: refuse 0\n"
      "   closed by the back-end\n");
}

TEST(SimWorldTest, AViolationIsInTheTranscript) {
  SimWorld world;
  RawClient client(world);
  client.Send({.request = 8, .payload = State(0, 3)});
  EXPECT_THAT(world.transcript(),
              HasSubstr("   violation: virtio, Split Virtqueues: a size is a "
                        "power of 2"));
}

TEST(SimWorldTest, AnOwnedChannelDetachesTheWorldsAtItsEnd) {
  SimWorld world;
  {
    const auto channel = world.MakeChannel();
    ASSERT_TRUE(channel->Attach().has_value());
    EXPECT_EQ(channel->fd(), world.channel().fd());
    EXPECT_EQ(channel->Poll(), virtio_user::LinkState::kUp);
  }
  EXPECT_FALSE(world.channel().attached());
  EXPECT_EQ(world.fds().Balance(), "");
}

}  // namespace
