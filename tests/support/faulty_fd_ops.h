// SPDX-License-Identifier: BSD-3-Clause

#ifndef TESTS_SUPPORT_FAULTY_FD_OPS_H_
#define TESTS_SUPPORT_FAULTY_FD_OPS_H_

#include <cerrno>
#include <vector>

#include "virtio_user/base/posix_fd_ops.h"

namespace testing_support {

// The kernel's descriptors, of which the n-th call (from 1; 0: none) fails.
class FaultyFdOps final : public virtio_user::FdOps {
 public:
  int fail_create_event = 0;
  int fail_map = 0;
  int fail_dup = 0;
  std::vector<int> closed;  // In order.
  int mapped = 0;           // Maps less Unmaps.

  virtio_user::Result<int> CreateEvent() override {
    if (--fail_create_event == 0) return Injected("eventfd");
    return real_.CreateEvent();
  }
  virtio_user::Result<int> Dup(int fd) override {
    if (--fail_dup == 0) return Injected("dup");
    return real_.Dup(fd);
  }
  virtio_user::Result<std::span<std::byte>> Map(int fd, uint64_t offset,
                                                size_t bytes) override {
    if (--fail_map == 0) return Injected("mmap");
    auto made = real_.Map(fd, offset, bytes);
    if (made) ++mapped;
    return made;
  }
  void Unmap(std::span<std::byte> span) override {
    --mapped;
    real_.Unmap(span);
  }
  void Close(int fd) override {
    closed.push_back(fd);
    real_.Close(fd);
  }
  virtio_user::Result<void> Signal(int fd) override { return real_.Signal(fd); }
  virtio_user::Result<uint64_t> Drain(int fd) override {
    return real_.Drain(fd);
  }
  virtio_user::Result<uint64_t> FileBytes(int fd) override {
    return real_.FileBytes(fd);
  }

 private:
  virtio_user::PosixFdOps real_;

  static std::unexpected<virtio_user::Error> Injected(const char* call) {
    return std::unexpected(
        virtio_user::Error::System(virtio_user::ErrorCode::kSystem, ENOMEM,
                                   "injected failure of %s", call));
  }
};

}  // namespace testing_support

#endif  // TESTS_SUPPORT_FAULTY_FD_OPS_H_
