// SPDX-License-Identifier: BSD-3-Clause
//
// The fences between a driver and its device. Most devices are other cores of
// this machine, for which acquire, release and a full fence are enough. A
// device on a bus (VIRTIO_F_ORDER_PLATFORM) sees memory through the platform:
// there the same places need the barriers that order accesses to devices.
// The platform's ones come on top of the others and are asked for once a burst.

#ifndef VIRTIO_USER_RING_RING_BARRIER_H_
#define VIRTIO_USER_RING_RING_BARRIER_H_

#include <atomic>
#include <cstdint>

namespace virtio_user {

// Whether VIRTIO_F_ORDER_PLATFORM was negotiated.
enum class RingOrder : uint8_t { kSmp, kPlatform };

// Between what a device is to read and the word that makes it visible, which
// is a release store.
inline void RingWriteBarrier(RingOrder order) {
  if (order == RingOrder::kSmp) return;
#if defined(__x86_64__)
  asm volatile("sfence" ::: "memory");
#elif defined(__aarch64__)
  asm volatile("dmb oshst" ::: "memory");
#else
  std::atomic_thread_fence(std::memory_order_seq_cst);
#endif
}

// Between the word by which a device says what it has written, which is read
// by an acquire load, and what it has written.
inline void RingReadBarrier(RingOrder order) {
  if (order == RingOrder::kSmp) return;
#if defined(__x86_64__)
  asm volatile("lfence" ::: "memory");
#elif defined(__aarch64__)
  asm volatile("dmb oshld" ::: "memory");
#else
  std::atomic_thread_fence(std::memory_order_seq_cst);
#endif
}

// Between a store and a load of different words, as before a kick.
inline void RingFullBarrier(RingOrder order) {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (order == RingOrder::kSmp) return;
#if defined(__x86_64__)
  asm volatile("mfence" ::: "memory");
#elif defined(__aarch64__)
  asm volatile("dmb osh" ::: "memory");
#endif
}

}  // namespace virtio_user

#endif  // VIRTIO_USER_RING_RING_BARRIER_H_
