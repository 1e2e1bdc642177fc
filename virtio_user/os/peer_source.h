// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_OS_PEER_SOURCE_H_
#define VIRTIO_USER_OS_PEER_SOURCE_H_

#include <memory>
#include <string>

#include "virtio_user/base/deadline.h"
#include "virtio_user/base/error.h"
#include "virtio_user/base/file_descriptor.h"

namespace virtio_user {

// Where a channel gets its connection from. Next is called by one thread at a
// time; Waiting and fd by any.
class PeerSource {
 public:
  virtual ~PeerSource() = default;

  // A connected stream socket, blocking and close-on-exec. kDeadline once
  // `deadline` has passed; at least one attempt is made.
  virtual Result<FileDescriptor> Next(Deadline deadline) = 0;
  // Whether a peer is there that Next would give, or an error that it would
  // tell; a peer that has left already is not. False while another thread is in
  // Next, which takes whoever comes, or in Waiting. Never blocks.
  virtual bool Waiting() = 0;
  // Borrowed: what becomes readable when a peer comes; -1 where nothing does.
  // It stays readable for a peer until Waiting or Next has seen that peer.
  virtual int fd() const = 0;
};

// Connects to the server at `path`, anew for each Next. Its errors:
// kDisconnected where nobody serves the path or it does not exist, kDeadline
// where the server accepts nobody, kInvalidArgument where it is no stream
// socket, kSystem for all else.
Result<std::unique_ptr<PeerSource>> MakeConnector(FdOps& ops, std::string path);

// Gives `connected` once, and kDisconnected from then on.
std::unique_ptr<PeerSource> MakeSingleSource(FdOps& ops,
                                             FileDescriptor connected);

}  // namespace virtio_user

#endif  // VIRTIO_USER_OS_PEER_SOURCE_H_
