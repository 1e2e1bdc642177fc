// SPDX-License-Identifier: BSD-3-Clause
//
// What production's Quiescer does, in a few lines, for tests that pause a
// polling thread.

#ifndef TESTS_QUIESCE_H_
#define TESTS_QUIESCE_H_

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <thread>

#include "virtio_user/ring/ring_gate.h"

namespace virtio_user {

// Makes every core that runs this process fence.
inline void FenceAllThreads() {
  static const bool registered =
      syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0,
              0) == 0;
  if (registered) {
    syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
  } else {
    syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
  }
}

// Closes the gate; the ring is the caller's when this returns.
inline void CloseAndWait(RingGate& gate) {
  gate.Close();
  FenceAllThreads();
  while (gate.busy()) std::this_thread::yield();
}

}  // namespace virtio_user

#endif  // TESTS_QUIESCE_H_
