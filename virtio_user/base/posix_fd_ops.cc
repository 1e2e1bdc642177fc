// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/base/posix_fd_ops.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace virtio_user {

Result<int> PosixFdOps::CreateEvent() {
  const int fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd >= 0) return fd;
  return std::unexpected(
      Error::System(ErrorCode::kSystem, errno,
                    "eventfd: cannot make another one (raise RLIMIT_NOFILE?)"));
}

void PosixFdOps::Close(int fd) {
  // EINTR included: on Linux the descriptor is gone either way.
  ::close(fd);
}

Result<void> PosixFdOps::Signal(int fd) {
  const uint64_t one = 1;
  ssize_t written = 0;
  do {
    written = ::write(fd, &one, sizeof(one));
  } while (written < 0 && errno == EINTR);
  if (written == sizeof(one) || errno == EAGAIN) return {};
  return std::unexpected(Error::System(ErrorCode::kSystem, errno,
                                       "cannot signal descriptor %d", fd));
}

Result<uint64_t> PosixFdOps::Drain(int fd) {
  uint64_t count = 0;
  ssize_t got = 0;
  do {
    got = ::read(fd, &count, sizeof(count));
  } while (got < 0 && errno == EINTR);
  if (got == sizeof(count)) return count;
  if (got < 0 && errno == EAGAIN) return 0;
  return std::unexpected(Error::System(ErrorCode::kSystem, errno,
                                       "cannot read descriptor %d", fd));
}

Result<std::span<std::byte>> PosixFdOps::Map(int fd, uint64_t offset,
                                             size_t bytes) {
  void* mapped = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
                        static_cast<off_t>(offset));
  if (mapped == MAP_FAILED) {
    return std::unexpected(
        Error::System(ErrorCode::kSystem, errno,
                      "cannot map %zu bytes of descriptor %d", bytes, fd));
  }
  return std::span(static_cast<std::byte*>(mapped), bytes);
}

// Drivers refuse a doorbell that can be read.
Result<std::span<std::byte>> PosixFdOps::MapDoorbell(int fd, uint16_t index) {
  const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  void* mapped = ::mmap(nullptr, page, PROT_WRITE, MAP_SHARED, fd,
                        static_cast<off_t>(page * index));
  if (mapped == MAP_FAILED) {
    return std::unexpected(
        Error::System(ErrorCode::kSystem, errno,
                      "cannot map doorbell %u of descriptor %d", index, fd));
  }
  return std::span(static_cast<std::byte*>(mapped), page);
}

void PosixFdOps::Unmap(std::span<std::byte> mapped) {
  ::munmap(mapped.data(), mapped.size());
}

Result<int> PosixFdOps::Dup(int fd) {
  const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (copy >= 0) return copy;
  return std::unexpected(Error::System(ErrorCode::kSystem, errno,
                                       "cannot duplicate descriptor %d", fd));
}

Result<uint64_t> PosixFdOps::FileBytes(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) {
    return std::unexpected(Error::System(ErrorCode::kSystem, errno,
                                         "cannot look at descriptor %d", fd));
  }
  if (!S_ISREG(status.st_mode)) return 0;
  return static_cast<uint64_t>(status.st_size);
}

}  // namespace virtio_user
