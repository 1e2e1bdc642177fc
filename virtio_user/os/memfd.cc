// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/os/memfd.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

namespace virtio_user {

Result<FileDescriptor> MakeSealedMemfd(FdOps& ops, size_t bytes) {
  const int fd = ::memfd_create("virtio_user", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) {
    return std::unexpected(
        Error::System(ErrorCode::kSystem, errno,
                      "memfd_create: no memory to share with a back-end"));
  }
  FileDescriptor made(ops, fd);
  if (::ftruncate(fd, static_cast<off_t>(bytes)) != 0) {
    return std::unexpected(
        Error::System(ErrorCode::kSystem, errno,
                      "cannot give shared memory a size of %zu bytes", bytes));
  }
  constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
  if (::fcntl(fd, F_ADD_SEALS, kSeals) != 0) {
    return std::unexpected(Error::System(
        ErrorCode::kSystem, errno, "cannot seal the size of shared memory"));
  }
  return made;
}

}  // namespace virtio_user
