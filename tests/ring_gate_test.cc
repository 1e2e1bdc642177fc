// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/ring/ring_gate.h"

#include <atomic>
#include <thread>

#include "gtest/gtest.h"
#include "tests/quiesce.h"

namespace virtio_user {
namespace {

TEST(RingGate, ANewGateIsClosed) {
  RingGate gate;
  EXPECT_FALSE(gate.open());
  EXPECT_FALSE(gate.Enter());
  EXPECT_FALSE(gate.busy());
}

TEST(RingGate, AnOpenGateIsBusyFromEnterToLeave) {
  RingGate gate;
  gate.Open();
  EXPECT_TRUE(gate.Enter());
  EXPECT_TRUE(gate.busy());
  gate.Close();
  EXPECT_TRUE(gate.busy());
  gate.Leave();
  EXPECT_FALSE(gate.busy());
  EXPECT_FALSE(gate.Enter());
}

TEST(RingGate, ATurnLeavesWhereItEntered) {
  RingGate gate;
  {
    EXPECT_FALSE(RingTurn(gate).entered());
  }
  gate.Open();
  {
    const RingTurn turn(gate);
    EXPECT_TRUE(turn.entered());
    EXPECT_TRUE(gate.busy());
  }
  EXPECT_FALSE(gate.busy());
}

// `shared` is a plain integer: a moment with two owners is a data race, and an
// addition that is lost.
TEST(RingGate, TwoThreadsNeverOwnTheRingTogether) {
  RingGate gate;
  long shared = 0;
  std::atomic<bool> stop{false};
  std::atomic<long> turns{0};
  std::thread poller([&] {
    const auto take_turn = [&] {
      const RingTurn turn(gate);
      if (!turn.entered()) return false;
      for (int i = 0; i < 10; ++i) ++shared;
      turns.fetch_add(1, std::memory_order_relaxed);
      return true;
    };
    while (!stop.load(std::memory_order_relaxed)) {
      if (!take_turn()) std::this_thread::yield();
    }
  });
  long mine = 0;
  for (int i = 0; i < 500; ++i) {
    gate.Open();
    const long seen = turns.load(std::memory_order_relaxed);
    while (turns.load(std::memory_order_relaxed) == seen) {
      std::this_thread::yield();
    }
    CloseAndWait(gate);
    for (int k = 0; k < 10; ++k, ++mine) ++shared;
  }
  stop.store(true);
  poller.join();
  EXPECT_EQ(shared, 10 * turns.load() + mine);
}

}  // namespace
}  // namespace virtio_user
