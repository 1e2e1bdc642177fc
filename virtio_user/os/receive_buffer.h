// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_OS_RECEIVE_BUFFER_H_
#define VIRTIO_USER_OS_RECEIVE_BUFFER_H_

#include <array>
#include <cstddef>
#include <span>

#include "virtio_user/os/socket_receive.h"

namespace virtio_user {

// Bytes that were received while waiting for more, in order. One thread.
class ReceiveBuffer {
 public:
  // Enough for the acks of one window of messages: 200 of 20 bytes.
  static constexpr size_t kBytes = 4096;

  size_t size() const { return size_; }
  bool empty() const { return size() == 0; }
  // Whether the last byte came with descriptors; nothing may follow it then.
  bool ended_by_fds() const { return fd_count_ > 0; }

  // Room behind the bytes. Requires: size() + bytes <= kBytes.
  std::span<std::byte> Room(size_t bytes);
  // What ReceiveOnce stored at the front of Room. Takes its descriptor over.
  void Commit(SocketRead& read);
  // Moves bytes out; the descriptors go with the last of them.
  SocketRead Take(std::span<std::byte> into);
  void Clear();

 private:
  std::array<std::byte, kBytes> bytes_;
  size_t begin_ = 0;
  size_t size_ = 0;
  size_t fd_count_ = 0;
  FileDescriptor fd_;  // The first of them.
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_OS_RECEIVE_BUFFER_H_
