// SPDX-License-Identifier: BSD-3-Clause
//
// Mistakes that back-ends have made with messages, made by the simulated one,
// and what a front-end must not count on. docs/history.md tells each.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "backend_sim/sim_file.h"
#include "backend_sim/sim_world.h"
#include "tests/sim/model_session.h"
#include "tests/sim/pair_rig.h"
#include "tests/sim/raw_client.h"

namespace {

using ::backend_sim::Rule;
using ::sim_test::kAllProtocol;
using ::sim_test::kModern;
using ::sim_test::kMultiqueue;
using ::sim_test::kReplyAck;
using ::sim_test::PairRig;
using ::sim_test::Payload;
using ::sim_test::RawAnswer;
using ::sim_test::RawMessage;
using ::sim_test::State;
using ::sim_test::U64;
using ::testing::IsEmpty;

constexpr uint64_t kInflight = 1 << 12;

// With all that the model has, notes of what is in flight among it.
class HistoryTest : public ::sim_test::ModelSession {
 protected:
  HistoryTest() : ModelSession(Options()) {}

  static backend_sim::SimWorldOptions Options() {
    backend_sim::SimWorldOptions options;
    options.personality = *backend_sim::FindPersonality("inflight");
    return options;
  }
  // A descriptor of so much memory, which is the front-end's.
  int NewFile(size_t bytes) {
    const auto fd =
        world_.fds().Install(backend_sim::SimFile::Memory(bytes), "a test",
                             backend_sim::FdKeeper::kWorld);
    EXPECT_TRUE(fd.has_value());
    return fd.value_or(-1);
  }
  // GET_INFLIGHT_FD, or SET_INFLIGHT_FD, of two queues of 16.
  static Payload Notes(uint64_t bytes) {
    return Payload().U64(bytes).U64(0).U32(2 | 16 << 16).U32(0);
  }
  size_t server_fds() { return world_.server_fds().open_count(); }
};

// --- What a message names ----------------------------------------------------

TEST_F(HistoryTest, B01_ARingsIndexIsLookedAtInAllItsBits) {
  Negotiate(kMultiqueue);
  for (const uint32_t index : {0x10000u, 0x10001u, 256u, 257u, 0xffffffffu}) {
    SCOPED_TRACE(index);
    for (const uint32_t request : {8u, 10u, 18u}) {
      ExpectNack({.request = request, .payload = State(index, 1)},
                 Rule::kRingIndex);
    }
    ExpectNack({.request = 9, .payload = Payload().U32(index).U32(0).Zeros(32)},
               Rule::kRingIndex);
  }
  EXPECT_EQ(world_.model().rings()[0].num(), 0u);
}

TEST_F(HistoryTest, B32_ARingsSizeIsLookedAtInAllItsBits) {
  Negotiate();
  for (const uint32_t num :
       {0u, 3u, 32769u, 65535u, 65536u, 65544u, 0x80000008u, 0xffffffffu}) {
    SCOPED_TRACE(num);
    ExpectNack({.request = 8, .payload = State(0, num)}, Rule::kRingSize);
  }
  for (const uint32_t num : {1u, 32768u}) {
    EXPECT_EQ(AckOf({.request = 8, .payload = State(0, num)}), 0u) << num;
  }
}

TEST_F(HistoryTest, B35_ARequestThatNobodyKnowsIsRefusedAndNothingMore) {
  Negotiate();
  for (const uint32_t request :
       {0u, 45u, 255u, 0x10000u + 8, 0x80000000u, 0xffffffffu}) {
    SCOPED_TRACE(request);
    ExpectNack({.request = request, .payload = U64(0)}, Rule::kUnknownRequest);
  }
  EXPECT_EQ(AckOf({.request = 8, .payload = State(0, 16)}), 0u);
  ExpectClose({.request = 255, .payload = U64(0)}, Rule::kUnknownRequest);
}

TEST_F(HistoryTest, B15_ARingThatIsNamedFirstIsTheOneOfItsNumber) {
  client_.Negotiate(kMultiqueue, kReplyAck | 1);
  const virtio_user::FileDescriptor call =
      *virtio_user::FileDescriptor::CreateEvent(world_.fds());
  EXPECT_EQ(AckOf({.request = 13, .payload = U64(5), .fds = {call.get()}}), 0u);

  for (const uint32_t index : {5u, 0u, 7u}) {
    const auto answer =
        client_.Ask({.request = 11, .payload = State(index, 0)});
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->value(), index);  // And in the upper half a base of 0.
  }
  EXPECT_THAT(world_.violations(), IsEmpty());
}

