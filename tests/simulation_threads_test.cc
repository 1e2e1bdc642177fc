// SPDX-License-Identifier: BSD-3-Clause
//
// The simulator's actors as real threads, for ThreadSanitizer: control, command
// and data of a device, its memory, its back-end that comes and goes.
// VU_SECONDS says for how long (default: 1), and a slow machine takes longer,
// until each of them has done something.

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "backend_sim/sim_world.h"
#include "backend_sim/simulation/driver.h"
#include "virtio_user/device/device.h"
#include "virtio_user/os/membarrier_quiescer.h"
#include "virtio_user/vhost_user/vhost_user_backend.h"

namespace backend_sim {
namespace {

using virtio_user::Channel;
using virtio_user::Device;
using virtio_user::DeviceState;
using virtio_user::Result;

constexpr uint16_t kPairs = 2;

constexpr std::chrono::seconds kPatience{40};

std::chrono::seconds Length() {
  const char* const text = std::getenv("VU_SECONDS");
  return std::chrono::seconds(text == nullptr ? 1 : std::atoi(text));
}

// The world runs in one thread at a time: whoever holds the lock.
class LockedChannel final : public Channel {
 public:
  LockedChannel(std::unique_ptr<Channel> inner, std::mutex& mutex)
      : inner_(std::move(inner)), mutex_(mutex) {}

  Result<void> Attach() override {
    const std::scoped_lock lock(mutex_);
    return inner_->Attach();
  }
  void Detach() override {
    const std::scoped_lock lock(mutex_);
    inner_->Detach();
  }
  virtio_user::LinkState Poll() override {
    const std::scoped_lock lock(mutex_);
    return inner_->Poll();
  }
  int fd() const override {
    const std::scoped_lock lock(mutex_);
    return inner_->fd();
  }
  virtio_user::Deadline After(virtio_user::Duration budget) override {
    const std::scoped_lock lock(mutex_);
    return inner_->After(budget);
  }
  void SetAttachDeadline(virtio_user::Deadline deadline) override {
    const std::scoped_lock lock(mutex_);
    inner_->SetAttachDeadline(deadline);
  }
  Result<size_t> Send(std::span<const virtio_user::SendChunk> chunks,
                      size_t skip) override {
    const std::scoped_lock lock(mutex_);
    return inner_->Send(chunks, skip);
  }
  Result<virtio_user::Received> Receive(std::span<std::byte> into) override {
    const std::scoped_lock lock(mutex_);
    return inner_->Receive(into);
  }
  Result<void> WaitWritable(virtio_user::Deadline deadline) override {
    const std::scoped_lock lock(mutex_);
    return inner_->WaitWritable(deadline);
  }
  Result<void> WaitReadable(size_t bytes,
                            virtio_user::Deadline deadline) override {
    const std::scoped_lock lock(mutex_);
    return inner_->WaitReadable(bytes, deadline);
  }

 private:
  std::unique_ptr<Channel> inner_;
  std::mutex& mutex_;
};

class Threads : public testing::Test {
 protected:
  void SetUp() override {
    auto quiescer = virtio_user::MembarrierQuiescer::Create();
    if (!quiescer) GTEST_SKIP() << quiescer.error().text();
    quiescer_ = *std::move(quiescer);
    auto made = Device::Create(
        {.queue_pairs = kPairs, .queue_size = 16, .control_queue = true},
        {.backend = std::make_unique<virtio_user::VhostUserBackend>(
             std::make_unique<LockedChannel>(world_.MakeChannel(),
                                             world_mutex_)),
         .memory = world_.memory(),
         .fds = world_.fds(),
         .quiescer = *quiescer_});
    ASSERT_TRUE(made) << made.error().text();
    device_ = *std::move(made);
    driver_ = std::make_unique<SimDriver>(*device_, world_.memory());
    ASSERT_TRUE(device_->Negotiate(device_->offered() & Plain()));
    ASSERT_TRUE(driver_->Configure(kPairs));
  }
  void TearDown() override {
    device_.reset();
    driver_.reset();
  }

  static virtio_user::FeatureSet Plain() {
    using virtio_user::Feature;
    return ~virtio_user::FeatureSet{Feature::kNetCsum,
                                    Feature::kNetGuestCsum,
                                    Feature::kNetGuestTso4,
                                    Feature::kNetGuestTso6,
                                    Feature::kNetHostTso4,
                                    Feature::kNetHostTso6,
                                    Feature::kNetCtrlGuestOffloads};
  }

