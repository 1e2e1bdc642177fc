// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/os/receive_buffer.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "virtio_user/base/check.h"

namespace virtio_user {

std::span<std::byte> ReceiveBuffer::Room(size_t bytes) {
  VU_CHECK(size() + bytes <= kBytes);
  if (begin_ > 0) {
    std::memmove(bytes_.data(), bytes_.data() + begin_, size());
    begin_ = 0;
  }
  return std::span(bytes_).subspan(size(), bytes);
}

void ReceiveBuffer::Commit(SocketRead& read) {
  fd_count_ += read.fd_count;
  if (read.fd.valid() && !fd_.valid()) fd_ = std::move(read.fd);
  size_ += read.bytes;
}

SocketRead ReceiveBuffer::Take(std::span<std::byte> into) {
  SocketRead taken;
  taken.bytes = std::min(into.size(), size());
  std::memcpy(into.data(), bytes_.data() + begin_, taken.bytes);
  begin_ += taken.bytes;
  size_ -= taken.bytes;
  if (empty()) {
    taken.fd_count = std::exchange(fd_count_, 0);
    taken.fd = std::move(fd_);
  }
  return taken;
}

void ReceiveBuffer::Clear() {
  begin_ = 0;
  fd_count_ = 0;
  fd_.Reset();
  size_ = 0;
}

}  // namespace virtio_user
