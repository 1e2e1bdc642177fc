// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_OS_UNIX_SOCKET_CHANNEL_H_
#define VIRTIO_USER_OS_UNIX_SOCKET_CHANNEL_H_

#include <memory>
#include <optional>
#include <string>

#include "virtio_user/base/mutex.h"
#include "virtio_user/os/peer_source.h"
#include "virtio_user/os/receive_buffer.h"
#include "virtio_user/vhost_user/channel.h"

namespace virtio_user {

// A Channel over a Unix stream socket, with deadlines on CLOCK_MONOTONIC.
//
// The socket is blocking and stays so: each call says for itself whether it
// waits (MSG_DONTWAIT), so Poll in another thread cannot disturb a wait. A
// wait for many bytes is one recvmsg(MSG_WAITALL) bounded by SO_RCVTIMEO; what
// it gets is kept in a buffer, from which Receive is served first. Waits end
// at most two kernel ticks after their deadline.
class UnixSocketChannel final : public Channel {
 public:
  // Client mode: Attach connects to the server at `path`; its errors are those
  // of MakeConnector. kInvalidArgument: no path for a Unix socket.
  static Result<std::unique_ptr<UnixSocketChannel>> Client(FdOps& ops,
                                                           std::string path);
  // Server mode: binds and listens at once (UnixSocketListener::Create);
  // Attach accepts one peer. The file is removed at the end.
  static Result<std::unique_ptr<UnixSocketChannel>> Server(FdOps& ops,
                                                           std::string path);
  // Over a stream socket that is connected already (socketpair(2)), blocking.
  // The first Attach takes it into use; there is no second.
  static std::unique_ptr<UnixSocketChannel> Connected(FdOps& ops,
                                                      FileDescriptor connected);

  // `ops` outlives the channel.
  UnixSocketChannel(FdOps& ops, std::unique_ptr<PeerSource> source);

  // PeerLink. Attach without SetAttachDeadline takes kDefaultCallBudget.
  Result<void> Attach() override;
  void Detach() override;
  // kDown as soon as the peer has closed, even where what it sent is not all
  // received yet; Receive still gives that. Bytes that nobody asked for are not
  // looked at: the next exchange finds them.
  LinkState Poll() override;
  int fd() const override;

  // Channel.
  Deadline After(Duration budget) override;
  void SetAttachDeadline(Deadline deadline) override;
  Result<size_t> Send(std::span<const SendChunk> chunks, size_t skip) override;
  Result<Received> Receive(std::span<std::byte> into) override;
  Result<void> WaitWritable(Deadline deadline) override;
  Result<void> WaitReadable(size_t bytes, Deadline deadline) override;
  Result<ChannelPair> MakePair() override;
  void WatchBeside(Channel* beside) override { beside_ = beside; }

 private:
  // Bounds the next blocking read; a system call only where it changes.
  Result<void> BoundRead(Duration left);
  // Whether something has come beside what is waited for.
  Result<bool> HasComeBeside() const;
  // One read into the buffer, waiting for at most `left`.
  Result<SocketRead> Fill(size_t bytes, Duration left);

  FdOps& ops_;
  const std::unique_ptr<PeerSource> source_;

  // Guards the descriptor's number against Poll and fd in other threads.
  mutable Mutex mu_;
  FileDescriptor connection_ VU_GUARDED_BY(mu_);

  // The thread that sends and receives.
  int fd_ = -1;  // connection_'s number, which only this thread changes.
  std::optional<Deadline> attach_deadline_;
  Duration read_bound_{0};  // SO_RCVTIMEO as it is set; 0: not yet.
  ReceiveBuffer buffer_;
  Channel* beside_ = nullptr;
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_OS_UNIX_SOCKET_CHANNEL_H_
