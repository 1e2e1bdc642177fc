// SPDX-License-Identifier: BSD-3-Clause

#ifndef TESTS_COUNTING_FD_OPS_H_
#define TESTS_COUNTING_FD_OPS_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "virtio_user/base/error.h"
#include "virtio_user/base/file_descriptor.h"

namespace virtio_user {

// Counts signals, and can refuse them. Does nothing else.
class CountingFdOps : public FdOps {
 public:
  Result<int> CreateEvent() override { return 3; }
  void Close(int) override {}
  Result<void> Signal(int) override {
    ++signals;
    if (refuse) return Fail(ErrorCode::kSystem, "refused by the test");
    return {};
  }
  Result<uint64_t> Drain(int) override { return uint64_t{0}; }
  Result<std::span<std::byte>> Map(int, uint64_t, size_t) override {
    return Fail(ErrorCode::kUnsupported, "not in this test");
  }
  void Unmap(std::span<std::byte>) override {}
  Result<int> Dup(int fd) override { return fd; }
  Result<uint64_t> FileBytes(int) override { return 0; }

  int signals = 0;
  bool refuse = false;
};

}  // namespace virtio_user

#endif  // TESTS_COUNTING_FD_OPS_H_
