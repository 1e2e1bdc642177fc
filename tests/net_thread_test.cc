// SPDX-License-Identifier: BSD-3-Clause
//
// The data path on threads, with bare gates: while they are closed, what they
// guard is the control thread's own.

#include <chrono>
#include <thread>

#include "gtest/gtest.h"
#include "tests/net_echo.h"
#include "virtio_user/os/membarrier_quiescer.h"

namespace virtio_user {
namespace {

class NetThreads : public ::testing::TestWithParam<NetLayout> {
 protected:
  // While the gates are closed the kick and the published positions are this
  // thread's; the counters of kicks are plain numbers.
  void Control() {
    const auto quiescer = *MembarrierQuiescer::Create();
    const RingGate* const gates[] = {&echo_.tx().vring.ring.gate,
                                     &echo_.rx().vring.ring.gate};
    while (echo_.running()) {
      echo_.tx().Open();
      echo_.rx().Open();
      std::this_thread::sleep_for(std::chrono::microseconds(300));
      echo_.tx().Close();
      echo_.rx().Close();
      if (!quiescer->WaitIdle(gates, std::chrono::seconds(20))) {
        return echo_.Fail("the poller does not leave");
      }
      ChangeGuarded(echo_.tx());
      ChangeGuarded(echo_.rx());
      ++pauses_;
    }
  }
  void ChangeGuarded(NetBench& bench) {
    const RingPosition published = bench.vring.ring.published;
    const int signals = bench.fd_ops.signals;
    bench.vring.kick = FileDescriptor(bench.fd_ops, 3 + pauses_ % 2);
    std::this_thread::yield();
    if (bench.vring.ring.published != published ||
        bench.fd_ops.signals != signals) {
      echo_.Fail("the driver went on");
    }
  }

  Echo echo_{GetParam()};
  int pauses_ = 0;
};
INSTANTIATE_TEST_SUITE_P(All, NetThreads, ::testing::ValuesIn(ModernLayouts()),
                         NetLayoutName());

// D02: the used index stayed in a register. D07: a barrier was missing between
// flags and id.
TEST_P(NetThreads, EveryByteCrossesAndAStoppedDriverStandsStill_D02_D07) {
  echo_.Run(NetThreadPackets(), [this] { Control(); });
  EXPECT_GT(pauses_, 0);
}

}  // namespace
}  // namespace virtio_user
