// SPDX-License-Identifier: BSD-3-Clause
//
// Where a ring goes on after a stop.

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <span>
#include <utility>

#include "tests/fakes/recording_rig.h"
#include "tests/fakes/sim_rig.h"
#include "virtio_user/ring/split_driver_queue.h"

namespace virtio_user {
namespace {

using backend_sim::Personality;
using testing_support::RecordingRig;
using testing_support::SimRig;

// Offers `count` packets of 64 bytes on pair 0's TX ring.
class Sender {
 public:
  explicit Sender(SimRig& rig)
      : rig_(rig),
        queue_(rig.device->vring(1).ring),
        packet_(*rig.world.memory().Allocate(64, 64)) {}
  ~Sender() { rig_.world.memory().Free(packet_); }

  void Send(int count) {
    DeviceBuffer buffer{.addr = {}, .bytes = 64};
    rig_.world.memory().WithTable([&](const MemoryTable& table) {
      buffer.addr = *table.ToDevice(packet_.data(), packet_.size());
    });
    const RingTurn turn(rig_.device->vring(1).ring.gate);
    ASSERT_TRUE(turn.entered());
    for (int i = 0; i < count; ++i) {
      ASSERT_TRUE(queue_.Offer({.readable = {&buffer, 1}}));
    }
    queue_.Publish();
  }
  // How many were given back.
  size_t Take() {
    std::array<UsedChain<uint32_t>, 8> used;
    const RingTurn turn(rig_.device->vring(1).ring.gate);
    return turn.entered() ? queue_.TakeUsed(used) : 0;
  }

 private:
  SimRig& rig_;
  // Its chains come back in order, whether or not IN_ORDER was accepted.
  SplitDriverQueue<UseOrder::kInOrder, uint32_t> queue_;
  std::span<std::byte> packet_;
};

// A back-end that takes packets and gives none.
Personality Sink(Personality personality) {
  personality.traffic = backend_sim::TrafficMode::kSink;
  return personality;
}

TEST(DeviceRestart, StartKicksARingWhoseBuffersWaitSinceBeforeTheStop) {
  Personality personality = Sink(Personality::Conforming());
  personality.starts_at_first_kick = true;
  SimRig rig(std::move(personality));
  ASSERT_TRUE(rig.Run(1));
  Sender sender(rig);
  sender.Send(3);
  rig.world.RunUntilIdle();
  ASSERT_EQ(sender.Take(), 0u) << "nobody has kicked";

  ASSERT_TRUE(rig.device->Stop());
  ASSERT_TRUE(rig.device->Start());
  rig.world.RunUntilIdle();

  EXPECT_EQ(sender.Take(), 3u);
  EXPECT_EQ(rig.Complaints(), "");
}

TEST(DeviceRestart, S05_H6_ARingGoesOnWhereTheBackendStood) {
  SimRig rig(Sink(Personality::Conforming()));
  ASSERT_TRUE(rig.Run(1));
  Sender sender(rig);
  sender.Send(3);
  rig.world.RunUntilIdle();
  ASSERT_EQ(sender.Take(), 3u);

  ASSERT_TRUE(rig.device->Stop());
  EXPECT_EQ(rig.device->vring(1).base.avail, 3);
  ASSERT_TRUE(rig.device->Start());
  sender.Send(2);
  rig.world.RunUntilIdle();

  EXPECT_EQ(sender.Take(), 2u);
  EXPECT_EQ(rig.Complaints(), "");
}

TEST(DeviceRestart, S05_PacketsThatWerePublishedBeforeAStopAreServedAfterIt) {
  SimRig rig(Sink(Personality::Conforming()));
  ASSERT_TRUE(rig.Run(1));
  Sender sender(rig);
  sender.Send(4);  // The back-end has no turn before the stop.

  ASSERT_TRUE(rig.device->Stop());
  EXPECT_EQ(rig.device->vring(1).base.avail, 0);
  ASSERT_TRUE(rig.device->Start());
  rig.world.RunUntilIdle();

  EXPECT_EQ(sender.Take(), 4u);
  EXPECT_EQ(rig.Complaints(), "");
}

TEST(DeviceRestart, AHundredRestartsLeaveNothingBehind) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(2));
  const size_t fds = rig.world.fds().open_count();
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(rig.device->Stop());
    ASSERT_TRUE(rig.device->Start());
  }

  EXPECT_EQ(rig.world.fds().open_count(), fds);
  EXPECT_EQ(rig.Complaints(), "");
}

