// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_VHOST_USER_MESSAGE_WINDOW_H_
#define VIRTIO_USER_VHOST_USER_MESSAGE_WINDOW_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "virtio_user/base/error.h"
#include "virtio_user/base/function_ref.h"
#include "virtio_user/spec/vhost_user.h"
#include "virtio_user/vhost/vhost_backend.h"
#include "virtio_user/vhost_user/channel.h"
#include "virtio_user/vhost_user/request_server.h"

namespace virtio_user {

// A default Unix socket holds 278 unread 20-byte answers. Were more of them
// outstanding, the back-end would block writing the next one while we block
// writing the next request, for ever.
inline constexpr size_t kMaxOutstandingReplies = 200;

// A request that stands in the queue.
struct QueuedMessage {
  size_t begin = 0;  // Of its bytes in the queue's buffer.
  size_t end = 0;
  VhostUserRequest request = VhostUserRequest::kGetFeatures;
  BackendOperation operation = BackendOperation::kNone;
  std::optional<uint16_t> vring = {};
  // Payload bytes of the answer; nothing: none is expected.
  std::optional<size_t> reply_bytes = {};
  // Whether a shorter payload is an answer as well, for OnReply to judge.
  bool reply_may_be_shorter = false;
  // Whether the answer may bring a descriptor: see TakeFd. Requires: the
  // message is sent alone, so that nothing else can have brought it.
  bool reply_may_bring_fd = false;
  std::array<int, kVhostUserMaxFds> fds{};  // Borrowed until it is sent.
  size_t fd_count = 0;
};

// `error`, which the transport gave while `message` was on its way, with the
// message and its ring in front: "SET_VRING_KICK of ring 3: the peer ...".
Error NameMessage(const QueuedMessage& message, const Error& error);

// Sends a queue of requests back to back, never more than
// kMaxOutstandingReplies ahead of the answers, and reads the answers in order.
class MessageWindow {
 public:
  // Takes the payload of the answer to `message`; an Error is noted as that
  // message's failure, and the exchange goes on.
  using OnReply = FunctionRef<Result<void>(size_t message_index,
                                           std::span<const std::byte> payload)>;

  // Both are borrowed. While answers are waited for, what the back-end asks is
  // served.
  explicit MessageWindow(Channel& channel, RequestServer* requests = nullptr)
      : channel_(channel), requests_(requests) {
    // Room for what a start of one pair says and is answered.
    bytes_.reserve(kUsualBytes);
    inbox_.reserve(kUsualBytes);
    messages_.reserve(kUsualMessages);
    chunks_.reserve(kUsualMessages);
  }

  // The buffer to write the next message into (MessageWriter), then Enqueue
  // with `begin` = its size before.
  std::vector<std::byte>& bytes() { return bytes_; }
  void Enqueue(const QueuedMessage& message);
  void Clear();
  std::span<const QueuedMessage> messages() const { return messages_; }

  // Sends everything and reads every answer, then forgets the queue. The first
  // failure is returned; a window in which something failed is the last. The
  // text names the message: here where the exchange failed, in `on_reply`
  // where that judged an answer.
  std::expected<void, CommitError> Exchange(Deadline deadline,
                                            OnReply on_reply);
  // What the answer of this Exchange has brought; for `on_reply`.
  FileDescriptor TakeFd() { return std::move(fd_); }
  // Whether what the peer sends next can still be told apart. Once it cannot,
  // the caller must detach; a new Exchange starts in step.
  bool in_step() const { return in_step_; }

 private:
  static constexpr size_t kUsualBytes = 1024;
  static constexpr size_t kUsualMessages = 16;

  size_t WindowEnd(size_t begin) const;
  std::expected<void, CommitError> ExchangeWindow(size_t begin, size_t end,
                                                  Deadline deadline,
                                                  OnReply on_reply);
  std::expected<void, CommitError> SendWindow(size_t begin, size_t end,
                                              Deadline deadline);
  Result<size_t> ReadReply(const QueuedMessage& message, size_t bytes_ahead,
                           Deadline deadline);
  Result<void> Fill(size_t wanted, size_t bytes_ahead, Deadline deadline);
  std::unexpected<CommitError> FailAt(size_t index, const Error& error) const;
  // The stream ends here: out of step, with a reason that names the message.
  std::unexpected<CommitError> LoseAt(size_t index, const Error& error);

  void ServeRequests() {
    if (requests_ != nullptr) requests_->Serve();
  }

  Channel& channel_;
  RequestServer* const requests_;
  std::vector<std::byte> bytes_;
  std::vector<QueuedMessage> messages_;
  std::vector<SendChunk> chunks_;
  std::vector<std::byte> inbox_;  // Received and not yet consumed.
  FileDescriptor fd_;             // Likewise.
  size_t fds_wanted_ = 0;         // That may still come.
  bool in_step_ = true;
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_VHOST_USER_MESSAGE_WINDOW_H_
