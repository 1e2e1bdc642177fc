// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_OS_RANDOM_BASE_H_
#define VIRTIO_USER_OS_RANDOM_BASE_H_

#include <cstddef>
#include <cstdint>

#include "virtio_user/base/error.h"

namespace virtio_user {

// Published bases end here: what every x86-64 back-end can map, with room.
inline constexpr uint64_t kPublishedEnd = uint64_t{1} << 47;
inline constexpr size_t kPageBytes = 4096;

// A page-aligned base from the kernel's random numbers (getrandom(2)), at
// least one page, such that base + bytes <= kPublishedEnd.
// kInvalidArgument: `bytes` does not fit there.
Result<uint64_t> RandomBase(size_t bytes);

}  // namespace virtio_user

#endif  // VIRTIO_USER_OS_RANDOM_BASE_H_
