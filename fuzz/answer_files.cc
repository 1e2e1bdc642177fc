// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/answer_files.h"

#include "virtio_user/base/check.h"

namespace fuzz {
namespace {

constexpr size_t kUsual = 16;

}  // namespace

virtio_user::FileDescriptor AnswerFiles::Open(uint64_t bytes) {
  if (files_.empty()) files_.reserve(kUsual);
  files_.push_back({.bytes = bytes, .open = true});
  ++open_count_;
  return {*this, static_cast<int>(files_.size() - 1)};
}

void AnswerFiles::Close(int fd) {
  File& file = files_.at(static_cast<size_t>(fd));
  VU_CHECK(file.open);
  file.open = false;
  --open_count_;
}

virtio_user::Result<uint64_t> AnswerFiles::FileBytes(int fd) {
  return files_.at(static_cast<size_t>(fd)).bytes;
}

}  // namespace fuzz