// --- Descriptors -------------------------------------------------------------

TEST_F(HistoryTest, B06_EachMessageBringsExactlyTheDescriptorsThatItNames) {
  Negotiate();
  const int fd = NewFile(4096);
  const size_t before = server_fds();
  const std::vector<RawMessage> messages = {
      {.request = 8, .payload = State(0, 16)},  // None.
      {.request = 1},                           // None.
      {.request = 12, .payload = U64(0x100)},   // NOFD: none.
      {.request = 13, .payload = U64(0x101)}};  // Likewise.
  for (RawMessage message : messages) {
    for (const size_t count : {1u, 2u, 8u}) {
      SCOPED_TRACE(testing::Message() << message.request << ", " << count);
      message.fds.assign(count, fd);
      ExpectNack(message, Rule::kFdCount);
    }
  }
  for (const size_t count : {0u, 2u, 8u}) {
    ExpectNack(
        {.request = 13, .payload = U64(0), .fds = std::vector<int>(count, fd)},
        Rule::kFdCount);
  }
  EXPECT_EQ(AckOf({.request = 13, .payload = U64(0x100)}), 0u);
  EXPECT_EQ(server_fds(), before);
}

TEST_F(HistoryTest, B09_NotesAreForNoMoreQueuesThanThereAre) {
  Negotiate(kModern, kReplyAck | kInflight);
  const auto notes = [](uint32_t queues, uint64_t bytes) {
    return Payload().U64(bytes).U64(0).U32(queues | 16 << 16).U32(0);
  };
  const int fd = NewFile(1 << 16);
  for (const uint32_t queues : {0u, 257u, 258u, 65535u}) {
    SCOPED_TRACE(queues);
    ExpectNack({.request = 31, .payload = notes(queues, 0)},
               Rule::kInflightShape);
    ExpectNack({.request = 32, .payload = notes(queues, 1 << 16), .fds = {fd}},
               Rule::kInflightOther);
  }
  EXPECT_TRUE(client_.Ask({.request = 31, .payload = notes(256, 0)}));
}

TEST_F(HistoryTest, B10_TheMessagesAboutNotesBringNoneAndOne) {
  Negotiate(kModern, kReplyAck | kInflight);
  const int fd = NewFile(4096);
  const size_t before = server_fds();
  for (const size_t count : {1u, 2u, 8u}) {
    ExpectNack({.request = 31,
                .payload = Notes(0),
                .fds = std::vector<int>(count, fd)},
               Rule::kFdCount);
  }
  for (const size_t count : {0u, 2u, 8u}) {
    ExpectNack({.request = 32,
                .payload = Notes(4096),
                .fds = std::vector<int>(count, fd)},
               Rule::kFdCount);
  }
  EXPECT_EQ(server_fds(), before);
}

TEST_F(HistoryTest, B05_NotesThatAreAskedForAgainAndAgainReplaceTheOld) {
  Negotiate(kModern, kReplyAck | kInflight);
  std::optional<size_t> fds;
  std::optional<size_t> mapped;
  for (int i = 0; i < 300; ++i) {
    const std::optional<RawAnswer> got =
        client_.Ask({.request = 31, .payload = Notes(0)});
    ASSERT_TRUE(got.has_value() && got->fd.valid());
    ASSERT_EQ(AckOf({.request = 32,
                     .payload = Notes(got->value()),
                     .fds = {got->fd.get()}}),
              0u);
    if (i == 0) {
      fds = server_fds();
      mapped = world_.server_fds().mapped_count();
    }
  }
  EXPECT_EQ(server_fds(), fds);
  EXPECT_EQ(world_.server_fds().mapped_count(), mapped);
}

