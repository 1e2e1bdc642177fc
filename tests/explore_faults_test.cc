// SPDX-License-Identifier: BSD-3-Clause
//
// The explorer of faults: how many there are, that production lives through
// them, and that a back-end that lies is found. The whole of it is
// `vuser explore faults`.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <span>
#include <string>

#include "backend_sim/channel_handle.h"
#include "backend_sim/explore/fault_consequence.h"
#include "backend_sim/explore/fault_explorer.h"
#include "backend_sim/sim_world.h"
#include "backend_sim/wire.h"
#include "backend_sim/wire_request.h"
#include "virtio_user/vhost_user/vhost_user_backend.h"

namespace backend_sim {
namespace {

using ::testing::HasSubstr;

constexpr ExploreOptions kTwoThreads;

// Of a start, by docs/lifecycle.md, with STATUS and memory told by regions: a
// CALL each ring, SET_FEATURES, SET_STATUS, GET_STATUS, two regions, four
// messages a ring, ENABLE of a pair, SET_STATUS. Then ENABLE of the other
// pairs. Of the stop: ENABLE, GET_VRING_BASE of each ring, SET_STATUS.
constexpr size_t CallsOf(size_t pairs) {
  const size_t rings = 2 * pairs;
  const size_t start = rings + 3 + 2 + 4 * rings + 2 + 1;
  return start + (rings - 2) + rings + rings + 1;
}
static_assert(CallsOf(1) == 23 && CallsOf(8) == 135);

TEST(FaultChoiceTest, TextAndBack) {
  const FaultChoices choices = {{.way = 0, .call = 17}, {.way = 4, .call = 20}};
  EXPECT_EQ(TextOf(choices), "refused@17,late@20");
  EXPECT_EQ(ParseFaultChoices("refused@17,late@20"), choices);
  for (const char* wrong : {"", "refused", "refused@", "refused@x", "@1",
                            "fly@1", "late@1,", "late@-1", "late@1x"}) {
    EXPECT_FALSE(ParseFaultChoices(wrong)) << wrong;
  }
}

TEST(FaultConsequenceTest, OnlyWhatWasRefusedExplainsABrokenRule) {
  EXPECT_TRUE(Explains(kReqSetVringNum, Rule::kKickIncomplete));
  EXPECT_FALSE(Explains(kReqSetVringCall, Rule::kKickIncomplete));
  EXPECT_FALSE(Explains(kReqSetFeatures, Rule::kRingBase));
  EXPECT_FALSE(Explains(0, Rule::kKickIncomplete));
}

TEST(FaultConsequenceTest, EveryWayLeadsToAnErrorOfItsOwn) {
  using virtio_user::ErrorCode;
  EXPECT_TRUE(LeadsTo(FaultKind::kReplyLate, ErrorCode::kDeadline));
  EXPECT_FALSE(LeadsTo(FaultKind::kReplyLate, ErrorCode::kDisconnected));
  EXPECT_TRUE(LeadsTo(FaultKind::kCloseBefore, ErrorCode::kDisconnected));
  EXPECT_FALSE(LeadsTo(FaultKind::kCloseBefore, ErrorCode::kProtocol));
  for (const FaultWay& way : kFaultWays) {
    EXPECT_FALSE(LeadsTo(way.kind, ErrorCode::kWrongState)) << way.name;
    EXPECT_FALSE(LeadsTo(way.kind, ErrorCode::kSystem)) << way.name;
  }
}

TEST(ExploreFaultsTest, AnEndBeforeTheEndIsNotGood) {
  const std::atomic<bool> interrupted{true};
  const FaultExploration all =
      ExploreFaults({.pairs = 1}, {.jobs = 2, .interrupted = &interrupted});
  EXPECT_EQ(all.single.tried, 0u);
  EXPECT_FALSE(all.Good());
}

TEST(ExploreFaultsTest, ALifeWithoutFaultsMakesTheCallsThatItShould) {
  for (const uint16_t pairs : {1, 2, 4, 8}) {
    const FaultLifeResult life = LiveAgain(pairs, {});
    EXPECT_EQ(life.first_life_calls, CallsOf(pairs)) << pairs;
    EXPECT_EQ(life.wrong, "");
    for (const BackendCall& call : life.calls) EXPECT_TRUE(call.answered);
  }
}

TEST(ExploreFaultsTest, OnePairCompletely) {
  const FaultExploration all = ExploreFaults({.pairs = 1}, kTwoThreads);
  EXPECT_EQ(all.calls, CallsOf(1));
  EXPECT_EQ(all.single.must, 6 * CallsOf(1));
  EXPECT_GT(all.two.must, 1000u);
  EXPECT_GT(all.in_recovery.must, 10000u);
  EXPECT_GT(all.descriptors.must, 10u);
  for (const ExploreCount* count : all.Counts()) {
    EXPECT_EQ(count->tried, count->must) << count->name;
    EXPECT_EQ(count->first_wrong, "") << count->name;
  }
  EXPECT_TRUE(all.Good());
}

TEST(ExploreFaultsTest, TwoPairsWithOneFaultEach) {
  const FaultExploration all = ExploreFaults(
      {.pairs = 2, .two = false, .in_recovery = false}, kTwoThreads);
  EXPECT_EQ(all.single.must, 6 * CallsOf(2));
  EXPECT_EQ(all.two.must, 0u);
  EXPECT_TRUE(all.Good()) << all.single.first_wrong;
}

TEST(ExploreFaultsTest, AFaultThatNeverHappensIsNoCase) {
  const FaultLifeResult life = LiveAgain(1, {{.way = 0, .call = 100000}});
  EXPECT_EQ(life.happened, 0u);
  EXPECT_EQ(life.wrong, "");
}

// Plants a mistake: a front-end that waits twice as long as it may.
class PatientChannel final : public ChannelHandle {
 public:
  using ChannelHandle::ChannelHandle;
  virtio_user::Deadline After(virtio_user::Duration budget) override {
    return ChannelHandle::After(2 * budget);
  }
};

// Plants a mistake: a front-end that takes every refusal for a success.
class DeafChannel final : public ChannelHandle {
 public:
  using ChannelHandle::ChannelHandle;
  virtio_user::Result<virtio_user::Received> Receive(
      std::span<std::byte> into) override {
    auto received = ChannelHandle::Receive(into);
    if (!received) return received;
    for (auto left = into.first(received->bytes);
         left.size() >= kWireHeaderBytes;) {
      const WireHeader header = DecodeHeader(left);
      const size_t bytes = kWireHeaderBytes + header.size;
      if (left.size() < bytes) break;
      const bool is_query = RequestName(header.request).starts_with("GET_");
      const auto payload = left.subspan(kWireHeaderBytes, header.size);
      if (!is_query) std::ranges::fill(payload, std::byte{0});
      left = left.subspan(bytes);
    }
    return received;
  }
};

template <typename Channel>
std::unique_ptr<virtio_user::VhostBackend> OnA(SimWorld& world) {
  return std::make_unique<virtio_user::VhostUserBackend>(
      std::make_unique<Channel>(world.channel()));
}

ExploreCount SinglesWith(const MakeBackend& make_backend) {
  return ExploreFaults({.pairs = 1,
                        .two = false,
                        .in_recovery = false,
                        .make_backend = make_backend},
                       kTwoThreads)
      .single;
}

TEST(ExploreFaultsTest, AWaitBeyondTheDeadlineIsFoundAndNamed) {
  const ExploreCount singles = SinglesWith(OnA<PatientChannel>);
  EXPECT_EQ(singles.tried, singles.must);
  // An answer that comes late, to each call.
  EXPECT_EQ(singles.wrong, CallsOf(1));
  EXPECT_EQ(singles.first_wrong,
            "pairs 1, faults late@0: Start took longer than its budget");
}

TEST(ExploreFaultsTest, ARefusalThatIsNotHeardIsFoundAndNamed) {
  const ExploreCount singles = SinglesWith(OnA<DeafChannel>);
  EXPECT_EQ(singles.tried, singles.must);
  EXPECT_GT(singles.wrong, 0u);
  EXPECT_THAT(singles.first_wrong, HasSubstr("pairs 1, faults refused@"));
}

}  // namespace
}  // namespace backend_sim
