// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/os/socket_send.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "virtio_user/base/check.h"
#include "virtio_user/spec/vhost_user.h"

namespace virtio_user {
namespace {

// What one sendmmsg takes: at most so many chunks, each of which may begin a
// message of its own. Points into the chunks; lives for one call.
class SendBatch {
 public:
  static constexpr size_t kMaxChunks = 64;

  bool full() const { return chunk_count_ == kMaxChunks; }
  size_t bytes() const { return bytes_; }

  // Requires: !full(), and descriptors only with bytes.
  void Add(std::span<const std::byte> bytes, std::span<const int> fds);
  // How many bytes went out; 0 where there was no room for any.
  Result<size_t> Send(int fd);

 private:
  struct Control {
    alignas(
        cmsghdr) std::byte bytes[CMSG_SPACE(kVhostUserMaxFds * sizeof(int))];
  };

  void Attach(msghdr& header, Control& control, std::span<const int> fds);

  std::array<mmsghdr, kMaxChunks> messages_;
  std::array<iovec, kMaxChunks> vectors_;
  std::array<Control, kMaxChunks> controls_;
  size_t message_count_ = 0;
  size_t chunk_count_ = 0;
  size_t bytes_ = 0;
};

void SendBatch::Attach(msghdr& header, Control& control,
                       std::span<const int> fds) {
  VU_CHECK(fds.size() <= kVhostUserMaxFds);
  header.msg_control = control.bytes;
  header.msg_controllen = CMSG_SPACE(fds.size_bytes());
  std::memset(control.bytes, 0, sizeof(control.bytes));
  cmsghdr* const rights = CMSG_FIRSTHDR(&header);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(fds.size_bytes());
  std::memcpy(CMSG_DATA(rights), fds.data(), fds.size_bytes());
}

void SendBatch::Add(std::span<const std::byte> bytes,
                    std::span<const int> fds) {
  iovec& vector = vectors_[chunk_count_];
  // sendmsg only reads; iovec serves both directions and cannot say so.
  vector.iov_base = const_cast<std::byte*>(bytes.data());
  vector.iov_len = bytes.size();
  if (message_count_ == 0 || !fds.empty()) {
    mmsghdr& message = messages_[message_count_++];
    message = {};
    message.msg_hdr.msg_iov = &vector;
    if (!fds.empty()) Attach(message.msg_hdr, controls_[chunk_count_], fds);
  }
  ++messages_[message_count_ - 1].msg_hdr.msg_iovlen;
  ++chunk_count_;
  bytes_ += bytes.size();
}

Result<size_t> SendBatch::Send(int fd) {
  int sent = 0;
  do {
    sent =
        ::sendmmsg(fd, messages_.data(), static_cast<unsigned>(message_count_),
                   MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) {
    switch (errno) {
      case EAGAIN:
        return 0;
      case EPIPE:
      case ECONNRESET:
        return std::unexpected(Error::System(ErrorCode::kDisconnected, errno,
                                             "the peer closed the connection"));
      case ETOOMANYREFS:
        return std::unexpected(Error::System(
            ErrorCode::kSystem, errno,
            "too many descriptors under way that the peer has not taken; raise "
            "RLIMIT_NOFILE"));
      default:
        return std::unexpected(Error::System(ErrorCode::kSystem, errno,
                                             "cannot send to the peer"));
    }
  }
  size_t total = 0;
  for (int i = 0; i < sent; ++i) {
    total += messages_[static_cast<size_t>(i)].msg_len;
  }
  return total;
}

}  // namespace

Result<size_t> SendChunks(int fd, std::span<const SendChunk> chunks,
                          size_t skip) {
  size_t total = 0;
  while (!chunks.empty()) {
    SendBatch batch;
    while (!chunks.empty() && !batch.full()) {
      const SendChunk& chunk = chunks.front();
      VU_CHECK(skip < chunk.bytes.size());
      // Descriptors go out once, with the first byte of their chunk.
      const bool begun = skip > 0;
      batch.Add(chunk.bytes.subspan(skip),
                begun ? std::span<const int>() : chunk.fds);
      skip = 0;
      chunks = chunks.subspan(1);
    }
    const Result<size_t> sent = batch.Send(fd);
    // What an earlier batch sent is not lost: the next call fails as well.
    if (!sent) return total > 0 ? Result<size_t>(total) : sent;
    total += *sent;
    if (*sent < batch.bytes()) break;
  }
  return total;
}

}  // namespace virtio_user
