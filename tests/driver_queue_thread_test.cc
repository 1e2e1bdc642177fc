// SPDX-License-Identifier: BSD-3-Clause
//
// Driver queues of all kinds and a bare device on two threads, and a third one
// that takes the ring away from the driver now and then. Meant for
// ThreadSanitizer; without it, every byte is compared all the same.

#include <array>
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "tests/driver_queue_support.h"
#include "tests/quiesce.h"

namespace virtio_user {
namespace {

constexpr uint32_t kChains = 100000;
constexpr size_t kBytes = 24;  // Of each of a chain's two buffers.

// Each chain is a question of 24 bytes and room for as many: the device
// answers with the question turned round. Chains come as two descriptors, as a
// table, and now and then as one descriptor that is only a question.
template <typename Kind>
class TwoThreads {
 public:
  TwoThreads() {
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
  // Packed: no power of two.
  static constexpr uint16_t kNum =
      Kind::kFormat == RingFormat::kSplit ? 64 : 57;

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
    while (!free_.empty() && sent_ < kChains && OfferNext()) continue;
    driver_.Publish();
    (void)driver_.DeviceWantsKick();
    Receive();
    return received_ != before;
  }

  bool OfferNext() {
    const uint32_t i = free_.back();
    const DeviceBuffer question{arena_.Addr(Question(i)), kBytes};
    const DeviceBuffer answer{arena_.Addr(Answer(i)), kBytes};
    if (driver_.free_count() < 2) return false;
    for (size_t k = 0; k < kBytes; ++k) Question(i)[k] = At(sent_, k);
    number_[i] = sent_;
    free_.pop_back();
    if (sent_ % 3 == 0) {
      driver_.template OfferOne<BufferUse::kDeviceReads>(question, i);
    } else {
      OfferedChain<uint32_t> chain{
          .readable = {&question, 1}, .writable = {&answer, 1}, .cookie = i};
      if (sent_ % 3 == 1) {
        chain.table_memory = tables_.subspan(32 * i, 32);
        chain.table_addr = arena_.Addr(chain.table_memory.data());
      }
      EXPECT_TRUE(driver_.Offer(chain));
    }
    ++sent_;
    return true;
  }

  void Receive() {
    std::array<UsedChain<uint32_t>, 16> used;
    const size_t count = driver_.TakeUsed(used);
    if (driver_.broken()) return Fail(driver_.broken()->text());
    for (const UsedChain<uint32_t>& chain : std::span(used).first(count)) {
      const uint32_t i = chain.cookie;
      const bool answered = number_[i] % 3 != 0;
      if (chain.bytes != (answered ? kBytes : 0)) return Fail("bytes");
      for (size_t k = 0; answered && k < kBytes; ++k) {
        if (Answer(i)[k] != ~At(number_[i], k)) return Fail("answer");
      }
      free_.push_back(i);
      ++received_;
    }
  }

  void Device() {
    BareDevice device(ring_.layout, arena_);
    std::vector<SeenChain> batch;
    while (!done_.load(std::memory_order_relaxed)) {
      std::optional<SeenChain> chain = device.Pop();
      if (chain) {
        const auto from = *arena_.Resolve(chain->buffers[0].buffer);
        if (chain->buffers.size() == 2) {
          const auto to = *arena_.Resolve(chain->buffers[1].buffer);
          for (size_t k = 0; k < kBytes; ++k) to[k] = ~from[k];
        }
        batch.push_back(*std::move(chain));
      }
      if (batch.empty()) std::this_thread::yield();
      if (batch.empty() || (chain && batch.size() < 5)) continue;
      GiveBack(device, batch);
      batch.clear();
    }
  }
  static void GiveBack(BareDevice& device, std::vector<SeenChain>& batch) {
    const auto bytes = [](const SeenChain& chain) {
      return chain.buffers.size() == 2 ? uint32_t{kBytes} : 0;
    };
    if (Kind::kInOrder) return device.UseBatch(batch, bytes(batch.back()));
    std::ranges::reverse(batch);
    for (const SeenChain& chain : batch) device.Use(chain, bytes(chain));
  }

  // While the gate is closed the position that was published is this thread's.
  void Pauser() {
    while (!done_.load(std::memory_order_relaxed)) {
      ring_.gate.Open();
      std::this_thread::sleep_for(std::chrono::microseconds(200));
      CloseAndWait(ring_.gate);
      const RingPosition published = ring_.published;
      std::this_thread::yield();
      if (ring_.published != published) Fail("the driver went on");
      ++pauses_;
    }
  }

  void Fail(std::string_view what) {
    if (failed_.exchange(true)) return;
    ADD_FAILURE() << what;
  }

  TestArena arena_{ArenaBytes(kNum, 16384)};
  Ring ring_{.layout = TakeRing(arena_, kNum, Kind::kFormat),
             .published = {},
             .gate = {}};
  std::span<std::byte> data_ = arena_.Take(2 * kBytes * kNum);
  std::span<std::byte> tables_ = arena_.Take(32 * kNum);
  typename Kind::template Queue<uint32_t> driver_{ring_};
  std::vector<uint32_t> free_;
  std::array<uint32_t, kNum> number_{};
  uint32_t sent_ = 0;
  uint32_t received_ = 0;
  int pauses_ = 0;
  std::atomic<bool> done_{false};
  std::atomic<bool> failed_{false};
};

template <typename Kind>
class DriverQueueThreads : public ::testing::Test {};
TYPED_TEST_SUITE(DriverQueueThreads, AllKinds, KindNames);

TYPED_TEST(DriverQueueThreads,
           EveryByteCrossesAndAPausedDriverStandsStill_D02) {
  TwoThreads<TypeParam>().Run();
}

}  // namespace
}  // namespace virtio_user
