// SPDX-License-Identifier: BSD-3-Clause
//
// Everything at once, for ThreadSanitizer and for whatever would deadlock.

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <memory>
#include <optional>
#include <thread>

#include "backend_sim/sim_world.h"
#include "tests/fakes/test_driver.h"
#include "virtio_user/device/device.h"
#include "virtio_user/os/membarrier_quiescer.h"
#include "virtio_user/vhost_user/vhost_user_backend.h"

namespace virtio_user {
namespace {

using testing_support::TestDriver;

constexpr int kRestarts = 150;
constexpr int kMaxRounds = 200000;  // Of a thread that only accompanies.

// Ends the other threads, however the test ends.
class Over {
 public:
  explicit Over(std::atomic<bool>& over) : over_(over) {}
  Over(const Over&) = delete;
  Over& operator=(const Over&) = delete;
  ~Over() { over_ = true; }

 private:
  std::atomic<bool>& over_;
};

class DeviceThreads : public testing::Test {
 protected:
  void SetUp() override {
    auto quiescer = MembarrierQuiescer::Create();
    if (!quiescer) GTEST_SKIP() << quiescer.error().text();
    quiescer_ = *std::move(quiescer);
    auto made = Device::Create(
        {.queue_pairs = 3, .queue_size = 8, .control_queue = true},
        {.backend = std::make_unique<VhostUserBackend>(world_.MakeChannel()),
         .memory = world_.memory(),
         .fds = world_.fds(),
         .quiescer = *quiescer_});
    ASSERT_TRUE(made) << made.error().text();
    device_ = *std::move(made);
    driver_.emplace(*device_, world_.memory());
    ASSERT_TRUE(driver_->SetUp(3));
  }
  void TearDown() override { device_.reset(); }

  // Lets the poller have a turn between a start and what ends it.
  void AwaitBurst() {
    const int before = Bursts();
    for (int i = 0; i < kMaxRounds && Bursts() == before; ++i) {
      std::this_thread::yield();
    }
  }
  // Relaxed, so that counting orders nothing that the gate should.
  int Bursts() const { return bursts_.load(std::memory_order_relaxed); }

  // Runs `round` again and again until the restarts are over.
  template <typename F>
  std::jthread Accompany(F round) {
    return std::jthread([this, round] {
      for (int i = 0; i < kMaxRounds && !over_.load(); ++i) {
        round();
        std::this_thread::yield();
      }
    });
  }

  static backend_sim::SimWorldOptions SmallWorld() {
    backend_sim::SimWorldOptions options;
    options.memory.region_bytes = size_t{1} << 18;
    return options;
  }

  backend_sim::SimWorld world_{SmallWorld()};
  std::unique_ptr<MembarrierQuiescer> quiescer_;
  std::optional<TestDriver> driver_;
  std::unique_ptr<Device> device_;
  std::atomic<bool> over_{false};
  std::atomic<int> bursts_{0};
};

// S53 and H10: whatever changes pairs, memory or the connection takes the
// device's lock, and the provider's before it.
TEST_F(DeviceThreads, S53_H10_EverythingAtOnceNeitherRacesNorDeadlocks) {
  const auto events = Accompany([this] {
    const auto region = world_.memory().AddRegion(4096);
    EXPECT_TRUE(region);
    if (!region) return;
    EXPECT_TRUE(world_.memory().RemoveRegion(*region));
  });
  const auto polls = Accompany([this] {
    EXPECT_FALSE(device_->Poll().needs_reset);
    EXPECT_EQ(device_->link(), LinkState::kUp);
    EXPECT_LE(device_->active_pairs(), 3);
    EXPECT_EQ(device_->interrupt_map().vector_count, 4u);
    (void)device_->state();
    (void)device_->control_state();
    (void)device_->config_status();
  });
  // A poller that writes its ring in every burst, plainly. It never has more
  // than a ring full in flight, since the back-end serves nothing here.
  const auto bursts = Accompany([this] {
    Ring& ring = device_->vring(0).ring;
    const RingTurn turn(ring.gate);
    if (!turn.entered()) return;
    std::memset(ring.layout.desc, 0x5a, DescTableBytes(ring.layout.num));
    ring.published.index =
        static_cast<uint16_t>((ring.published.index + 1) % 9);
    bursts_.fetch_add(1, std::memory_order_relaxed);
  });

  const Over over(over_);
  for (int i = 0; i < kRestarts; ++i) {
    const Result<void> started = device_->Start();
    ASSERT_TRUE(started) << started.error().text();
    EXPECT_EQ(driver_->SetPairs(static_cast<uint16_t>(1 + i % 3)), kCtrlAckOk);
    EXPECT_EQ(driver_->Command(CtrlClass::kRx, kCtrlRxPromisc,
                               {static_cast<uint8_t>(i % 2)}),
              kCtrlAckOk);
    AwaitBurst();
    if (i % 10 == 9) {
      const Result<void> again = device_->Reattach();
      ASSERT_TRUE(again) << again.error().text();
    } else {
      const Result<void> stopped = device_->Stop();
      ASSERT_TRUE(stopped) << stopped.error().text();
    }
  }

  EXPECT_GT(Bursts(), 0);
  EXPECT_EQ(device_->state(), DeviceState::kNegotiated);
  EXPECT_TRUE(world_.violations().empty());
}

// Both calls are idempotent, so that both always succeed.
TEST_F(DeviceThreads, S12_StartAndStopMayComeFromTwoThreads) {
  const auto starts =
      Accompany([this] { EXPECT_TRUE(device_->Start().has_value()); });
  const Over over(over_);
  for (int i = 0; i < kRestarts; ++i) {
    EXPECT_TRUE(device_->Stop().has_value());
    const bool reattach = i % 10 == 9;
    EXPECT_TRUE(!reattach || device_->Reattach().has_value());
    std::this_thread::yield();
  }

  EXPECT_TRUE(world_.violations().empty());
}

}  // namespace
}  // namespace virtio_user