TEST(DeviceRestart, ABaseThatNoDeviceCanHaveNeedsAReset) {
  // The ring has 8 descriptors and 10 were published.
  for (const uint16_t base : {uint16_t{1}, uint16_t{11}, uint16_t{40000}}) {
    SCOPED_TRACE(base);
    RecordingRig rig;
    ASSERT_TRUE(rig.Run(1));
    rig.device->vring(0).ring.published.index = 10;
    rig.backend->base_answers[0] = base;

    const Result<void> stopped = rig.device->Stop();

    ASSERT_FALSE(stopped);
    EXPECT_EQ(stopped.error().code(), ErrorCode::kProtocol);
    EXPECT_EQ(rig.device->state(), DeviceState::kNeedsReset);
    EXPECT_EQ(rig.device->link(), LinkState::kUp);
  }
}

TEST(DeviceRestart, TheFurthestPossibleBasesAreBelieved) {
  for (const uint16_t base : {uint16_t{2}, uint16_t{10}}) {
    RecordingRig rig;
    ASSERT_TRUE(rig.Run(1));
    rig.device->vring(0).ring.published.index = 10;
    rig.backend->base_answers[0] = base;

    EXPECT_TRUE(rig.device->Stop()) << base;

    EXPECT_EQ(rig.device->vring(0).base.avail, base);
  }
}

// Half of all indexes lie between what is published and what is used.
TEST(DeviceRestart, OfTheLargestSplitRingAllMayBeTakenAndNoneUsed) {
  RecordingRig rig;
  ASSERT_TRUE(rig.Create({.queue_pairs = 1, .queue_size = 32768}));
  ASSERT_TRUE(rig.driver->SetUp(1));
  ASSERT_TRUE(rig.device->Start());
  rig.device->vring(0).ring.published.index = 32768;
  rig.backend->base_answers[0] = 32768;

  EXPECT_TRUE(rig.device->Stop());

  EXPECT_EQ(rig.device->vring(0).base.avail, 32768);
}

// The undo answers for a ring that never ran, whatever it answers.
TEST(DeviceRestart, InAnUndoOfTheLargestSplitRingNothingMayHaveBeenUsed) {
  RecordingRig rig;
  ASSERT_TRUE(rig.Create({.queue_pairs = 1, .queue_size = 32768}));
  ASSERT_TRUE(rig.driver->SetUp(1));
  rig.device->vring(0).ring.published.index = 32768;
  rig.backend->base_answers[0] = 40000;
  (void)rig.backend->Take();
  rig.backend->FailWhenSent(14, Error::Make(ErrorCode::kRefused, "enable 0"));

  ASSERT_FALSE(rig.device->Start());

  EXPECT_EQ(rig.device->state(), DeviceState::kNegotiated);
  EXPECT_EQ(rig.device->vring(0).base.avail, 0);
}

TEST(DeviceRestart, S06_ALegacyPeerIsDrivenWithoutEnableAndStatus) {
  SimRig rig(Sink(Personality::Legacy()));
  ASSERT_TRUE(rig.Run(1));
  Sender sender(rig);
  sender.Send(2);
  rig.world.RunUntilIdle();

  EXPECT_EQ(sender.Take(), 2u);
  EXPECT_TRUE(rig.device->Stop());
  EXPECT_TRUE(rig.device->Start());
  EXPECT_EQ(rig.Complaints(), "");
}

}  // namespace
}  // namespace virtio_user
