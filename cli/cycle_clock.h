// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_CYCLE_CLOCK_H_
#define CLI_CYCLE_CLOCK_H_

#include <cstdint>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace virtio_user::cli {

// The processor's own counter, which runs at a constant rate: the time stamp
// counter of x86-64, the virtual counter of Arm (which is slower than the
// clock).
inline uint64_t ReadCycles() {
#if defined(__x86_64__)
  return __rdtsc();
#elif defined(__aarch64__)
  uint64_t count = 0;
  asm volatile("mrs %0, cntvct_el0" : "=r"(count));
  return count;
#else
#error "no cycle counter is known for this machine"
#endif
}

}  // namespace virtio_user::cli

#endif  // CLI_CYCLE_CLOCK_H_
