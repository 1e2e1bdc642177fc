// SPDX-License-Identifier: BSD-3-Clause
//
// How this project touches memory that a peer may write at any moment: whole,
// naturally aligned words, each by one atomic access. A plain read or a memcpy
// may be fetched a second time by the compiler, after the check.

#ifndef VIRTIO_USER_RING_SHARED_MEMORY_H_
#define VIRTIO_USER_RING_SHARED_MEMORY_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace virtio_user {

// A word of shared memory. Requires: `at` is aligned to sizeof(T).
template <typename T>
[[gnu::always_inline]] inline std::atomic_ref<T> SharedWord(std::byte* at) {
  static_assert(sizeof(T) <= 8 && std::atomic_ref<T>::is_always_lock_free);
  // So that no build looks whether it is, which costs as much as the access.
  return std::atomic_ref<T>(
      *reinterpret_cast<T*>(std::assume_aligned<sizeof(T)>(at)));
}

template <typename T>
[[gnu::always_inline]] inline T LoadRelaxed(std::byte* at) {
  return SharedWord<T>(at).load(std::memory_order_relaxed);
}

template <typename T>
[[gnu::always_inline]] inline void StoreRelaxed(std::byte* at, T value) {
  SharedWord<T>(at).store(value, std::memory_order_relaxed);
}

// Copies shared bytes, each loaded once, whatever the alignment.
inline void CopyFromShared(std::span<std::byte> shared, std::byte* to) {
  for (std::byte& from : shared) {
    *to++ = std::atomic_ref<std::byte>(from).load(std::memory_order_relaxed);
  }
}

}  // namespace virtio_user

#endif  // VIRTIO_USER_RING_SHARED_MEMORY_H_
