// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/os/unix_socket_channel.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "virtio_user/os/monotonic_clock.h"
#include "virtio_user/os/socket_receive.h"
#include "virtio_user/os/socket_send.h"
#include "virtio_user/os/socket_timeout.h"
#include "virtio_user/os/unix_socket_listener.h"
#include "virtio_user/os/wait_for_fd.h"

namespace virtio_user {
namespace {

// A long wait is made of reads of this length, so that SO_RCVTIMEO is set once
// a connection and not once a wait, and too few bytes are not held back longer.
constexpr Duration kReadSlice = kReceivePatience;
// The same while a second stream is watched, which is looked at in between: a
// wait for answers costs no system call more, as long as they come by then.
constexpr Duration kSliceBeside = std::chrono::milliseconds(10);

std::unexpected<Error> NoPeer() {
  return Fail(ErrorCode::kDisconnected, "no peer is attached");
}

std::unexpected<Error> PeerClosed() {
  return Fail(ErrorCode::kDisconnected, "the peer closed the connection");
}

}  // namespace

Result<std::unique_ptr<UnixSocketChannel>> UnixSocketChannel::Client(
    FdOps& ops, std::string path) {
  Result<std::unique_ptr<PeerSource>> source =
      MakeConnector(ops, std::move(path));
  if (!source) return Fail(source);
  return std::make_unique<UnixSocketChannel>(ops, std::move(*source));
}

Result<std::unique_ptr<UnixSocketChannel>> UnixSocketChannel::Server(
    FdOps& ops, std::string path) {
  Result<std::unique_ptr<UnixSocketListener>> source =
      UnixSocketListener::Create(ops, std::move(path));
  if (!source) return Fail(source);
  return std::make_unique<UnixSocketChannel>(ops, std::move(*source));
}

std::unique_ptr<UnixSocketChannel> UnixSocketChannel::Connected(
    FdOps& ops, FileDescriptor connected) {
  return std::make_unique<UnixSocketChannel>(
      ops, MakeSingleSource(ops, std::move(connected)));
}

UnixSocketChannel::UnixSocketChannel(FdOps& ops,
                                     std::unique_ptr<PeerSource> source)
    : ops_(ops), source_(std::move(source)) {}

Result<void> UnixSocketChannel::Attach() {
  if (fd_ >= 0) {
    return Fail(ErrorCode::kWrongState, "a peer is attached; detach it first");
  }
  Result<FileDescriptor> peer = source_->Next(
      attach_deadline_.value_or(DeadlineAfter(kDefaultCallBudget)));
  if (!peer) return Fail(peer);
  fd_ = peer->get();
  read_bound_ = Duration::zero();
  const MutexLock lock(mu_);
  connection_ = std::move(*peer);
  return {};
}

void UnixSocketChannel::Detach() {
  fd_ = -1;
  buffer_.Clear();
  const MutexLock lock(mu_);
  connection_.Reset();
}

LinkState UnixSocketChannel::Poll() {
  const MutexLock lock(mu_);
  if (!connection_.valid()) {
    return source_->Waiting() ? LinkState::kPeerWaiting : LinkState::kDown;
  }
  const Result<bool> closed =
      WaitForFd(connection_.get(), FdEvent::kClosed, Deadline{});
  // Where the kernel does not say, the next exchange will.
  return closed && *closed ? LinkState::kDown : LinkState::kUp;
}

int UnixSocketChannel::fd() const {
  const MutexLock lock(mu_);
  return connection_.valid() ? connection_.get() : source_->fd();
}

Deadline UnixSocketChannel::After(Duration budget) {
  return DeadlineAfter(budget);
}

void UnixSocketChannel::SetAttachDeadline(Deadline deadline) {
  attach_deadline_ = deadline;
}

Result<size_t> UnixSocketChannel::Send(std::span<const SendChunk> chunks,
                                       size_t skip) {
  if (fd_ < 0) return NoPeer();
  return SendChunks(fd_, chunks, skip);
}

Result<Received> UnixSocketChannel::Receive(std::span<std::byte> into) {
  if (fd_ < 0) return NoPeer();
  if (into.empty()) return Received{};
  Result<SocketRead> read =
      buffer_.empty() ? ReceiveOnce(ops_, fd_, into, ReceiveMode::kNow)
                      : buffer_.Take(into);
  if (!read) return Fail(read);
  if (read->closed) return PeerClosed();
  return Received{.bytes = read->bytes,
                  .fd_count = read->fd_count,
                  .fd = std::move(read->fd)};
}

Result<void> UnixSocketChannel::WaitWritable(Deadline deadline) {
  if (fd_ < 0) return NoPeer();
  // Each round takes time.
  for (bool last = false; !last;) {
    const Deadline slice =
        beside_ == nullptr ? deadline
                           : std::min(deadline, DeadlineAfter(kSliceBeside));
    last = slice == deadline;
    const Result<bool> writable = WaitForFd(fd_, FdEvent::kWritable, slice);
    if (!writable) return Fail(writable);
    if (*writable) return {};
    const Result<bool> beside = last ? false : HasComeBeside();
    if (!beside) return Fail(beside);
    if (*beside) return {};
  }
  return Fail(ErrorCode::kDeadline,
              "the peer did not read what was sent before the deadline");
}

Result<void> UnixSocketChannel::WaitReadable(size_t bytes, Deadline deadline) {
  if (fd_ < 0) return NoPeer();
  const size_t wanted = std::clamp<size_t>(bytes, 1, ReceiveBuffer::kBytes);
  const Deadline patience = DeadlineAfter(kReceivePatience);
  // Each round takes time, or ends the wait, or (deadline passed) takes bytes.
  while (buffer_.size() < wanted && !buffer_.ended_by_fds()) {
    const Duration left = TimeLeft(deadline);
    const Result<SocketRead> read = Fill(wanted - buffer_.size(), left);
    if (!read) return Fail(read);
    if (read->closed) return {};
    if (left > Duration::zero()) {
      // Fewer than were asked for: the caller may judge them by now.
      const bool patient =
          beside_ != nullptr && TimeLeft(patience) > Duration::zero();
      if (!buffer_.empty() && !patient) return {};
      const Result<bool> beside = HasComeBeside();
      if (!beside) return Fail(beside);
      if (*beside) return {};
    } else if (read->bytes == 0) {
      // To one who waits in slices, what there is; it is judged there.
      if (!buffer_.empty() && beside_ != nullptr) return {};
      return Fail(ErrorCode::kDeadline,
                  "the answers did not come in full before the deadline; at "
                  "least %zu bytes of them are missing",
                  std::max<size_t>(bytes, 1) - buffer_.size());
    }
  }
  return {};
}

Result<bool> UnixSocketChannel::HasComeBeside() const {
  if (beside_ == nullptr || beside_->fd() < 0) return false;
  return WaitForFd(beside_->fd(), FdEvent::kReadable, Deadline{});
}

Result<ChannelPair> UnixSocketChannel::MakePair() {
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return std::unexpected(Error::System(ErrorCode::kSystem, errno,
                                         "a channel for the back-end's "
                                         "requests"));
  }
  ChannelPair pair = {.ours = Connected(ops_, FileDescriptor(ops_, ends[0])),
                      .theirs = FileDescriptor(ops_, ends[1])};
  if (auto attached = pair.ours->Attach(); !attached) return Fail(attached);
  return pair;
}

Result<SocketRead> UnixSocketChannel::Fill(size_t bytes, Duration left) {
  ReceiveMode mode = ReceiveMode::kNow;
  if (left > Duration::zero()) {
    const Result<void> bounded = BoundRead(left);
    if (!bounded) return Fail(bounded);
    mode = ReceiveMode::kWaitFull;
  }
  Result<SocketRead> read = ReceiveOnce(ops_, fd_, buffer_.Room(bytes), mode);
  if (read) buffer_.Commit(*read);
  return read;
}

Result<void> UnixSocketChannel::BoundRead(Duration left) {
  const Duration bound =
      std::min(left, beside_ == nullptr ? kReadSlice : kSliceBeside);
  if (bound == read_bound_) return {};
  read_bound_ = bound;
  return SetReceiveTimeout(fd_, bound);
}

}  // namespace virtio_user
