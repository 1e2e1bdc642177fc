// SPDX-License-Identifier: BSD-3-Clause
//
// A back-end on lib/vhost is killed with buffers in flight and started again:
// by lib/vhost's own notes each comes back once.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>

#include "tests/fakes/numbered_lane.h"
#include "tests/fakes/test_driver.h"
#include "tests/interop/child_process.h"
#include "tests/support/temp_dir.h"
#include "virtio_user/base/posix_fd_ops.h"
#include "virtio_user/device/device.h"
#include "virtio_user/os/membarrier_quiescer.h"
#include "virtio_user/os/memfd_memory.h"
#include "virtio_user/os/open_backend.h"

namespace interop {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using testing_support::NumberedLane;
using testing_support::TestDriver;
using virtio_user::Device;
using virtio_user::DeviceState;
using virtio_user::Feature;
using virtio_user::RingsAfter;

constexpr char kServer[] = "tests/interop/noting_server";
constexpr seconds kPatience(60);

class NotingServerTest : public testing::Test {
 protected:
  void SetUp() override {
    ::setenv("RUNTIME_DIRECTORY", dir_.path().c_str(), 1);
    memory_ = *virtio_user::MemfdMemory::Create(
        fds_, {.arena_bytes = size_t{4} << 20});
    quiescer_ = *virtio_user::MembarrierQuiescer::Create();
    Serve(3);
    auto backend = virtio_user::OpenBackend(fds_, {.path = socket_});
    ASSERT_TRUE(backend.has_value()) << backend.error().text();
    auto device = Device::Create({.queue_size = 8, .in_order = false},
                                 {.backend = *std::move(backend),
                                  .memory = *memory_,
                                  .fds = fds_,
                                  .quiescer = *quiescer_});
    ASSERT_TRUE(device.has_value()) << device.error().text();
    device_ = *std::move(device);
    driver_.emplace(*device_, *memory_);
    const auto set_up = driver_->SetUp(1);
    ASSERT_TRUE(set_up.has_value()) << set_up.error().text();
    ASSERT_TRUE(device_->backend_caps().inflight);
    lane_.emplace(*device_, *memory_, uint16_t{1},
                  virtio_user::BufferUse::kDeviceReads);
    const auto started = device_->Start();
    ASSERT_TRUE(started.has_value()) << started.error().text() << Log();
  }
  void TearDown() override {
    device_.reset();
    lane_.reset();
    driver_.reset();
  }

  std::string Log() const { return ReadFile(dir_.Join("log")); }
  // Starts the server, which listens when this returns.
  void Serve(int kept) {
    ::unlink(socket_.c_str());
    ::unlink(dir_.Join("log").c_str());
    server_ = ChildProcess::Start(
        {.arguments = {kServer, socket_, std::to_string(kept), "--no-huge",
                       "--no-shconf", "--no-pci", "--no-telemetry", "-m", "64",
                       "-l", "0"},
         .output_path = dir_.Join("log")});
    ASSERT_NE(server_, nullptr);
    const auto end = steady_clock::now() + kPatience;
    while (Log().find("listening") == std::string::npos) {
      ASSERT_LT(steady_clock::now(), end) << Log();
      std::this_thread::sleep_for(milliseconds(5));
    }
  }
  // Kills the server, starts another one, and goes on with it.
  void Replace(int kept) {
    server_->Kill();
    server_->Wait(seconds(5));
    Serve(kept);
    (void)device_->Poll();
    ASSERT_EQ(device_->state(), DeviceState::kNeedsReset);
    const auto after = device_->ReattachKeepingRings();
    ASSERT_TRUE(after.has_value()) << after.error().text() << Log();
    ASSERT_EQ(*after, RingsAfter::kKept);
    const auto started = device_->Start();
    ASSERT_TRUE(started.has_value()) << started.error().text() << Log();
  }
  // Until `done`, or nothing has come for a long time.
  template <typename Done>
  void TakeUntil(Done done) {
    const auto end = steady_clock::now() + seconds(10);
    while (!done() && steady_clock::now() < end) {
      Take();
      std::this_thread::sleep_for(milliseconds(1));
    }
  }
  void Take() {
    for (const uint32_t number : lane_->Take()) ++back_[number];
  }
  void ExpectEachBackOnce() {
    TakeUntil([&] { return lane_->in_flight() == 0; });
    EXPECT_EQ(lane_->broken(), "");
    EXPECT_EQ(lane_->in_flight(), 0u) << Log();
    EXPECT_EQ(back_.size(), lane_->offered());
    for (const auto& [number, times] : back_) EXPECT_EQ(times, 1) << number;
  }

  const testing_support::TempDir dir_;
  const std::string socket_ = dir_.Join("s");
  virtio_user::PosixFdOps fds_;
  std::unique_ptr<virtio_user::MemfdMemory> memory_;
  std::unique_ptr<virtio_user::MembarrierQuiescer> quiescer_;
  std::unique_ptr<ChildProcess> server_;
  std::optional<TestDriver> driver_;
  std::optional<NumberedLane> lane_;
  std::unique_ptr<Device> device_;
  std::map<uint32_t, int> back_;
};

TEST_F(NotingServerTest, WhatAKilledServerHadComesBackFromTheNextOne) {
  lane_->Offer(6);
  TakeUntil([&] { return back_.size() == 3; });
  ASSERT_EQ(lane_->in_flight(), 3u) << Log();

  Replace(0);

  lane_->Offer(2);
  ExpectEachBackOnce();
  EXPECT_NE(Log().find("ready, 3 resubmitted"), std::string::npos) << Log();
}

TEST_F(NotingServerTest, AServerKilledAtAnyMomentLosesNothing) {
  std::mt19937 random(1);
  for (int round = 0; round < 8; ++round) {
    SCOPED_TRACE(round);
    const auto end = steady_clock::now() + milliseconds(random() % 40);
    while (steady_clock::now() < end) {
      lane_->Offer(random() % 4);
      Take();
    }
    Replace(static_cast<int>(random() % 4));
    if (HasFatalFailure()) return;
  }
  Replace(0);
  if (HasFatalFailure()) return;
  ExpectEachBackOnce();
}

TEST_F(NotingServerTest, AStopLeavesNotesThatGoOn) {
  // Nothing is kept here, so that a stop has nothing to wait for.
  Replace(0);
  if (HasFatalFailure()) return;
  lane_->Offer(5);
  TakeUntil([&] { return back_.size() == 5; });
  ASSERT_TRUE(device_->Stop().has_value());
  ASSERT_TRUE(device_->Start().has_value());
  lane_->Offer(5);
  TakeUntil([&] { return back_.size() == 10; });
  Replace(3);
  if (HasFatalFailure()) return;
  lane_->Offer(6);
  TakeUntil([&] { return back_.size() == 13; });
  Replace(0);
  if (HasFatalFailure()) return;
  ExpectEachBackOnce();
}

}  // namespace
}  // namespace interop
