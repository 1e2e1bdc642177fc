// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_OS_POSIX_KERNEL_CALLS_H_
#define VIRTIO_USER_OS_POSIX_KERNEL_CALLS_H_

#include <string>

#include "virtio_user/os/kernel_calls.h"

namespace virtio_user {

// The kernel that this process runs on.
class PosixKernelCalls final : public KernelCalls {
 public:
  // `fds` is this process's, and outlives it.
  explicit PosixKernelCalls(FdOps& fds) : fds_(fds) {}

  FdOps& fds() override { return fds_; }
  int Open(const std::string& path) override;
  int Ioctl(int fd, unsigned long request, void* argument) override;
  int IoctlNumber(int fd, unsigned long request, unsigned long number) override;
  int Read(int fd, std::span<std::byte> into) override;
  int Write(int fd, std::span<const std::byte> from) override;
  int Poll(int fd, KernelEvent event, Deadline deadline) override;
  void Sleep(Deadline deadline) override;
  Deadline After(Duration budget) override;
  bool HasPassed(Deadline deadline) override;
  std::string ReadText(const std::string& path) override;

 private:
  FdOps& fds_;
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_OS_POSIX_KERNEL_CALLS_H_
