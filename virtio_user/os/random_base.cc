// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/os/random_base.h"

#include <sys/random.h>

#include <cerrno>

namespace virtio_user {

Result<uint64_t> RandomBase(size_t bytes) {
  if (bytes > kPublishedEnd - kPageBytes) {
    return Fail(ErrorCode::kInvalidArgument,
                "%zu bytes do not fit below the end of the addresses", bytes);
  }
  uint64_t random = 0;
  ssize_t got = 0;
  do {
    got = ::getrandom(&random, sizeof(random), 0);
  } while (got < 0 && errno == EINTR);
  // Up to 256 bytes come whole or not at all (getrandom(2)).
  if (got != sizeof(random)) {
    return std::unexpected(
        Error::System(ErrorCode::kSystem, errno, "no random number to be had"));
  }
  // Page 0 is left out: an address of 0 means "none" to some back-ends.
  const uint64_t last_page = (kPublishedEnd - bytes) / kPageBytes;
  return (1 + random % last_page) * kPageBytes;
}

}  // namespace virtio_user
