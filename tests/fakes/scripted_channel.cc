// SPDX-License-Identifier: BSD-3-Clause

#include "tests/fakes/scripted_channel.h"

#include <algorithm>
#include <utility>

namespace virtio_user {
namespace {

constexpr size_t kHeaderBytes = 12;

std::unexpected<Error> Gone() {
  return Fail(ErrorCode::kDisconnected, "the scripted peer is gone");
}

}  // namespace

Result<void> ScriptedChannel::Attach() {
  if (attach_error) return std::unexpected(*attach_error);
  attached_ = true;
  closed_ = false;
  ++attach_count_;
  read_bytes_ = 0;
  peer_.OnConnect();
  if (peer_.ClosesBefore(messages_read_)) Close();
  return {};
}

void ScriptedChannel::Detach() {
  attached_ = false;
  inbound_.clear();
  answers_.clear();
  sent_fds_.clear();
  unread_answers_ = 0;
  open_copies_ = 0;
}

LinkState ScriptedChannel::Poll() {
  return attached_ && !closed_ ? LinkState::kUp : LinkState::kDown;
}

size_t ScriptedChannel::Room() const {
  size_t room = request_room - std::min(request_room, inbound_.size());
  if (!send_limits.empty()) room = std::min(room, send_limits.front());
  if (full_at && *full_at >= sent_bytes()) {
    room = std::min(room, *full_at - sent_bytes());
  }
  return room;
}

Result<size_t> ScriptedChannel::Send(std::span<const SendChunk> chunks,
                                     size_t skip) {
  ++send_count_;
  if (!attached_ || closed_) return Gone();
  size_t budget = send_limits.empty() ? SIZE_MAX : send_limits.front();
  size_t total = 0;
  while (!chunks.empty() && budget > 0 && !closed_) {
    const size_t moved = Append(chunks.front(), skip, std::min(Room(), budget));
    LetPeerRead();
    if (moved == 0) break;
    total += moved;
    budget -= moved;
    skip += moved;
    if (skip < chunks.front().bytes.size()) continue;
    skip = 0;
    chunks = chunks.subspan(1);
  }
  // A 0 stays until somebody waits.
  if (total > 0 && !send_limits.empty()) send_limits.pop_front();
  return total;
}

// Bytes of one chunk; its descriptors go with the first of them.
size_t ScriptedChannel::Append(const SendChunk& chunk, size_t skip,
                               size_t room) {
  const auto left = chunk.bytes.subspan(skip);
  const auto now = left.first(std::min(left.size(), room));
  if (now.empty()) return 0;
  if (skip == 0 && !chunk.fds.empty()) {
    sent_fds_.push_back({.position = sent_bytes(),
                         .fds = {chunk.fds.begin(), chunk.fds.end()}});
    open_copies_ += chunk.fds.size();
  }
  inbound_.insert(inbound_.end(), now.begin(), now.end());
  return now.size();
}

void ScriptedChannel::LetPeerRead() {
  while (!closed_ && unread_answers_ < answer_room) {
    if (inbound_.size() < kHeaderBytes) return;
    const size_t bytes = kHeaderBytes + Get(inbound_, 8, 4);
    if (inbound_.size() < bytes) return;
    ReadOneMessage(bytes);
  }
}

void ScriptedChannel::ReadOneMessage(size_t bytes) {
  WireRequest request;
  request.request = static_cast<uint32_t>(Get(inbound_, 0, 4));
  request.flags = static_cast<uint32_t>(Get(inbound_, 4, 4));
  const auto end = inbound_.begin() + static_cast<ptrdiff_t>(bytes);
  request.payload.assign(inbound_.begin() + kHeaderBytes, end);
  inbound_.erase(inbound_.begin(), end);
  while (!sent_fds_.empty() &&
         sent_fds_.front().position < read_bytes_ + bytes) {
    const SentFds sent = std::exchange(sent_fds_.front(), {});
    sent_fds_.pop_front();
    if (sent.position == read_bytes_) {
      request.fds = sent.fds;
    } else {
      misplaced_fds_ += sent.fds.size();
    }
  }
  read_bytes_ += bytes;
  const size_t index = messages_read_++;
  const auto answer = peer_.OnMessage(index, request);
  if (peer_.DropsAnswersAfter(index)) {
    answers_.clear();
    unread_answers_ = 0;
    Close();
    return;
  }
  if (answer) Queue(*answer);
  if (peer_.ClosesBefore(messages_read_)) Close();
}

void ScriptedChannel::Queue(const WireAnswer& answer) {
  Duration at = now_ + answer.delay;
  if (!answers_.empty()) at = std::max(at, answers_.back().at);
  const size_t size = answer.bytes.size();
  const size_t step = answer.piece_bytes == 0 ? size : answer.piece_bytes;
  for (size_t from = 0; from < size; from += step) {
    const size_t to = std::min(size, from + step);
    answers_.push_back(
        {.bytes = {answer.bytes.begin() + static_cast<ptrdiff_t>(from),
                   answer.bytes.begin() + static_cast<ptrdiff_t>(to)},
         .fd_count = from == 0 ? answer.fd_count : 0,
         .fd_bytes = answer.fd_bytes,
         .at = at,
         .ends_answer = to == size});
    at += std::chrono::milliseconds(1);
  }
  open_copies_ += answer.fd_count;
  most_unread_answers_ = std::max(most_unread_answers_, ++unread_answers_);
}

void ScriptedChannel::Close() {
  closed_ = true;
  inbound_.clear();
}

size_t ScriptedChannel::Available() const {
  size_t bytes = 0;
  for (const Piece& piece : answers_) {
    if (piece.at > now_) break;
    bytes += piece.bytes.size() - piece.taken;
  }
  return bytes;
}

Result<Received> ScriptedChannel::Receive(std::span<std::byte> into) {
  if (!attached_) return Gone();
  Received got;
  while (!answers_.empty() && answers_.front().at <= now_ &&
         got.bytes < into.size()) {
    Piece& piece = answers_.front();
    // As recvmsg: descriptors end what one call takes, before and after.
    if (piece.fd_count > 0 && got.bytes > 0) break;
    const bool had_fds = piece.fd_count > 0;
    got.fd_count += piece.fd_count;
    if (had_fds) got.fd = fds_.Open(piece.fd_bytes);
    open_copies_ -= std::exchange(piece.fd_count, 0);
    const size_t count =
        std::min(into.size() - got.bytes, piece.bytes.size() - piece.taken);
    std::copy_n(piece.bytes.begin() + static_cast<ptrdiff_t>(piece.taken),
                count, into.begin() + static_cast<ptrdiff_t>(got.bytes));
    got.bytes += count;
    piece.taken += count;
    if (piece.taken == piece.bytes.size()) {
      if (piece.ends_answer) --unread_answers_;
      answers_.pop_front();
    }
    if (had_fds) break;
  }
  if (got.bytes == 0 && closed_ && answers_.empty()) return Gone();
  LetPeerRead();
  return got;
}

Result<void> ScriptedChannel::WaitWritable(Deadline deadline) {
  if (!attached_) return Gone();
  LetPeerRead();
  if (full_at == sent_bytes()) {
    full_at.reset();
    return {};
  }
  if (!send_limits.empty() && send_limits.front() == 0) {
    send_limits.pop_front();
    return {};
  }
  if (closed_ || Room() > 0) return {};
  // Nobody else runs who could make room.
  now_ = std::max(now_, deadline.at);
  return Fail(ErrorCode::kDeadline, "no room to send before the deadline");
}

Result<void> ScriptedChannel::WaitReadable(size_t bytes, Deadline deadline) {
  if (!attached_) return Gone();
  ++read_wait_count_;
  for (;;) {
    const size_t available = Available();
    if (available >= bytes || (short_waits && available > 0)) return {};
    const auto next = std::ranges::find_if(
        answers_, [this](const Piece& piece) { return piece.at > now_; });
    if (next == answers_.end() && closed_) return {};
    const Duration patience = now_ + kReceivePatience;
    if (available > 0 && patience < deadline.at &&
        (next == answers_.end() || next->at > patience)) {
      now_ = patience;
      return {};
    }
    if (next == answers_.end() || next->at > deadline.at) break;
    now_ = next->at;
  }
  now_ = std::max(now_, deadline.at);
  return Fail(ErrorCode::kDeadline, "not enough bytes before the deadline");
}

}  // namespace virtio_user
