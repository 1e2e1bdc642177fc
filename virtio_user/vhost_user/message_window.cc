// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/vhost_user/message_window.h"

#include <algorithm>
#include <cstdio>
#include <string_view>

#include "virtio_user/base/check.h"
#include "virtio_user/vhost_user/message.h"

namespace virtio_user {
namespace {

constexpr size_t kHeaderBytes = sizeof(VhostUserHeader);

// What a message's answer amounts to at least; 0 where none comes.
size_t ReplyAtLeast(const QueuedMessage& message) {
  if (!message.reply_bytes) return 0;
  return kHeaderBytes +
         (message.reply_may_be_shorter ? 0 : *message.reply_bytes);
}

}  // namespace

Error NameMessage(const QueuedMessage& message, const Error& error) {
  constexpr std::string_view kPrefix = "VHOST_USER_";
  std::string_view name =
      VhostUserRequestName(static_cast<uint32_t>(message.request));
  if (name.starts_with(kPrefix)) name.remove_prefix(kPrefix.size());
  char ring[sizeof(" of ring 65535")] = "";
  if (message.vring) {
    std::snprintf(ring, sizeof(ring), " of ring %u", *message.vring);
  }
  std::string_view reason = error.text();
  if (error.sys_errno() == 0) {
    return Error::Make(error.code(), "%s%s: %.*s", name.data(), ring,
                       static_cast<int>(reason.size()), reason.data());
  }
  // Error::System appends what the errno means, as it did before.
  reason = reason.substr(0, reason.rfind(": "));
  return Error::System(error.code(), error.sys_errno(), "%s%s: %.*s",
                       name.data(), ring, static_cast<int>(reason.size()),
                       reason.data());
}

void MessageWindow::Enqueue(const QueuedMessage& message) {
  VU_CHECK(message.end == bytes_.size());
  messages_.push_back(message);
}

void MessageWindow::Clear() {
  bytes_.clear();
  messages_.clear();
}

std::expected<void, CommitError> MessageWindow::Exchange(Deadline deadline,
                                                         OnReply on_reply) {
  inbox_.clear();
  in_step_ = true;
  std::expected<void, CommitError> done;
  for (size_t begin = 0; begin < messages_.size() && done;) {
    const size_t end = WindowEnd(begin);
    done = ExchangeWindow(begin, end, deadline, on_reply);
    begin = end;
  }
  Clear();
  fd_.Reset();  // What nobody has taken.
  return done;
}

std::expected<void, CommitError> MessageWindow::ExchangeWindow(
    size_t begin, size_t end, Deadline deadline, OnReply on_reply) {
  const bool brings_fd = messages_[begin].reply_may_bring_fd;
  VU_CHECK(!brings_fd || end - begin == 1);
  fds_wanted_ = brings_fd ? 1 : 0;
  if (auto sent = SendWindow(begin, end, deadline); !sent) return sent;
  std::expected<void, CommitError> first;
  size_t ahead = 0;
  for (size_t i = begin; i < end; ++i) ahead += ReplyAtLeast(messages_[i]);
  for (size_t i = begin; i < end; ++i) {
    if (!messages_[i].reply_bytes) continue;
    const auto read = ReadReply(messages_[i], ahead, deadline);
    if (!read) {
      const auto lost = LoseAt(i, read.error());
      if (first) first = lost;
      return first;
    }
    const auto judged = on_reply(
        i, std::span(inbox_).subspan(kHeaderBytes, *read - kHeaderBytes));
    if (!judged && first) first = FailAt(i, judged.error());
    inbox_.erase(inbox_.begin(),
                 inbox_.begin() + static_cast<ptrdiff_t>(*read));
    ahead -= ReplyAtLeast(messages_[i]);
  }
  if (inbox_.empty()) return first;
  const auto lost =
      LoseAt(end - 1, Error::Make(ErrorCode::kProtocol,
                                  "the back-end sent more than the answers "
                                  "that it was asked for"));
  if (first) first = lost;
  return first;
}

// The first message that would make too many answers outstanding.
size_t MessageWindow::WindowEnd(size_t begin) const {
  size_t replies = 0;
  for (size_t i = begin; i < messages_.size(); ++i) {
    if (messages_[i].reply_bytes && ++replies > kMaxOutstandingReplies) {
      return i;
    }
  }
  return messages_.size();
}

std::expected<void, CommitError> MessageWindow::SendWindow(size_t begin,
                                                           size_t end,
                                                           Deadline deadline) {
  chunks_.clear();
  for (size_t i = begin; i < end; ++i) {
    const QueuedMessage& message = messages_[i];
    // Descriptors travel with the first byte of a chunk, so a message that
    // has any begins one.
    if (chunks_.empty() || message.fd_count > 0) {
      chunks_.push_back(
          {.bytes = std::span(bytes_).subspan(message.begin, 0),
           .fds = std::span(message.fds).first(message.fd_count)});
    }
    SendChunk& chunk = chunks_.back();
    chunk.bytes = {chunk.bytes.data(),
                   chunk.bytes.size() + message.end - message.begin};
  }
  std::span<const SendChunk> left = chunks_;
  size_t skip = 0;
  size_t next = begin;  // The message that is being sent.
  for (size_t at = messages_[begin].begin; !left.empty();) {
    const Result<size_t> sent = channel_.Send(left, skip);
    if (!sent) return LoseAt(next, sent.error());
    if (*sent == 0) {
      const auto ready = channel_.WaitWritable(deadline);
      ServeRequests();
      if (!ready) return LoseAt(next, ready.error());
      continue;
    }
    at += *sent;
    while (next + 1 < end && messages_[next].end <= at) ++next;
    for (skip += *sent; !left.empty() && skip >= left.front().bytes.size();) {
      skip -= left.front().bytes.size();
      left = left.subspan(1);
    }
  }
  return {};
}

// Brings one whole answer to the front of the inbox and returns its bytes.
// `bytes_ahead` is what all answers of this window still amount to at least,
// so that one wait can serve them all.
Result<size_t> MessageWindow::ReadReply(const QueuedMessage& message,
                                        size_t bytes_ahead, Deadline deadline) {
  if (const auto filled = Fill(kHeaderBytes, bytes_ahead, deadline); !filled) {
    return Fail(filled);
  }
  size_t payload = *message.reply_bytes;
  if (message.reply_may_be_shorter) {
    payload =
        std::min<size_t>(payload, DecodePayload<VhostUserHeader>(inbox_).size);
    bytes_ahead += payload;
  }
  const auto header = CheckReplyHeader(inbox_, message.request, payload);
  if (!header) return Fail(header);
  const auto filled = Fill(kHeaderBytes + payload, bytes_ahead, deadline);
  if (!filled) return Fail(filled);
  return kHeaderBytes + payload;
}

// Makes the inbox hold `wanted` bytes, taking up to `bytes_ahead` on the way.
Result<void> MessageWindow::Fill(size_t wanted, size_t bytes_ahead,
                                 Deadline deadline) {
  while (inbox_.size() < wanted) {
    const size_t have = inbox_.size();
    const auto ready = channel_.WaitReadable(bytes_ahead - have, deadline);
    ServeRequests();
    inbox_.resize(bytes_ahead + 1);  // One more would be unasked for.
    Result<Received> got = channel_.Receive(std::span(inbox_).subspan(have));
    inbox_.resize(have + (got ? got->bytes : 0));
    if (!got) return Fail(got);
    if (got->fd_count > fds_wanted_) {
      return Fail(ErrorCode::kProtocol,
                  "%zu descriptors came with an answer that carries %s",
                  got->fd_count, fds_wanted_ == 0 ? "none" : "one");
    }
    if (got->fd_count > 0) {
      fds_wanted_ = 0;
      fd_ = std::move(got->fd);
    }
    // What came before the deadline may still tell a more exact reason.
    if (!ready && inbox_.size() < wanted) return ready;
  }
  return {};
}

std::unexpected<CommitError> MessageWindow::FailAt(size_t index,
                                                   const Error& error) const {
  return std::unexpected(CommitError{.operation = messages_[index].operation,
                                     .vring = messages_[index].vring,
                                     .error = error});
}

std::unexpected<CommitError> MessageWindow::LoseAt(size_t index,
                                                   const Error& error) {
  in_step_ = false;
  return FailAt(index, NameMessage(messages_[index], error));
}

}  // namespace virtio_user
