// SPDX-License-Identifier: BSD-3-Clause
//
// Mistakes of the past with memory that comes and goes.

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <thread>

#include "tests/fakes/recording_rig.h"

namespace virtio_user {
namespace {

using testing_support::RecordingRig;
using testing_support::TestDriver;

// Its lock is held by another thread, which allocates, until that one's event
// has been heard: as it is where the two meet.
class BusyMemory final : public MemoryProvider {
 public:
  explicit BusyMemory(MemoryProvider& memory) : memory_(memory) {}

  // From now on an allocation is under way whenever the table is asked for.
  void BeginAllocations() { busy_ = true; }
  // Whether every one of them was over before the table was given.
  bool in_time() const { return in_time_; }

  void WithTable(FunctionRef<void(const MemoryTable&)> use) override {
    memory_.WithTable([&](const MemoryTable& table) {
      if (busy_ && listener_ != nullptr) AwaitAllocation(table);
      use(table);
    });
  }
  Result<std::span<std::byte>> Allocate(size_t bytes, size_t align) override {
    return memory_.Allocate(bytes, align);
  }
  void Free(std::span<std::byte> memory) override { memory_.Free(memory); }
  Result<void> Subscribe(MemoryListener& listener) override {
    listener_ = &listener;
    return {};
  }
  void Unsubscribe(MemoryListener& /*listener*/) override {
    allocation_ = {};
    listener_ = nullptr;
  }

 private:
  void AwaitAllocation(const MemoryTable& table) {
    std::promise<void> heard;
    const std::future<void> over = heard.get_future();
    // With a copy, for an event that is heard too late.
    allocation_ =
        std::jthread([this, table, heard = std::move(heard)]() mutable {
          listener_->OnMemoryEvent({.range = table.regions()[0].host}, table);
          heard.set_value();
        });
    in_time_ &=
        over.wait_for(std::chrono::seconds(3)) == std::future_status::ready;
  }

  MemoryProvider& memory_;
  MemoryListener* listener_ = nullptr;
  bool busy_ = false;
  bool in_time_ = true;
  std::jthread allocation_;
};

// The one order that cannot deadlock: the provider's lock, then the device's.
TEST(HistoryTest, F20_NoDeviceIsLockedByWhoWaitsForTheMemorysLock) {
  RecordingRig rig;
  BusyMemory memory(rig.memory);
  const auto device =
      Device::Create({.queue_size = 8}, {.backend = std::move(rig.next_backend),
                                         .memory = memory,
                                         .fds = rig.fds,
                                         .quiescer = rig.quiescer});
  ASSERT_TRUE(device);
  TestDriver driver(**device, memory);
  ASSERT_TRUE(driver.SetUp(1));
  memory.BeginAllocations();

  EXPECT_TRUE((*device)->Start());

  EXPECT_TRUE(memory.in_time());
}

}  // namespace
}  // namespace virtio_user
