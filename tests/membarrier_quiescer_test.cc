// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/os/membarrier_quiescer.h"

#include <gtest/gtest.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <thread>

#include "tests/support/failing_syscall.h"
#include "tests/support/fd_balance.h"
#include "tests/support/stopwatch.h"

namespace virtio_user {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing_support::Stopwatch;
using testing_support::WithFailingSyscall;

class MembarrierQuiescerTest : public testing_support::FdBalanceTest {
 protected:
  void SetUp() override {
    auto made = MembarrierQuiescer::Create();
    if (!made) GTEST_SKIP() << made.error().text();
    quiescer_ = std::move(*made);
  }
  Result<void> WaitIdle(const RingGate& gate, Duration budget) {
    const RingGate* const gates[] = {&gate};
    return quiescer_->WaitIdle(gates, budget);
  }

  std::unique_ptr<MembarrierQuiescer> quiescer_;
};

TEST_F(MembarrierQuiescerTest, NoGatesAreIdle) {
  EXPECT_TRUE(quiescer_->WaitIdle({}, Duration::zero()).has_value());
}

TEST_F(MembarrierQuiescerTest, AnIdleGateNeedsNoBudget) {
  RingGate gate;
  gate.Open();
  gate.Close();

  EXPECT_TRUE(WaitIdle(gate, Duration::zero()).has_value());
}

TEST_F(MembarrierQuiescerTest, ASecondQuiescerIsAsGoodAsTheFirst) {
  EXPECT_TRUE(MembarrierQuiescer::Create().has_value());
}

TEST_F(MembarrierQuiescerTest, APollerThatIsInsideIsWaitedFor) {
  RingGate gate;
  gate.Open();
  ASSERT_TRUE(gate.Enter());
  gate.Close();
  std::atomic<bool> left = false;
  std::thread poller([&] {
    std::this_thread::sleep_for(milliseconds(30));
    left = true;
    gate.Leave();
  });

  const Result<void> idle = WaitIdle(gate, seconds(20));

  EXPECT_TRUE(left);
  EXPECT_TRUE(idle.has_value());
  poller.join();
}

TEST_F(MembarrierQuiescerTest, H2_APollerThatHangsCostsTheBudgetNoMore) {
  RingGate idle;
  RingGate stuck;
  stuck.Open();
  ASSERT_TRUE(stuck.Enter());
  stuck.Close();
  const RingGate* const gates[] = {&idle, &stuck};
  const Stopwatch watch;

  const Result<void> waited = quiescer_->WaitIdle(gates, milliseconds(60));

  ASSERT_FALSE(waited.has_value());
  EXPECT_EQ(waited.error().code(), ErrorCode::kDeadline);
  EXPECT_NE(waited.error().text().find("ring 1"), std::string_view::npos);
  EXPECT_GE(watch.elapsed(), milliseconds(60));
  EXPECT_LT(watch.elapsed(), seconds(2));
  EXPECT_FALSE(stuck.open());
}

// The poller writes without atomics what the control thread writes too: once
// WaitIdle has returned only the control thread may.
TEST_F(MembarrierQuiescerTest, AfterWaitIdleTheRingIsTheControlThreadsOwn) {
  RingGate gate;
  uint64_t ring = 0;
  uint64_t bursts = 0;
  std::atomic<bool> stop = false;
  std::thread poller([&] {
    while (!stop) {
      if (!gate.Enter()) continue;
      ++ring;
      ++bursts;
      gate.Leave();
    }
  });

  for (int i = 0; i < 200; ++i) {
    gate.Open();
    std::this_thread::yield();
    gate.Close();
    ASSERT_TRUE(WaitIdle(gate, seconds(20)).has_value());
    const uint64_t seen = ring;
    ring = 0;
    std::this_thread::yield();
    ASSERT_EQ(ring, 0u) << "after " << seen;
  }
  stop = true;
  poller.join();
}

TEST_F(MembarrierQuiescerTest, AKernelWithoutItIsUnsupportedAtCreate) {
  for (const int why : {ENOSYS, EINVAL, EPERM}) {
    const bool ran = WithFailingSyscall({SYS_membarrier, why}, [&] {
      const auto made = MembarrierQuiescer::Create();
      ASSERT_FALSE(made.has_value());
      EXPECT_EQ(made.error().code(), ErrorCode::kUnsupported);
      EXPECT_EQ(made.error().sys_errno(), why);
    });
    if (!ran) GTEST_SKIP() << "no seccomp filters here";
  }
}

TEST_F(MembarrierQuiescerTest, ABarrierThatFailsLaterIsAnError) {
  RingGate gate;
  const bool ran = WithFailingSyscall({SYS_membarrier, EPERM}, [&] {
    const Result<void> idle = WaitIdle(gate, seconds(1));
    ASSERT_FALSE(idle.has_value());
    EXPECT_EQ(idle.error().code(), ErrorCode::kSystem);
    EXPECT_EQ(idle.error().sys_errno(), EPERM);
  });
  if (!ran) GTEST_SKIP() << "no seccomp filters here";
}

}  // namespace
}  // namespace virtio_user
