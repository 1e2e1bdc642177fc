// SPDX-License-Identifier: BSD-3-Clause

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <vector>

#include "cli/interruptible_channel.h"

namespace virtio_user::cli {
namespace {

using std::chrono::milliseconds;

// A peer on a clock of its own: every wait lasts to its deadline, or until the
// peer does something.
class SlowChannel final : public Channel {
 public:
  Duration now{0};
  Duration peer_acts_at = std::chrono::hours(1);
  // The user presses ^C, during the wait that goes on then.
  Duration interrupt_at = std::chrono::hours(1);
  std::optional<ErrorCode> peer_breaks;
  std::atomic<bool> interrupted{false};
  std::vector<size_t> wanted;  // By each WaitReadable.
  int waits = 0;

  Result<void> Attach() override { return Wait(attach_deadline_); }
  void Detach() override {}
  LinkState Poll() override { return LinkState::kDown; }
  int fd() const override { return 7; }
  Deadline After(Duration budget) override { return {now + budget}; }
  void SetAttachDeadline(Deadline deadline) override {
    attach_deadline_ = deadline;
  }
  Result<size_t> Send(std::span<const SendChunk>, size_t skip) override {
    return skip;
  }
  Result<Received> Receive(std::span<std::byte> into) override {
    return Received{.bytes = into.size(), .fd_count = 0};
  }
  Result<void> WaitWritable(Deadline deadline) override {
    return Wait(deadline);
  }
  Result<void> WaitReadable(size_t bytes, Deadline deadline) override {
    wanted.push_back(bytes);
    return Wait(deadline);
  }

 private:
  Result<void> Wait(Deadline deadline) {
    ++waits;
    const Duration end = std::min(deadline.at, peer_acts_at);
    if (interrupt_at <= end) interrupted = true;
    now = std::max(now, end);
    if (peer_acts_at > deadline.at) {
      return Fail(ErrorCode::kDeadline, "the peer is slow");
    }
    if (peer_breaks) return Fail(*peer_breaks, "the peer broke");
    return {};
  }

  Deadline attach_deadline_;
};

class InterruptibleChannelTest : public ::testing::Test {
 protected:
  static constexpr Duration kSlice = InterruptibleChannel::kSlice;
  static constexpr Duration kGrace = InterruptibleChannel::kGrace;
  static constexpr Deadline kEnd{std::chrono::seconds(30)};

  static std::string TextOf(const Result<void>& result) {
    return result ? "fine" : std::string(result.error().text());
  }

  SlowChannel inner_;
  InterruptibleChannel channel_{inner_, &inner_.interrupted};
};

TEST_F(InterruptibleChannelTest, PeerThatActsLate_IsWaitedForInSlices) {
  inner_.peer_acts_at = 2 * kSlice + milliseconds(1);
  EXPECT_TRUE(channel_.WaitReadable(12, kEnd).has_value());
  EXPECT_EQ(inner_.wanted, (std::vector<size_t>{12, 12, 12}));
  EXPECT_EQ(inner_.now, inner_.peer_acts_at);
}

TEST_F(InterruptibleChannelTest, PeerThatNeverActs_EndsAtTheDeadline) {
  const Result<void> waited = channel_.WaitWritable(kEnd);
  EXPECT_EQ(TextOf(waited), "the peer is slow");
  EXPECT_EQ(inner_.now, kEnd.at);
}

TEST_F(InterruptibleChannelTest, DeadlineThatHasPassed_StillTriesOnce) {
  inner_.now = milliseconds(5);
  inner_.peer_acts_at = milliseconds(1);
  EXPECT_TRUE(channel_.WaitReadable(1, {milliseconds(3)}).has_value());
  EXPECT_EQ(inner_.waits, 1);
}

TEST_F(InterruptibleChannelTest, PeerThatBreaks_EndsTheWaitAtOnce) {
  inner_.peer_acts_at = milliseconds(10);
  inner_.peer_breaks = ErrorCode::kDisconnected;
  EXPECT_EQ(TextOf(channel_.WaitReadable(1, kEnd)), "the peer broke");
  EXPECT_EQ(inner_.waits, 1);
}

TEST_F(InterruptibleChannelTest, WaitForAPeer_EndsWithTheSlice) {
  inner_.interrupt_at = kSlice + milliseconds(1);
  channel_.SetAttachDeadline(kEnd);
  const Result<void> attached = channel_.Attach();
  EXPECT_EQ(TextOf(attached), "interrupted");
  EXPECT_EQ(inner_.now, 2 * kSlice);
}

TEST_F(InterruptibleChannelTest, AttachAfterTheInterrupt_ConnectsToNobody) {
  inner_.interrupted = true;
  inner_.peer_acts_at = Duration::zero();
  EXPECT_EQ(TextOf(channel_.Attach()), "interrupted");
  EXPECT_EQ(inner_.waits, 0);
}

TEST_F(InterruptibleChannelTest, SilentPeer_HasTheGraceAndNoMore) {
  inner_.interrupt_at = milliseconds(1);
  EXPECT_EQ(TextOf(channel_.WaitReadable(1, kEnd)), "interrupted");
  EXPECT_EQ(inner_.now, kSlice + kGrace);
  EXPECT_LE(inner_.now, milliseconds(200));
}

TEST_F(InterruptibleChannelTest, LaterWaits_ShareTheOneGrace) {
  inner_.interrupted = true;
  EXPECT_EQ(TextOf(channel_.WaitReadable(1, kEnd)), "interrupted");
  EXPECT_EQ(TextOf(channel_.WaitWritable(kEnd)), "interrupted");
  EXPECT_EQ(inner_.now, kGrace);
}

TEST_F(InterruptibleChannelTest, PeerThatAnswersWithinTheGrace_IsHeard) {
  inner_.interrupted = true;
  inner_.peer_acts_at = kGrace / 2;
  EXPECT_TRUE(channel_.WaitReadable(1, kEnd).has_value());
}

TEST_F(InterruptibleChannelTest, WithoutAFlag_WaitsToTheDeadline) {
  InterruptibleChannel channel(inner_, nullptr);
  inner_.interrupted = true;
  EXPECT_EQ(TextOf(channel.Attach()), "the peer is slow");
  EXPECT_EQ(inner_.now, Duration(kDefaultCallBudget));
}

TEST_F(InterruptibleChannelTest, AllElse_PassesUnchanged) {
  std::vector<std::byte> bytes(3);
  EXPECT_EQ(channel_.fd(), 7);
  EXPECT_EQ(channel_.Poll(), LinkState::kDown);
  EXPECT_EQ(channel_.Send({}, 9), 9u);
  EXPECT_EQ(channel_.Receive(bytes)->bytes, 3u);
}

}  // namespace
}  // namespace virtio_user::cli
