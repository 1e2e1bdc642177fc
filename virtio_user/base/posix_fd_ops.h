// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_BASE_POSIX_FD_OPS_H_
#define VIRTIO_USER_BASE_POSIX_FD_OPS_H_

#include "virtio_user/base/file_descriptor.h"

namespace virtio_user {

// FdOps on the kernel's own descriptors. Stateless; thread-safe.
class PosixFdOps : public FdOps {
 public:
  Result<int> CreateEvent() override;
  void Close(int fd) override;
  Result<void> Signal(int fd) override;
  Result<uint64_t> Drain(int fd) override;
  Result<std::span<std::byte>> Map(int fd, uint64_t offset,
                                   size_t bytes) override;
  Result<std::span<std::byte>> MapDoorbell(int fd, uint16_t index) override;
  void Unmap(std::span<std::byte> mapped) override;
  Result<int> Dup(int fd) override;
  Result<uint64_t> FileBytes(int fd) override;
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_BASE_POSIX_FD_OPS_H_
