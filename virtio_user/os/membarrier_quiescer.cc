// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/os/membarrier_quiescer.h"

#include <linux/membarrier.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "virtio_user/os/monotonic_clock.h"

namespace virtio_user {
namespace {

// glibc has no wrapper. -1 and errno on failure.
long Membarrier(int command) {
  return ::syscall(SYS_membarrier, command, 0, 0);
}

// A burst takes microseconds: first give way, then sleep.
class Backoff {
 public:
  void Wait(Duration left) {
    if (++rounds_ <= kYields) {
      ::sched_yield();
      return;
    }
    const timespec nap = ToTimespec(std::min(left, kNap));
    // Waking early because of a signal does no harm.
    ::nanosleep(&nap, nullptr);
  }

 private:
  static constexpr int kYields = 64;
  static constexpr Duration kNap = std::chrono::microseconds(100);

  int rounds_ = 0;
};

Result<void> WaitUntilLeft(const RingGate& gate, size_t index,
                           Deadline deadline) {
  Backoff backoff;
  while (gate.busy()) {
    const Duration left = TimeLeft(deadline);
    if (left == Duration::zero()) {
      return Fail(ErrorCode::kDeadline,
                  "the poller of ring %zu of those that were paused did not "
                  "leave it in time; does its thread hang?",
                  index);
    }
    backoff.Wait(left);
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<MembarrierQuiescer>> MembarrierQuiescer::Create() {
  // Registering says in one call whether the kernel has the command; doing it
  // again for another quiescer changes nothing.
  if (Membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0) {
    return std::unique_ptr<MembarrierQuiescer>(new MembarrierQuiescer());
  }
  return std::unexpected(Error::System(
      ErrorCode::kUnsupported, errno,
      "membarrier(PRIVATE_EXPEDITED) is not to be had; it takes Linux 4.14 "
      "with CONFIG_MEMBARRIER, and a sandbox that permits it"));
}

Result<void> MembarrierQuiescer::WaitIdle(
    std::span<const RingGate* const> gates, Duration budget) {
  const Deadline deadline = DeadlineAfter(budget);
  // Pairs with the compiler barrier in RingGate::Enter: from here on a poller
  // either sees its gate closed, or we see it busy.
  if (Membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) != 0) {
    return std::unexpected(Error::System(ErrorCode::kSystem, errno,
                                         "membarrier failed; pollers may be in "
                                         "their rings still"));
  }
  for (size_t i = 0; i < gates.size(); ++i) {
    const Result<void> left = WaitUntilLeft(*gates[i], i, deadline);
    if (!left) return left;
  }
  return {};
}

}  // namespace virtio_user
