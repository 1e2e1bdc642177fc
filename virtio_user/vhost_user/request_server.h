// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_VHOST_USER_REQUEST_SERVER_H_
#define VIRTIO_USER_VHOST_USER_REQUEST_SERVER_H_

#include <array>
#include <cstddef>
#include <memory>

#include "virtio_user/base/error.h"
#include "virtio_user/spec/vhost_user.h"
#include "virtio_user/vhost/vhost_backend.h"
#include "virtio_user/vhost_user/channel.h"

namespace virtio_user {

// Requests that one turn serves at most, so that a back-end that sends without
// end holds up nobody.
inline constexpr size_t kMaxRequestsATurn = 64;

// The front-end's end of the channel on which a back-end asks (vhost-user:
// "Back-end message types"). Never blocks. What it reads it answers, where an
// answer is asked for: yes to a change of the configuration, no to all else. A
// stream that is not made of such messages is closed, and so is one on which an
// answer cannot leave at once.
class RequestServer {
 public:
  // Which requests mean anything in this session.
  struct Scope {
    bool config = false;  // VHOST_USER_PROTOCOL_F_CONFIG.
  };

  // `main` is watched together with the requests; borrowed.
  explicit RequestServer(Channel& main) : main_(main) {}

  // `channel`: attached, and nothing read from it yet.
  void Open(std::unique_ptr<Channel> channel, Scope scope);
  void Close();
  bool open() const { return channel_ != nullptr; }
  // Borrowed; -1: none.
  int fd() const { return open() ? channel_->fd() : -1; }

  // Serves what is there, at most kMaxRequestsATurn.
  void Serve();
  // What came since it was asked last.
  BackendNews TakeNews();

 private:
  // The longest payload that is read; none that the spec knows has more.
  static constexpr size_t kMaxPayload = 256;

  // Whether a whole request stands in the inbox.
  bool ReadRequest();
  bool Fill(size_t wanted);
  void Handle();
  // 0: done.
  uint64_t Carry(const VhostUserHeader& header);
  void Answer(const VhostUserHeader& header, uint64_t value);
  // Closes the channel, and says why.
  void GiveUp(const Error& why);

  Channel& main_;
  std::unique_ptr<Channel> channel_;
  Scope scope_;
  std::array<std::byte, sizeof(VhostUserHeader) + kMaxPayload> inbox_{};
  size_t have_ = 0;  // Of the request that is being read.
  BackendNews news_;
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_VHOST_USER_REQUEST_SERVER_H_