TEST_F(HistoryTest, B34_ASecondRequestChannelReplacesTheFirst) {
  Negotiate(kModern, kAllProtocol);
  std::optional<size_t> fds;
  for (int i = 0; i < 10; ++i) {
    const auto fd =
        world_.fds().Install(backend_sim::SimFile::Socket(), "a channel");
    ASSERT_TRUE(fd.has_value());
    EXPECT_EQ(AckOf({.request = 21, .fds = {*fd}}), 0u);
    world_.fds().Close(*fd);
    if (i == 0) fds = server_fds();
  }
  EXPECT_EQ(server_fds(), fds);
}

TEST_F(HistoryTest, B21_AMessageThatEndsEarlyTakesItsDescriptorsWithIt) {
  Negotiate();
  const int fd = NewFile(4096);
  const sim_test::Bytes whole =
      sim_test::Encode({.request = 13, .payload = U64(0), .fds = {fd}});
  for (const size_t bytes : {size_t{1}, size_t{12}, whole.size() - 1}) {
    const size_t before = server_fds();
    const virtio_user::SendChunk part = {.bytes = std::span(whole).first(bytes),
                                         .fds = {&fd, 1}};
    ASSERT_EQ(world_.channel().Send({&part, 1}, 0), bytes);
    world_.channel().Pump();
    ASSERT_EQ(server_fds(), before + 1);
    world_.channel().Detach();
    EXPECT_EQ(world_.server_fds().Balance(), "");
    ASSERT_TRUE(world_.channel().Attach());
  }
}

// --- Memory ------------------------------------------------------------------

TEST_F(HistoryTest, B33_ARegionThatEndsBehindItsLastAddressIsNone) {
  client_.Negotiate(kModern, kReplyAck | 1);
  const int fd = NewFile(8192);
  constexpr uint64_t kTop = ~uint64_t{4095};  // The last page.
  // Guest address, size, user address, offset.
  const uint64_t tables[][4] = {{kTop, 8192, 0x10000, 0},
                                {0x10000, 8192, kTop, 0},
                                {0x10000, 8192, 0x20000, kTop},
                                {0x10000, 0, 0x20000, 0}};
  for (const auto& [guest, size, user, offset] : tables) {
    ExpectNack(
        {.request = 5,
         .payload =
             Payload().U32(1).U32(0).U64(guest).U64(size).U64(user).U64(offset),
         .fds = {fd}},
        Rule::kTableRegion);
  }
  EXPECT_EQ(world_.server_fds().mapped_count(), 0u);
}

TEST_F(HistoryTest, B23_ATableThatCannotBeMappedLeavesTheOldOne) {
  Negotiate();
  PairRig pair(client_, 0);
  pair.Start();
  const size_t regions = world_.model().memory().Descriptions().size();
  RawMessage table = client_.MemTable();
  table.fds.back() = NewFile(4096);  // Shorter than it is said to be.

  ExpectNack(table, Rule::kTableNotBacked);

  EXPECT_EQ(world_.model().memory().Descriptions().size(), regions);
  EXPECT_EQ(world_.server_fds().mapped_count(), regions);
  pair.PostRx(512);
  pair.SendTx(sim_test::Header(12), sim_test::Pattern(60, 1));
  world_.RunUntilIdle();
  EXPECT_TRUE(pair.TakeRx().has_value());
}

TEST_F(HistoryTest, B22_TheSameTableAgainChangesNothing) {
  Negotiate();
  PairRig pair(client_, 0);
  pair.Start();
  for (uint8_t i = 0; i < 3; ++i) {
    EXPECT_EQ(AckOf(client_.MemTable()), 0u);
    EXPECT_TRUE(world_.model().rings()[0].started());
    pair.PostRx(512);
    pair.SendTx(sim_test::Header(12), sim_test::Pattern(60, i));
    world_.RunUntilIdle();
    EXPECT_TRUE(pair.TakeRx().has_value());
  }
  EXPECT_THAT(world_.violations(), IsEmpty());
}

}  // namespace
