// SPDX-License-Identifier: BSD-3-Clause
//
// A testpmd that stands still (SIGSTOP) at any point of a device's life: every
// call comes back when its budget is spent, and a device that lost its peer so
// works again once testpmd goes on.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "cli/net_driver.h"
#include "tests/interop/testpmd.h"
#include "tests/support/fd_balance.h"
#include "tests/support/stopwatch.h"
#include "tests/support/temp_dir.h"
#include "virtio_user/base/posix_fd_ops.h"
#include "virtio_user/device/device.h"
#include "virtio_user/os/membarrier_quiescer.h"
#include "virtio_user/os/memfd_memory.h"
#include "virtio_user/os/open_backend.h"

namespace interop {
namespace {

using std::chrono::seconds;
using virtio_user::Device;
using virtio_user::DeviceState;
using virtio_user::ErrorCode;
using virtio_user::Result;
using virtio_user::cli::NetDriver;

constexpr seconds kPatience(60);
constexpr seconds kBudget(2);
// A call that does not keep its deadline never ends: this is no measurement.
constexpr seconds kFarMoreThanTheBudget(10);

class FrozenPeerTest : public testing_support::FdBalanceTest {
 protected:
  void SetUp() override {
    const auto why = Testpmd::WhyNot(TestpmdMemory::kOrdinary);
    if (why) GTEST_SKIP() << *why;
    std::string log;
    testpmd_ =
        Testpmd::Start({.folder = dir_.path(), .socket = socket_, .queues = 2},
                       kPatience, log);
    ASSERT_NE(testpmd_, nullptr) << log;
    auto memory = virtio_user::MemfdMemory::Create(
        fds_, {.arena_bytes = size_t{16} << 20});
    ASSERT_TRUE(memory.has_value()) << memory.error().text();
    memory_ = *std::move(memory);
    auto quiescer = virtio_user::MembarrierQuiescer::Create();
    ASSERT_TRUE(quiescer.has_value());
    quiescer_ = *std::move(quiescer);
  }
  void TearDown() override {
    device_.reset();
    driver_.reset();
    quiescer_.reset();
    memory_.reset();
    testpmd_.reset();
  }

  Result<void> Create() {
    auto backend = virtio_user::OpenBackend(fds_, {.path = socket_});
    if (!backend) return Fail(backend);
    auto device = Device::Create(
        {.queue_pairs = 2, .control_queue = true, .call_budget = kBudget},
        {.backend = *std::move(backend),
         .memory = *memory_,
         .fds = fds_,
         .quiescer = *quiescer_});
    if (!device) return Fail(device);
    device_ = *std::move(device);
    return {};
  }
  // Up to kRunning.
  void Run() {
    const auto created = Create();
    ASSERT_TRUE(created.has_value()) << created.error().text();
    auto driver = NetDriver::Create(*device_, *memory_, {});
    ASSERT_TRUE(driver.has_value()) << driver.error().text();
    driver_ = *std::move(driver);
    const auto started = device_->Start();
    ASSERT_TRUE(started.has_value()) << started.error().text();
  }
  // What `call` says of a peer that stands still.
  template <typename Call>
  static ErrorCode CodeOf(Call call) {
    const testing_support::Stopwatch watch;
    const Result<void> done = call();
    EXPECT_LT(watch.elapsed(), kFarMoreThanTheBudget);
    EXPECT_FALSE(done.has_value());
    return done ? ErrorCode::kSystem : done.error().code();
  }
  void ExpectReattachOnceThawed() {
    EXPECT_EQ(device_->state(), DeviceState::kNeedsReset);
    testpmd_->Thaw();
    // It has to notice first that the old connection is over.
    Result<void> attached;
    for (int i = 0; i < 20; ++i) {
      attached = device_->Reattach();
      if (attached) break;
    }
    ASSERT_TRUE(attached.has_value()) << attached.error().text();
    driver_->ReclaimAll();
    const auto started = device_->Start();
    EXPECT_TRUE(started.has_value()) << started.error().text();
  }

  testing_support::TempDir dir_;
  const std::string socket_ = dir_.Join("v.sock");
  virtio_user::PosixFdOps fds_;
  std::unique_ptr<Testpmd> testpmd_;
  std::unique_ptr<virtio_user::MemfdMemory> memory_;
  std::unique_ptr<virtio_user::MembarrierQuiescer> quiescer_;
  std::unique_ptr<Device> device_;
  std::unique_ptr<NetDriver> driver_;
};

TEST_F(FrozenPeerTest, CreateComesBack) {
  testpmd_->Freeze();
  EXPECT_EQ(CodeOf([&] { return Create(); }), ErrorCode::kDeadline);
  testpmd_->Thaw();
}

TEST_F(FrozenPeerTest, StartComesBack) {
  ASSERT_NO_FATAL_FAILURE(Run());
  ASSERT_TRUE(device_->Stop().has_value());
  testpmd_->Freeze();
  EXPECT_EQ(CodeOf([&] { return device_->Start(); }), ErrorCode::kDeadline);
  ExpectReattachOnceThawed();
}

TEST_F(FrozenPeerTest, StopComesBack) {
  ASSERT_NO_FATAL_FAILURE(Run());
  testpmd_->Freeze();
  EXPECT_EQ(CodeOf([&] { return device_->Stop(); }), ErrorCode::kDeadline);
  ExpectReattachOnceThawed();
}

TEST_F(FrozenPeerTest, ACommandForMorePairsComesBack) {
  ASSERT_NO_FATAL_FAILURE(Run());
  testpmd_->Freeze();
  const testing_support::Stopwatch watch;
  EXPECT_FALSE(driver_->control()->SetQueuePairs(2).has_value());
  EXPECT_LT(watch.elapsed(), kFarMoreThanTheBudget);
  ExpectReattachOnceThawed();
}

TEST_F(FrozenPeerTest, MemoryThatComesOrGoesIsNotHeldUp) {
  ASSERT_NO_FATAL_FAILURE(Run());
  const auto early = memory_->AddRegion(size_t{1} << 20);
  ASSERT_TRUE(early.has_value());
  testpmd_->Freeze();
  const testing_support::Stopwatch watch;
  // The memory is the provider's to give; only the device loses its peer.
  const auto late = memory_->AddRegion(size_t{1} << 20);
  EXPECT_TRUE(late.has_value());
  EXPECT_TRUE(memory_->RemoveRegion(*early).has_value());
  EXPECT_LT(watch.elapsed(), 2 * kFarMoreThanTheBudget);
  ExpectReattachOnceThawed();
}

TEST_F(FrozenPeerTest, ReattachComesBack) {
  ASSERT_NO_FATAL_FAILURE(Run());
  testpmd_->Freeze();
  EXPECT_EQ(CodeOf([&] { return device_->Reattach(); }), ErrorCode::kDeadline);
  ExpectReattachOnceThawed();
}

TEST_F(FrozenPeerTest, TheEndOfTheDeviceComes) {
  ASSERT_NO_FATAL_FAILURE(Run());
  testpmd_->Freeze();
  const testing_support::Stopwatch watch;
  device_.reset();
  EXPECT_LT(watch.elapsed(), kFarMoreThanTheBudget);
  testpmd_->Thaw();
}

}  // namespace
}  // namespace interop
