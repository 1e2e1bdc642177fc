// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/os/directory_lock.h"

#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <ctime>

#include "virtio_user/os/monotonic_clock.h"

namespace virtio_user {
namespace {

// Between two attempts: the lock has no wait with a deadline.
constexpr Duration kNap = std::chrono::milliseconds(1);

}  // namespace

Result<FileDescriptor> LockDirectory(FdOps& ops, int directory,
                                     Deadline deadline) {
  // Opened anew: an O_PATH descriptor takes no lock.
  const int fd = ::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) {
    return std::unexpected(Error::System(ErrorCode::kSystem, errno,
                                         "cannot open a directory to lock it"));
  }
  FileDescriptor lock(ops, fd);
  for (;;) {
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return lock;
    const int why = errno;
    const Duration left = TimeLeft(deadline);
    if (why != EWOULDBLOCK || left == Duration::zero()) {
      return std::unexpected(
          Error::System(ErrorCode::kSystem, why, "cannot lock a directory"));
    }
    // Waking early because of a signal does no harm.
    const timespec nap = ToTimespec(std::min(left, kNap));
    ::nanosleep(&nap, nullptr);
  }
}

}  // namespace virtio_user
