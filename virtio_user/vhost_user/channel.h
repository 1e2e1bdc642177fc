// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_VHOST_USER_CHANNEL_H_
#define VIRTIO_USER_VHOST_USER_CHANNEL_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "virtio_user/base/deadline.h"
#include "virtio_user/base/error.h"
#include "virtio_user/base/file_descriptor.h"
#include "virtio_user/vhost/vhost_backend.h"

namespace virtio_user {

// For how long WaitReadable holds back bytes that are fewer than it was asked
// for, so that a wrong answer is judged long before the deadline.
inline constexpr Duration kReceivePatience = std::chrono::milliseconds(100);

// Bytes to send, with borrowed descriptors that travel with the first of
// them. One message, or several of which only the first has descriptors.
struct SendChunk {
  std::span<const std::byte> bytes;
  std::span<const int> fds;  // At most kVhostUserMaxFds.
};

// What one Receive got.
struct Received {
  size_t bytes = 0;     // Stored at the front of the caller's buffer.
  size_t fd_count = 0;  // Descriptors that came with them.
  // The first of them; the others are closed already. None although one came:
  // our table had no room for it.
  FileDescriptor fd = {};
};

class Channel;

// The two ends of a stream beside the one to the peer.
struct ChannelPair {
  std::unique_ptr<Channel> ours;  // Attached already.
  FileDescriptor theirs;          // For the peer, which gets a copy.
};

// The seam to a vhost-user peer: a connected stream of bytes and descriptors.
// Moves what it can and says how much; Wait alone blocks. One thread, except
// Poll and fd, which any may call.
//
// kDisconnected: the peer closed, or there is none. SIGPIPE is never raised
// and EINTR never seen.
class Channel : public PeerLink {
 public:
  virtual ~Channel() = default;

  // The point in time `budget` from now, on this channel's clock.
  virtual Deadline After(Duration budget) = 0;
  // Attach obeys this deadline.
  virtual void SetAttachDeadline(Deadline deadline) = 0;

  // Sends from the front of `chunks`, as much as fits now, in few system
  // calls; bytes in all (0: full). The first `skip` bytes of chunks[0] went
  // out before, and with them its descriptors.
  virtual Result<size_t> Send(std::span<const SendChunk> chunks,
                              size_t skip) = 0;
  // Takes what is there now, at most `into.size()` bytes; 0 bytes: nothing.
  virtual Result<Received> Receive(std::span<std::byte> into) = 0;

  // Blocks until something can be sent.
  virtual Result<void> WaitWritable(Deadline deadline) = 0;
  // Blocks until `bytes` can be received (or the peer closed, which the next
  // Receive tells); may return with fewer, but not with none, so callers
  // loop, and does so once it has held some back for kReceivePatience.
  // kDeadline once `deadline` has passed with fewer.
  virtual Result<void> WaitReadable(size_t bytes, Deadline deadline) = 0;

  // For the back-end's requests. kUnsupported: this channel has no such thing.
  virtual Result<ChannelPair> MakePair() {
    return Fail(ErrorCode::kUnsupported, "no second stream to this peer");
  }
  // From now on both waits also end, with nothing done, soon after something
  // can be received from `beside`, which a MakePair of this channel made:
  // otherwise a peer that waits there would be waited for here. Null: no
  // more. Borrowed.
  virtual void WatchBeside(Channel* /*beside*/) {}
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_VHOST_USER_CHANNEL_H_
