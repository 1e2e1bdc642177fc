// SPDX-License-Identifier: BSD-3-Clause

#ifndef FUZZ_ANSWER_FILES_H_
#define FUZZ_ANSWER_FILES_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "virtio_user/base/file_descriptor.h"

namespace fuzz {

// Descriptors that a peer brings: numbers, each of a file of some length.
class AnswerFiles final : public virtio_user::FdOps {
 public:
  size_t open_count() const { return open_count_; }
  virtio_user::FileDescriptor Open(uint64_t bytes);

  void Close(int fd) override;
  virtio_user::Result<uint64_t> FileBytes(int fd) override;
  virtio_user::Result<int> CreateEvent() override { return None(); }
  virtio_user::Result<void> Signal(int) override { return None(); }
  virtio_user::Result<uint64_t> Drain(int) override { return None(); }
  virtio_user::Result<std::span<std::byte>> Map(int, uint64_t,
                                                size_t) override {
    return None();
  }
  void Unmap(std::span<std::byte>) override {}
  virtio_user::Result<int> Dup(int) override { return None(); }

 private:
  static std::unexpected<virtio_user::Error> None() {
    return virtio_user::Fail(virtio_user::ErrorCode::kUnsupported,
                             "not of these descriptors");
  }

  struct File {
    uint64_t bytes = 0;
    bool open = false;
  };
  std::vector<File> files_;  // By number.
  size_t open_count_ = 0;
};

}  // namespace fuzz

#endif  // FUZZ_ANSWER_FILES_H_
