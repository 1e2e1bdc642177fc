// SPDX-License-Identifier: BSD-3-Clause
//
// Every single answer of a complete session replaced by a wrong one, a slow
// one, one in pieces, or none.

#include <cctype>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/vhost_user_rig.h"
#include "virtio_user/vhost_user/vhost_user_backend.h"

namespace virtio_user {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr Duration kBudget = std::chrono::seconds(2);

void Overwrite(WireAnswer& answer, size_t at, uint32_t value) {
  for (size_t i = 0; i < 4; ++i) {
    answer.bytes[at + i] = static_cast<std::byte>(value >> (8 * i));
  }
}

void Resize(WireAnswer& answer, size_t payload_bytes) {
  answer.bytes.resize(12 + payload_bytes, std::byte{0});
  Overwrite(answer, 8, static_cast<uint32_t>(payload_bytes));
}

size_t PayloadBytes(const WireAnswer& answer) {
  return answer.bytes.size() - 12;
}

struct Spoiling {
  const char* name;
  // Nothing: the session goes on as if all were well.
  std::optional<ErrorCode> expected;
  std::function<void(WireAnswer&)> spoil;
};

std::vector<Spoiling> SizeSpoilings() {
  using enum ErrorCode;
  return {
      {"one byte more", kProtocol,
       [](WireAnswer& a) { Resize(a, PayloadBytes(a) + 1); }},
      {"one byte less", kProtocol,
       [](WireAnswer& a) { Resize(a, PayloadBytes(a) - 1); }},
      {"a page more", kProtocol,
       [](WireAnswer& a) { Resize(a, PayloadBytes(a) + 4096); }},
      {"a size of 4 GiB, F11", kProtocol,
       [](WireAnswer& a) { Overwrite(a, 8, 0xffffffff); }},
      {"a smaller size than its bytes", kProtocol,
       [](WireAnswer& a) { Overwrite(a, 8, 4); }},
      {"a byte behind its end", kProtocol,
       [](WireAnswer& a) { a.bytes.push_back(std::byte{0}); }},
      {"a whole answer behind its end", kProtocol,
       [](WireAnswer& a) {
         const Bytes twice = a.bytes;
         a.bytes.insert(a.bytes.end(), twice.begin(), twice.end());
       }},
  };
}

std::vector<Spoiling> HeaderSpoilings() {
  using enum ErrorCode;
  std::vector<Spoiling> spoilings;
  for (const uint32_t request : {0u, 4u, 41u, 0x80000001u}) {
    spoilings.push_back({"another request", kProtocol,
                         [=](WireAnswer& a) { Overwrite(a, 0, request); }});
  }
  for (uint32_t flags = 0; flags < 16; ++flags) {
    const bool legal = flags == 5 || flags == 13;
    spoilings.push_back({legal ? "flags, legal" : "flags",
                         legal ? std::optional<ErrorCode>() : kProtocol,
                         [=](WireAnswer& a) { Overwrite(a, 4, flags); }});
  }
  spoilings.push_back({"a reserved flag", kProtocol,
                       [](WireAnswer& a) { Overwrite(a, 4, 0x15); }});
  for (const size_t count : {1, 8}) {
    spoilings.push_back(
        {"descriptors", kProtocol, [=](WireAnswer& a) { a.fd_count = count; }});
  }
  return spoilings;
}

std::vector<Spoiling> TimeSpoilings() {
  using enum ErrorCode;
  return {
      {"pieces of one byte", {}, [](WireAnswer& a) { a.piece_bytes = 1; }},
      {"pieces of 13 bytes", {}, [](WireAnswer& a) { a.piece_bytes = 13; }},
      {"late, in time",
       {},
       [](WireAnswer& a) { a.delay = kBudget - std::chrono::milliseconds(1); }},
      {"too late", kDeadline,
       [](WireAnswer& a) { a.delay = kBudget + std::chrono::nanoseconds(1); }},
      {"begun in time, ended too late", kDeadline,
       [](WireAnswer& a) {
         a.delay = kBudget - std::chrono::milliseconds(5);
         a.piece_bytes = 1;
       }},
  };
}

enum class Waits { kWhole, kShort };

// A session whose answer `number` is spoiled; checks what holds for every end.
Result<void> Spoiled(size_t number,
                     const std::function<void(WireAnswer&)>& spoil,
                     uint64_t protocol, Waits waits) {
  VhostUserRig rig;
  rig.peer.protocol = protocol;
  rig.channel.short_waits = waits == Waits::kShort;
  rig.peer.spoil = [&](size_t index, const WireRequest&, WireAnswer& answer) {
    if (index == number) spoil(answer);
  };
  const Result<void> ended = rig.RunSession();
  EXPECT_EQ(rig.channel.attached(), ended.has_value());
  EXPECT_EQ(rig.channel.misplaced_fds(), 0u);
  EXPECT_THAT(rig.peer.violations, IsEmpty());
  EXPECT_LE(rig.channel.now(), kBudget);
  if (ended) return ended;
  EXPECT_EQ(rig.channel.open_copies(), 0u);
  // Nothing of the broken exchange is left: the next session is complete.
  rig.peer.spoil = nullptr;
  rig.peer.log.clear();
  EXPECT_TRUE(rig.RunSession().has_value());
  return ended;
}

size_t AnswersOf(uint64_t protocol) {
  VhostUserRig rig;
  rig.peer.protocol = protocol;
  EXPECT_TRUE(rig.RunSession().has_value());
  return rig.peer.answer_count;
}

void ExpectAll(const std::vector<Spoiling>& spoilings, size_t expected_runs) {
  size_t runs = 0;
  for (const uint64_t protocol : {kProtoAll, kProtoAll & ~kProtoReplyAck}) {
    const size_t answers = AnswersOf(protocol);
    for (size_t number = 0; number < answers; ++number) {
      for (const Spoiling& spoiling : spoilings) {
        for (const Waits waits : {Waits::kWhole, Waits::kShort}) {
          const Result<void> ended =
              Spoiled(number, spoiling.spoil, protocol, waits);
          ++runs;
          ASSERT_EQ(ended.has_value(), !spoiling.expected)
              << spoiling.name << " in answer " << number;
          if (!spoiling.expected) continue;
          ASSERT_EQ(ended.error().code(), *spoiling.expected)
              << spoiling.name << " in answer " << number << ": "
              << ended.error().text();
        }
      }
    }
  }
  EXPECT_EQ(runs, expected_runs);
}

// 28 answers with REPLY_ACK, 14 without, each with whole and short waits.
constexpr size_t kRunsPerSpoiling = 2 * (28 + 14);

TEST(VhostUserAnswersTest, ASessionHasThisManyAnswers) {
  EXPECT_EQ(AnswersOf(kProtoAll), 28u);
  EXPECT_EQ(AnswersOf(kProtoAll & ~kProtoReplyAck), 14u);
}

TEST(VhostUserAnswersTest, EveryAnswerOfAWrongSizeBreaksTheProtocol_F11) {
  ExpectAll(SizeSpoilings(), 7 * kRunsPerSpoiling);
}

TEST(VhostUserAnswersTest, EveryAnswerWithAWrongHeaderBreaksTheProtocol_H3) {
  ExpectAll(HeaderSpoilings(), 23 * kRunsPerSpoiling);
}

TEST(VhostUserAnswersTest, EveryAnswerMayComeInPiecesOrLate_F12_F22_H2) {
  ExpectAll(TimeSpoilings(), 5 * kRunsPerSpoiling);
}

TEST(VhostUserAnswersTest, EveryAnswerThatNeverComesEndsAtTheDeadline_H2) {
  const size_t answers = AnswersOf(kProtoAll);
  for (size_t number = 0; number < answers; ++number) {
    VhostUserRig rig;
    rig.peer.silent = {number};
    const Result<void> ended = rig.RunSession();
    ASSERT_FALSE(ended.has_value());
    // In a window the next answer stands in its place, to another request.
    EXPECT_TRUE(ended.error().code() == ErrorCode::kDeadline ||
                ended.error().code() == ErrorCode::kProtocol);
    if (ended.error().code() == ErrorCode::kDeadline) {
      EXPECT_EQ(rig.channel.now(), kBudget) << number;
    }
    EXPECT_LE(rig.channel.now(), kBudget) << number;
    EXPECT_FALSE(rig.channel.attached());
    EXPECT_EQ(rig.channel.open_copies(), 0u);
  }
}

TEST(VhostUserAnswersTest, APeerThatFallsSilentForGoodIsADeadline_H2) {
  const size_t answers = AnswersOf(kProtoAll);
  for (size_t number = 0; number < answers; ++number) {
    VhostUserRig rig;
    for (size_t i = number; i < answers; ++i) rig.peer.silent.insert(i);
    const Result<void> ended = rig.RunSession();
    ASSERT_FALSE(ended.has_value());
    EXPECT_EQ(ended.error().code(), ErrorCode::kDeadline) << number;
    EXPECT_EQ(rig.channel.now(), kBudget) << number;
    EXPECT_FALSE(rig.channel.attached());
  }
}

TEST(VhostUserAnswersTest, EveryRefusedMessageIsNamedAndThePeerStays_S11) {
  VhostUserRig healthy;
  ASSERT_TRUE(healthy.RunSession().has_value());
  size_t refused = 0;
  for (size_t k = 0; k < healthy.peer.log.size(); ++k) {
    if ((healthy.peer.log[k].flags & 8) == 0) continue;
    VhostUserRig rig;
    rig.peer.refuse = {k};
    rig.peer.refusal = uint64_t{1} << (k % 64);
    const Result<void> ended = rig.RunSession();
    ++refused;
    ASSERT_FALSE(ended.has_value()) << k;
    EXPECT_EQ(ended.error().code(), ErrorCode::kRefused);
    EXPECT_TRUE(rig.channel.attached());
    const uint32_t request = healthy.peer.log[k].request;
    EXPECT_THAT(std::string(ended.error().text()),
                HasSubstr(std::string(VhostUserRequestName(request))));
    EXPECT_TRUE(rig.backend.SetVringNum(0, 8).has_value());
    EXPECT_THAT(rig.peer.violations, IsEmpty());
  }
  EXPECT_EQ(refused, 20u);
}

TEST(VhostUserAnswersTest, ARefusedKickIsNamedWithItsRing) {
  VhostUserRig healthy;
  ASSERT_TRUE(healthy.RunSession().has_value());
  size_t kicks = 0;
  for (size_t k = 0; k < healthy.peer.log.size(); ++k) {
    if (healthy.peer.log[k].request != kReqSetVringKick) continue;
    VhostUserRig rig;
    rig.peer.refuse = {k};
    const Result<void> ended = rig.RunSession();
    ASSERT_FALSE(ended.has_value());
    ASSERT_TRUE(rig.commit_error().has_value());
    EXPECT_EQ(rig.commit_error()->operation, BackendOperation::kSetVringKick);
    EXPECT_EQ(rig.commit_error()->vring, kicks);
    EXPECT_THAT(std::string(ended.error().text()),
                HasSubstr("ring " + std::to_string(kicks)));
    ++kicks;
  }
  EXPECT_EQ(kicks, 2u);
}

// The refusal is the first failure, but what follows cannot be trusted.
TEST(VhostUserAnswersTest, ARefusalBeforeABrokenAnswerLosesThePeer) {
  VhostUserRig rig;
  ASSERT_TRUE(rig.Open().has_value());
  rig.peer.refuse = {rig.peer.log.size()};
  const size_t broken = rig.peer.answer_count + 1;
  rig.peer.spoil = [=](size_t index, const WireRequest&, WireAnswer& answer) {
    if (index == broken) Overwrite(answer, 0, 99);
  };
  Batch batch(rig.backend);
  ASSERT_TRUE(rig.backend.SetVringNum(0, 8) && rig.backend.SetVringNum(1, 8));
  const auto done = batch.Commit();
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().error.code(), ErrorCode::kRefused);
  EXPECT_EQ(done.error().vring, 0);
  EXPECT_FALSE(rig.channel.attached());
  const auto after = rig.backend.SetVringNum(0, 8);
  ASSERT_FALSE(after.has_value());
  EXPECT_EQ(after.error().code(), ErrorCode::kDisconnected);
}

// A stale ack of an earlier exchange is not taken for the next answer.
TEST(VhostUserAnswersTest, BytesThatNobodyAskedForBreakTheNextExchange) {
  VhostUserRig rig;
  ASSERT_TRUE(rig.Open().has_value());
  rig.channel.SendUnasked(Message(kReqSetVringAddr, 5, U64Payload(0)));
  const auto done = rig.backend.SetVringNum(0, 8);
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().code(), ErrorCode::kProtocol);
  EXPECT_FALSE(rig.channel.attached());
}

}  // namespace
}  // namespace virtio_user
