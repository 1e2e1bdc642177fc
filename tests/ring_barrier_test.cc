// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/ring/ring_barrier.h"

#include <sched.h>

#include <array>
#include <atomic>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace virtio_user {
namespace {

TEST(RingBarrier, EveryBarrierOfBothOrdersCanBeCarriedOut) {
  for (const RingOrder order : {RingOrder::kSmp, RingOrder::kPlatform}) {
    RingWriteBarrier(order);
    RingReadBarrier(order);
    RingFullBarrier(order);
  }
  SUCCEED();
}

cpu_set_t Processors() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  EXPECT_EQ(::sched_getaffinity(0, sizeof(allowed), &allowed), 0);
  return allowed;
}

// Puts this thread on the `nth` processor that it may run on.
void StayOn(int nth) {
  cpu_set_t allowed = Processors();
  int cpu = 0;
  for (int left = nth; !CPU_ISSET(cpu, &allowed) || left-- > 0; ++cpu) {
  }
  CPU_ZERO(&allowed);
  CPU_SET(cpu, &allowed);
  EXPECT_EQ(::sched_setaffinity(0, sizeof(allowed), &allowed), 0);
}

// Two sides that meet at the start of each round, and go through its pairs of
// words side by side.
class StoreThenLoad {
 public:
  // Of each pair stores to one's own word, then loads the other's.
  void Play(size_t side, uint32_t rounds) {
    for (uint32_t round = 1; round <= rounds; ++round) {
      MeetOther(started_, round);
      for (Pair& pair : pairs_) {
        pair.words[side].value.store(round, std::memory_order_relaxed);
        RingFullBarrier(RingOrder::kSmp);
        pair.seen[side] =
            pair.words[1 - side].value.load(std::memory_order_relaxed);
      }
      MeetOther(ended_, round);
      if (side == 0) CountMissed(round);
    }
  }
  // How often neither side saw what the other one had stored.
  uint32_t both_missed() const { return both_missed_; }

 private:
  struct alignas(64) Word {
    std::atomic<uint32_t> value = 0;
  };
  struct Pair {
    std::array<Word, 2> words;
    alignas(64) uint32_t seen[2] = {};
  };

  static void MeetOther(std::atomic<uint32_t>& met, uint32_t round) {
    met.fetch_add(1);
    for (int spins = 0; met.load() < 2 * round; ++spins) {
      if (spins > 1000) std::this_thread::yield();
    }
  }
  // Side 0 alone; the other one waits for it at the next start.
  void CountMissed(uint32_t round) {
    for (const Pair& pair : pairs_) {
      if (pair.seen[0] < round && pair.seen[1] < round) ++both_missed_;
    }
  }

  std::vector<Pair> pairs_{256};
  std::atomic<uint32_t> started_ = 0;
  std::atomic<uint32_t> ended_ = 0;
  uint32_t both_missed_ = 0;
};

// Or a driver and a device would both go to sleep (virtio: "Driver
// Requirements: Used Buffer Notification Suppression"). Without a barrier, two
// cores of an x86-64 miss each other in three pairs of ten.
TEST(RingBarrier, AStoreIsSeenBeforeTheLoadBehindItIsCarriedOut) {
  const cpu_set_t processors = Processors();
  if (CPU_COUNT(&processors) < 2) GTEST_SKIP() << "one processor is in order";
  constexpr uint32_t kRounds = 2000;
  StoreThenLoad words;
  std::array<std::thread, 2> sides;
  for (size_t side = 0; side < sides.size(); ++side) {
    sides[side] = std::thread([&words, side] {
      StayOn(static_cast<int>(side));
      words.Play(side, kRounds);
    });
  }
  for (std::thread& side : sides) side.join();
  EXPECT_EQ(words.both_missed(), 0u);
}

}  // namespace
}  // namespace virtio_user
