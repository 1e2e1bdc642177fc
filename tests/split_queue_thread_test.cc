// SPDX-License-Identifier: BSD-3-Clause
//
// The two sides of a split ring on two threads, and a third one that takes the
// ring away from the driver now and then. Meant for ThreadSanitizer; without
// it, every byte is compared all the same.

#include <array>
#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "tests/quiesce.h"
#include "tests/ring_support.h"
#include "virtio_user/ring/split_device_queue.h"
#include "virtio_user/ring/split_driver_queue.h"

namespace virtio_user {
namespace {

constexpr uint32_t kChains = 200000;
constexpr size_t kBytes = 24;  // Of each of a chain's two buffers.

struct Mode {
  const char* name;
  bool in_order;
  bool indirect;
};

// Each chain is a question of 24 bytes and room for as many: the device
// answers with the question turned round.
template <UseOrder kOrder>
class TwoThreads {
 public:
  explicit TwoThreads(const Mode& mode) : mode_(mode), driver_(ring_) {
    for (uint32_t i = 0; i < kNum; ++i) free_.push_back(i);
  }

  void Run() {
    std::thread device([this] { Device(); });
    std::thread pauser([this] { Pauser(); });
    while (received_ < kChains && !failed_.load(std::memory_order_relaxed)) {
      if (!Poll()) std::this_thread::yield();
    }
    done_.store(true, std::memory_order_relaxed);
    device.join();
    pauser.join();
    EXPECT_FALSE(failed_.load());
    EXPECT_EQ(received_, kChains);
    EXPECT_GT(pauses_, 0);
  }

 private:
  static constexpr uint16_t kNum = 64;

  std::byte* Question(uint32_t i) { return data_.data() + 2 * kBytes * i; }
  std::byte* Answer(uint32_t i) { return Question(i) + kBytes; }
  static std::byte At(uint64_t value, size_t i) {
    return static_cast<std::byte>(value * 31 + i * 7);
  }

  // One burst; false: nothing came back, or the ring is not ours.
  bool Poll() {
    const RingTurn turn(ring_.gate);
    if (!turn.entered()) return false;
    const uint32_t before = received_;
    Offer();
    Receive();
    return received_ != before;
  }

  void Offer() {
    bool offered = false;
    while (!free_.empty() && sent_ < kChains) {
      const uint32_t i = free_.back();
      for (size_t k = 0; k < kBytes; ++k) Question(i)[k] = At(sent_, k);
      const DeviceBuffer question{arena_.Addr(Question(i)), kBytes};
      const DeviceBuffer answer{arena_.Addr(Answer(i)), kBytes};
      OfferedChain<uint32_t> chain{
          .readable = {&question, 1}, .writable = {&answer, 1}, .cookie = i};
      if (mode_.indirect) {
        chain.table_memory = tables_.subspan(32 * i, 32);
        chain.table_addr = arena_.Addr(chain.table_memory.data());
      }
      if (!driver_.Offer(chain)) break;
      number_[i] = sent_++;
      free_.pop_back();
      offered = true;
    }
    if (offered) driver_.Publish();
  }

  void Receive() {
    std::array<UsedChain<uint32_t>, 16> used;
    const size_t count = driver_.TakeUsed(used);
    if (driver_.broken()) return Fail("broken");
    for (const UsedChain<uint32_t>& chain : std::span(used).first(count)) {
      const uint32_t i = chain.cookie;
      if (chain.bytes != kBytes) return Fail("bytes");
      for (size_t k = 0; k < kBytes; ++k) {
        if (Answer(i)[k] != ~At(number_[i], k)) return Fail("answer");
      }
      free_.push_back(i);
      ++received_;
    }
  }

  void Device() {
    SplitDeviceQueue queue(ring_.layout, 0, 0);
    DescriptorChain chain;
    const auto resolve = [this](DeviceBuffer b) { return arena_.Resolve(b); };
    while (!done_.load(std::memory_order_relaxed)) {
      const auto head = queue.PopHead();
      if (!head) return Fail("device broken");
      if (!*head) {
        std::this_thread::yield();
        continue;
      }
      if (!WalkChain(ring_.layout, **head, resolve, chain)) {
        return Fail("chain");
      }
      const auto from = *arena_.Resolve(chain.readable[0]);
      const auto to = *arena_.Resolve(chain.writable[0]);
      for (size_t k = 0; k < kBytes; ++k) to[k] = ~from[k];
      queue.Push(**head, kBytes);
    }
  }

  // While the gate is closed the index that was published is this thread's.
  void Pauser() {
    while (!done_.load(std::memory_order_relaxed)) {
      ring_.gate.Open();
      std::this_thread::sleep_for(std::chrono::microseconds(200));
      CloseAndWait(ring_.gate);
      const uint16_t published = ring_.published.index;
      std::this_thread::yield();
      if (ring_.published.index != published) Fail("the driver went on");
      ++pauses_;
    }
  }

  void Fail(const char* what) {
    if (failed_.exchange(true)) return;
    ADD_FAILURE() << what;
  }

  const Mode mode_;
  TestArena arena_{ArenaBytes(kNum, 8192)};
  Ring ring_{.layout = TakeRing(arena_, kNum), .published = {}, .gate = {}};
  std::span<std::byte> data_ = arena_.Take(2 * kBytes * kNum);
  std::span<std::byte> tables_ = arena_.Take(32 * kNum);
  SplitDriverQueue<kOrder, uint32_t> driver_;
  std::vector<uint32_t> free_;
  std::array<uint32_t, kNum> number_{};
  uint32_t sent_ = 0;
  uint32_t received_ = 0;
  int pauses_ = 0;
  std::atomic<bool> done_{false};
  std::atomic<bool> failed_{false};
};

class SplitQueueThreads : public ::testing::TestWithParam<Mode> {};

TEST_P(SplitQueueThreads, EveryByteCrossesAndAPausedDriverStandsStill_D02) {
  if (GetParam().in_order) {
    TwoThreads<UseOrder::kInOrder>(GetParam()).Run();
  } else {
    TwoThreads<UseOrder::kAny>(GetParam()).Run();
  }
}

INSTANTIATE_TEST_SUITE_P(Modes, SplitQueueThreads,
                         ::testing::Values(Mode{"Plain", false, false},
                                           Mode{"InOrder", true, false},
                                           Mode{"Indirect", false, true},
                                           Mode{"InOrderIndirect", true, true}),
                         [](const auto& mode) { return mode.param.name; });

}  // namespace
}  // namespace virtio_user