  bool going() const {
    const auto now = std::chrono::steady_clock::now();
    const bool seen =
        started_ != 0 && reattached_ != 0 && commands_ != 0 && received_ != 0;
    return !failed_ && now < (seen ? end_ : end_ + kPatience);
  }
  static void Rest(int microseconds) {
    std::this_thread::sleep_for(std::chrono::microseconds(microseconds));
  }

  void Control() {
    for (uint32_t round = 0; going(); ++round) {
      if (device_->state() == DeviceState::kNeedsReset) {
        if (device_->Reattach()) {
          for (uint16_t pair = 0; pair < kPairs; ++pair) {
            pair_mutexes_[pair].lock();
          }
          driver_->ReclaimAll();
          driver_->EndSession(true);
          for (uint16_t pair = 0; pair < kPairs; ++pair) {
            pair_mutexes_[pair].unlock();
          }
          ++reattached_;
        }
      } else if (device_->state() == DeviceState::kNegotiated) {
        started_ += device_->Start().has_value();
      } else if (round % 4 == 0) {
        (void)device_->Stop();
      }
      Rest(300);
    }
  }
  void Commands() {
    for (uint32_t round = 0; going(); ++round) {
      const auto outcome = driver_->control()->Send(
          static_cast<CommandKind>(round % kCommandKinds), round);
      if (outcome.sent && outcome.notified) commands_ += outcome.used;
      // Nobody serves the queue while the device is stopped: what was offered
      // then is served later, at most a ring full.
      Rest(outcome.notified ? 50 : 500);
      if (outcome.broken) failed_ = true;
    }
  }
  void Memory() {
    while (going()) {
      const auto region = world_.memory().AddRegion(4096);
      Rest(200);
      if (region) (void)world_.memory().RemoveRegion(*region);
      Rest(200);
    }
  }
  void Link() {
    while (going()) {
      (void)device_->Poll();
      (void)device_->config_status();
      (void)device_->mac();
      (void)device_->active_pairs();
      Rest(100);
    }
  }
  void Data(uint16_t pair) {
    for (uint32_t round = 0; going(); ++round) {
      {
        const std::scoped_lock lock(pair_mutexes_[pair]);
        (void)driver_->Transmit(pair, 4, round);
        if (auto wrong = driver_->Receive(pair, 16)) Fail(*wrong);
        (void)driver_->Complete(pair);
        received_ += driver_->book(pair).come_count() != 0 ? 1 : 0;
      }
      Rest(20);
    }
  }
  void Peer() {
    for (uint32_t round = 0; going(); ++round) {
      {
        const std::scoped_lock lock(world_mutex_);
        (void)world_.Step();
        if (round % 2000 == 1999) world_.channel().PeerCloses();
        if (round % 2000 == 50) world_.channel().PeerConnects();
      }
      Rest(10);
    }
  }
  void Fail(const std::string& text) {
    if (!failed_.exchange(true)) failure_ = text;
  }

  SimWorld world_{{.memory = {.region_bytes = size_t{1} << 17},
                   .trace = {.keep_last = 0, .keep_all = false}}};
  std::mutex world_mutex_;
  std::array<std::mutex, kPairs> pair_mutexes_;
  std::unique_ptr<virtio_user::Quiescer> quiescer_;
  std::unique_ptr<SimDriver> driver_;
  std::unique_ptr<Device> device_;
  const std::chrono::steady_clock::time_point end_ =
      std::chrono::steady_clock::now() + Length();
  std::atomic<bool> failed_{false};
  std::string failure_;
  std::atomic<uint64_t> started_{0};
  std::atomic<uint64_t> reattached_{0};
  std::atomic<uint64_t> commands_{0};
  std::atomic<uint64_t> received_{0};
};

TEST_F(Threads, EveryActorAtOnceNeitherRacesNorHangs) {
  {
    std::vector<std::jthread> threads;
    threads.emplace_back([this] { Control(); });
    threads.emplace_back([this] { Commands(); });
    threads.emplace_back([this] { Memory(); });
    threads.emplace_back([this] { Link(); });
    threads.emplace_back([this] { Peer(); });
    for (uint16_t pair = 0; pair < kPairs; ++pair) {
      threads.emplace_back([this, pair] { Data(pair); });
    }
  }

  EXPECT_EQ(failure_, "");
  EXPECT_FALSE(failed_);
  // Each of them did something.
  EXPECT_GT(started_, 0u);
  EXPECT_GT(reattached_, 0u);
  EXPECT_GT(commands_, 0u);
  EXPECT_GT(received_, 0u);
}

}  // namespace
}  // namespace backend_sim
