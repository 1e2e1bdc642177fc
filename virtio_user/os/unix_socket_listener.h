// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_OS_UNIX_SOCKET_LISTENER_H_
#define VIRTIO_USER_OS_UNIX_SOCKET_LISTENER_H_

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>

#include "virtio_user/base/error.h"
#include "virtio_user/base/file_descriptor.h"
#include "virtio_user/base/mutex.h"
#include "virtio_user/os/peer_source.h"
#include "virtio_user/os/unix_socket_address.h"

namespace virtio_user {

// Waits at a path for peers to connect: the server mode of a front-end.
//
// Owns the file that it bound. At its end it removes that file and no other:
// the directory is held open, so that a change of the working directory does
// not matter, and what lies there under the name must be the very inode that
// was bound, which cannot have been given to another file, since the listening
// socket keeps it alive.
//
// A peer that has left again before it is given is none: it is dropped. Which
// peers have left shows only once they are accepted, so Waiting accepts and
// keeps one. Nothing else can be known about a peer, as a vhost-user back-end
// never speaks first: one that leaves later is a back-end that was lost.
class UnixSocketListener final : public PeerSource {
 public:
  // Binds and listens. A stale socket at `path`, one that nobody has open, is
  // removed first. Refused: anything else that exists there, above all a
  // socket that somebody serves (kInvalidArgument); a path that
  // UnixSocketAddress refuses. A failure leaves no file behind.
  //
  // Starters find and remove a stale socket under a lock on its directory, so
  // that none removes what another has bound meanwhile: a bound socket is never
  // stale, and only a stale one is removed. No server sees that it was
  // examined.
  static Result<std::unique_ptr<UnixSocketListener>> Create(FdOps& ops,
                                                            std::string path);
  ~UnixSocketListener() override;

  Result<FileDescriptor> Next(Deadline deadline) override;
  bool Waiting() override;
  int fd() const override { return socket_.get(); }

 private:
  struct FileId {
    dev_t device = 0;
    ino_t inode = 0;
    mode_t mode = 0;
  };

  UnixSocketListener(FdOps& ops, std::string path,
                     const UnixSocketAddress& address);

  // Unlinks what we bound, if that is what still stands there.
  void RemoveOurs();
  Result<void> OpenDirectory();
  // What the name stands for now, if for anything. Links are not followed.
  Result<std::optional<FileId>> Look() const;
  // Whether a stale socket has the name; false where it is free, and an error
  // where it is taken.
  Result<bool> StaleThere() const;
  Result<void> RemoveStale();
  Result<void> BindAndListen();
  // The first peer that is there and has not left; none: not valid.
  Result<FileDescriptor> AcceptPresent();

  FdOps& ops_;
  const std::string path_;
  const std::string name_;  // The last component of path_.
  const UnixSocketAddress address_;
  FileDescriptor directory_;
  FileDescriptor socket_;
  std::optional<FileId> bound_;

  // Held by Next while it waits. Guards the peer that Waiting has accepted.
  Mutex mu_;
  FileDescriptor seen_ VU_GUARDED_BY(mu_);
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_OS_UNIX_SOCKET_LISTENER_H_
