// SPDX-License-Identifier: BSD-3-Clause
//
// The data path on threads, under a Device: the control thread starts and stops
// it and changes the memory table, and the Device is who closes and opens the
// gates.

#include <chrono>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <utility>

#include "gtest/gtest.h"
#include "tests/fakes/recording_backend.h"
#include "tests/net_echo.h"
#include "virtio_user/base/posix_fd_ops.h"
#include "virtio_user/device/device.h"
#include "virtio_user/os/membarrier_quiescer.h"

namespace virtio_user {
namespace {

using testing_support::RecordingBackend;

// The memory of arenas; nothing is allocated from it.
class ArenaMemory final : public MemoryProvider {
 public:
  void Add(std::span<std::byte> memory, uint64_t published) {
    const std::scoped_lock lock(mutex_);
    const Result<void> added = table_.Add({.host = memory,
                                           .published = published,
                                           .iova = published,
                                           .fd = 3,
                                           .offset = published});
    ASSERT_TRUE(added) << added.error().text();
    Tell(MemoryEvent::Kind::kAdded, memory);
  }
  void Remove(std::span<std::byte> memory) {
    const std::scoped_lock lock(mutex_);
    Tell(MemoryEvent::Kind::kRemoving, memory);
    table_ = table_.Without(memory);
  }

  void WithTable(FunctionRef<void(const MemoryTable&)> use) override {
    const std::scoped_lock lock(mutex_);
    use(table_);
  }
  Result<std::span<std::byte>> Allocate(size_t, size_t) override {
    return virtio_user::Fail(ErrorCode::kUnsupported, "not in this test");
  }
  void Free(std::span<std::byte>) override {}
  Result<void> Subscribe(MemoryListener& listener) override {
    const std::scoped_lock lock(mutex_);
    listener_ = &listener;
    return {};
  }
  void Unsubscribe(MemoryListener&) override {
    const std::scoped_lock lock(mutex_);
    listener_ = nullptr;
  }

 private:
  void Tell(MemoryEvent::Kind kind, std::span<const std::byte> range) {
    if (listener_ == nullptr) return;
    listener_->OnMemoryEvent({.kind = kind, .range = range}, table_);
  }

  std::mutex mutex_;
  MemoryTable table_;
  MemoryListener* listener_ = nullptr;
};

class NetDeviceThreads : public ::testing::TestWithParam<NetLayout> {
 protected:
  NetDeviceThreads() {
    const FeatureSet features =
        GetParam().features | FeatureSet{Feature::kIndirectDesc};
    auto backend = std::make_unique<RecordingBackend>();
    backend_ = backend.get();
    backend_->features = features;
    device_ = *Device::Create(
        {.queue_size = Echo::kNum, .packed = GetParam().packed()},
        {.backend = std::move(backend),
         .memory = memory_,
         .fds = fds_,
         .quiescer = *quiescer_});
    const Result<void> negotiated =
        device_->Negotiate(features & device_->offered());
    EXPECT_TRUE(negotiated) << negotiated.error().text();
    EXPECT_EQ(device_->accepted(), features);
  }

  VringState& Borrow(uint16_t vring, const RingLayout& layout,
                     const TestArena& arena) {
    memory_.Add(arena.memory(), arena.published());
    const Result<void> configured = device_->ConfigureRing(vring, layout);
    EXPECT_TRUE(configured) << configured.error().text();
    return device_->vring(vring);
  }

  // Rounds of start, memory that comes and goes under traffic, and stop.
  void Control(Echo& echo) {
    TestArena more(8192, 0x3000'0000);
    do {
      if (!Does(echo, "Start", device_->Start())) return;
      for (int i = 0; i < 3; ++i) {
        Pause();
        memory_.Add(more.memory(), more.published());
        Pause();
        memory_.Remove(more.memory());
      }
      Pause();
      if (device_->Poll().needs_reset) return echo.Fail("needs a reset");
      if (device_->state() != DeviceState::kRunning) {
        return echo.Fail("does not run");
      }
      // The back-end says where it stopped, and does not go on before that was
      // heard.
      const auto standstill = echo.HoldDevice();
      backend_->whole_bases = {{0, BaseOf(echo.rx())}, {1, BaseOf(echo.tx())}};
      backend_->Take();
      if (!Does(echo, "Stop", device_->Stop())) return;
      ++rounds_;
    } while (echo.running());
  }
  static bool Does(Echo& echo, const char* what, const Result<void>& done) {
    EXPECT_TRUE(done) << what << ": " << done.error().text();
    if (!done) echo.Fail(what);
    return done.has_value();
  }
  static void Pause() {
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  static VringBase BaseOf(const NetBench& bench) {
    const RingPosition avail = bench.device->next_avail();
    const RingPosition used = bench.device->next_used();
    return {.avail = avail.index,
            .used = used.index,
            .avail_wrap = avail.wrap,
            .used_wrap = used.wrap};
  }

  PosixFdOps fds_;
  ArenaMemory memory_;
  std::unique_ptr<MembarrierQuiescer> quiescer_ = *MembarrierQuiescer::Create();
  RecordingBackend* backend_ = nullptr;
  std::unique_ptr<Device> device_;
  int rounds_ = 0;
};
INSTANTIATE_TEST_SUITE_P(All, NetDeviceThreads,
                         ::testing::ValuesIn(ModernLayouts()), NetLayoutName());

TEST_P(NetDeviceThreads, EveryByteCrossesWhileMemoryComesAndGoes) {
  Echo echo(GetParam(),
            [this](uint16_t vring, const RingLayout& layout,
                   const TestArena& arena) -> VringState& {
              return Borrow(vring, layout, arena);
            });
  echo.Run(NetThreadPackets(), [this, &echo] { Control(echo); });
  EXPECT_GT(rounds_, 0);
  EXPECT_EQ(device_->state(), DeviceState::kNegotiated);
  device_.reset();  // Before the rings' memory.
}

}  // namespace
}  // namespace virtio_user
