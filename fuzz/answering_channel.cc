// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/answering_channel.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

#include "tests/fakes/vhost_requests.h"
#include "virtio_user/base/check.h"

namespace fuzz {

using std::chrono::milliseconds;
using virtio_user::Deadline;
using virtio_user::Duration;
using virtio_user::ErrorCode;
using virtio_user::Fail;
using virtio_user::Received;
using virtio_user::Result;
using virtio_user::SendChunk;

namespace {

constexpr uint64_t kProtoBackendReq = 1 << 5;
constexpr uint64_t kInflightBytes = 0x2000;
// Of a file for which the front-end has no descriptor left.
constexpr uint64_t kNoRoomBytes = 0xffff;
// How long it takes to see that the back-end asks.
constexpr Duration kWakeTime = milliseconds(50);

std::unexpected<virtio_user::Error> Gone() {
  return Fail(ErrorCode::kDisconnected, "the back-end is gone");
}

}  // namespace

AnsweringChannel::AnsweringChannel(Reader& input)
    : input_(input),
      features_(uint64_t{1} << 32 | virtio_user::kBit30),
      protocol_(virtio_user::kProtoAll) {
  const uint8_t what = input.Byte();
  if ((what & kFeatures) != 0) features_ = input.Number(5);
  if ((what & kProtocol) != 0) protocol_ = input.Number(3);
  if ((what & kLimits) != 0) {
    queue_num_ = input.Word();
    mem_slots_ = input.Word();
  }
  if ((what & kCloses) != 0) close_after_ = input.Byte() % 64;
  if ((what & kSilent) != 0) silent_after_ = input.Byte() % 64;
  if ((what & kStuck) != 0) {
    stuck_after_ = input.Byte() % 64;
    stuck_for_ = milliseconds(10 * input.Byte());
  }
  if ((what & kAsks) == 0) return;
  has_requests_ = true;
  protocol_ |= kProtoBackendReq;
  asks_.Supply(input.Chunk());
}

// Another back-end, where there was one before: it stays and answers.
Result<void> AnsweringChannel::Attach() {
  if (std::exchange(refuses_attach_, false)) {
    now_ = std::max(now_, attach_deadline_.at);
    return Fail(ErrorCode::kDeadline, "nobody took the connection in time");
  }
  if (std::exchange(was_attached_, true)) {
    close_after_ = silent_after_ = stuck_after_ = SIZE_MAX;
    status_ = 0;
  }
  attached_ = true;
  closed_ = false;
  Forget();
  heard_.BeginStream();
  asks_.asked().Forget();
  return {};
}

void AnsweringChannel::Detach() {
  left_question_ = LookAtUnread().asks;
  attached_ = false;
  Forget();
}

void AnsweringChannel::Forget() {
  inbox_bytes_ = outbox_bytes_ = first_piece_ = piece_count_ = 0;
  stuck_until_ = Duration(0);
}

Result<virtio_user::ChannelPair> AnsweringChannel::MakePair() {
  if (!has_requests_) {
    return Fail(ErrorCode::kUnsupported, "no stream for requests");
  }
  return virtio_user::ChannelPair{.ours = asks_.MakeEnd(),
                                  .theirs = files_.Open(0)};
}

virtio_user::LinkState AnsweringChannel::Poll() {
  return attached_ && !closed_ ? virtio_user::LinkState::kUp
                               : virtio_user::LinkState::kDown;
}

Result<size_t> AnsweringChannel::Send(std::span<const SendChunk> chunks,
                                      size_t skip) {
  if (!attached_ || closed_) return Gone();
  size_t sent = 0;
  for (const SendChunk& chunk : chunks) {
    if (skip == 0 && !chunk.fds.empty() && LookAtUnread().inside)
      ++misplaced_fds_;
    auto left = chunk.bytes.subspan(std::exchange(skip, 0));
    while (!left.empty() && !closed_) {
      const size_t room = inbox_.size() - inbox_bytes_;
      if (room == 0) return sent;
      const auto now = left.first(std::min(left.size(), room));
      std::memcpy(inbox_.data() + inbox_bytes_, now.data(), now.size());
      inbox_bytes_ += now.size();
      sent += now.size();
      sent_bytes_ += now.size();
      left = left.subspan(now.size());
      ReadMessages();
    }
    if (closed_) break;
  }
  return sent;
}

AnsweringChannel::Unread AnsweringChannel::LookAtUnread() const {
  Unread seen;
  size_t at = 0;
  for (; at + kHeaderBytes <= inbox_bytes_;) {
    seen.asks |= IsAnswered(ValueAt<uint32_t>(inbox_, at),
                            ValueAt<uint32_t>(inbox_, at + 4));
    at += kHeaderBytes + ValueAt<uint32_t>(inbox_, at + 8);
  }
  seen.inside = at != inbox_bytes_;
  return seen;
}

void AnsweringChannel::ReadMessages() {
  std::span<const std::byte> left(inbox_.data(), inbox_bytes_);
  while (!closed_ && !stuck() && left.size() >= kHeaderBytes) {
    Reader header(left.first(kHeaderBytes));
    const auto request = static_cast<uint32_t>(header.Number(4));
    const auto flags = static_cast<uint32_t>(header.Number(4));
    const size_t bytes = header.Number(4);
    VU_CHECK(bytes <= inbox_.size() - kHeaderBytes);  // Ours says so.
    if (left.size() - kHeaderBytes < bytes) break;
    OnMessage(request, flags, left.subspan(kHeaderBytes, bytes));
    left = left.subspan(kHeaderBytes + bytes);
  }
  std::memmove(inbox_.data(), left.data(), left.size());
  inbox_bytes_ = left.size();
}

void AnsweringChannel::OnMessage(uint32_t request, uint32_t flags,
                                 std::span<const std::byte> payload) {
  heard_.Ask(request, flags, payload);
  if (++messages_ > close_after_) {
    closed_ = true;
    return;
  }
  if (messages_ == stuck_after_) stuck_until_ = now_ + stuck_for_;
  if (request == kSetBackendReqFd) {
    asks_.Begin((heard_.agreed() & virtio_user::kProtoConfig) != 0);
  }
  SpoiledAnswer answer;
  answer.Add(request, 4);
  answer.Add(kVersion | kReply, 4);
  answer.Add(0, 4);
  if (!AddPayload(request, payload, answer)) {
    if (request == virtio_user::kReqSetStatus) {
      status_ = Reader(payload).Number(8);
    }
    if ((flags & kNeedReply) == 0) return;
    answer.Add(0, 8);
  }
  const size_t bytes = answer.size - kHeaderBytes;
  answer.bytes[8] = static_cast<std::byte>(bytes);
  answer.bytes[9] = static_cast<std::byte>(bytes >> 8);
  if (messages_ > silent_after_) return;
  answer.Spoil(input_);
  Queue(answer);
}

bool AnsweringChannel::AddPayload(uint32_t request,
                                  std::span<const std::byte> payload,
                                  SpoiledAnswer& answer) const {
  using namespace virtio_user;  // The requests.
  switch (request) {
    case kReqGetFeatures:
      answer.Add(features_, 8);
      return true;
    case kReqGetProtocolFeatures:
      answer.Add(protocol_, 8);
      return true;
    case kReqGetQueueNum:
      answer.Add(queue_num_, 8);
      return true;
    case kReqGetMaxMemSlots:
      answer.Add(mem_slots_, 8);
      return true;
    case kReqGetStatus:
      answer.Add(status_, 8);
      return true;
    case kReqGetVringBase:
      answer.Add(payload.first(std::min<size_t>(payload.size(), 4)));
      answer.Add(0, 4);
      return true;
    case kReqGetInflightFd:
      answer.Add(kInflightBytes, 8);
      answer.Add(0, 8);
      answer.Add(payload.subspan(std::min<size_t>(payload.size(), 16)));
      answer.fd_count = 1;
      answer.fd_bytes = kInflightBytes;
      return true;
    case kReqGetConfig:
      answer.Add(payload);
      return true;
    default:
      return false;
  }
}

void AnsweringChannel::Queue(const SpoiledAnswer& answer) {
  Duration at = now_ + answer.delay;
  Piece* const last = piece_count_ == 0 ? nullptr : &pieces_[piece_count_ - 1];
  if (last != nullptr) at = std::max(at, last->at);
  const size_t size = std::min(answer.size, outbox_.size() - outbox_bytes_);
  std::memcpy(outbox_.data() + outbox_bytes_, answer.bytes.data(), size);
  const size_t begin = std::exchange(outbox_bytes_, outbox_bytes_ + size);
  if (last != nullptr && last->at == at && last->end == begin &&
      last->fd_count == 0 && answer.fd_count == 0 && answer.piece_bytes == 0) {
    last->end = outbox_bytes_;
    return;
  }
  const size_t step = answer.piece_bytes == 0 ? size : answer.piece_bytes;
  for (size_t from = 0; from < size; from += step) {
    // There is room for so many; what comes behind is lost.
    if (piece_count_ == pieces_.size()) break;
    const size_t to = std::min(size, from + step);
    pieces_[piece_count_++] = {.begin = begin + from,
                               .end = begin + to,
                               .fd_count = from == 0 ? answer.fd_count : 0,
                               .fd_bytes = answer.fd_bytes,
                               .at = at};
    at += milliseconds(1);
  }
}

size_t AnsweringChannel::Available() const {
  size_t bytes = 0;
  for (size_t i = first_piece_; i < piece_count_; ++i) {
    if (pieces_[i].at > now_) break;
    bytes += pieces_[i].end - pieces_[i].begin;
  }
  return bytes;
}

// The first of them.
virtio_user::FileDescriptor AnsweringChannel::BringFds(size_t count,
                                                       uint64_t bytes) {
  if (bytes == kNoRoomBytes) {
    heard_.Bring({.fd_count = count, .file_bytes = {}});
    return {};
  }
  heard_.Bring({.fd_count = count, .file_bytes = bytes});
  return files_.Open(bytes);
}

Result<Received> AnsweringChannel::Receive(std::span<std::byte> into) {
  if (!attached_) return Gone();
  Received got;
  while (first_piece_ < piece_count_ && pieces_[first_piece_].at <= now_ &&
         got.bytes < into.size()) {
    Piece& piece = pieces_[first_piece_];
    // As recvmsg: descriptors end what one call takes, before and after.
    if (piece.fd_count > 0 && got.bytes > 0) break;
    got.fd_count = std::exchange(piece.fd_count, 0);
    if (got.fd_count > 0) got.fd = BringFds(got.fd_count, piece.fd_bytes);
    const size_t count =
        std::min(into.size() - got.bytes, piece.end - piece.begin);
    std::memcpy(into.data() + got.bytes, outbox_.data() + piece.begin, count);
    heard_.Take(into.subspan(got.bytes, count));
    got.bytes += count;
    piece.begin += count;
    if (piece.begin == piece.end) ++first_piece_;
    if (got.fd_count > 0) break;
  }
  if (first_piece_ == piece_count_) {
    first_piece_ = piece_count_ = outbox_bytes_ = 0;
    if (got.bytes == 0 && closed_) return Gone();
  }
  return got;
}

bool AnsweringChannel::WokenBeside(Deadline deadline) {
  if (!watches_ || now_ >= deadline.at || !asks_.Readable()) return false;
  now_ = std::min(now_ + kWakeTime, deadline.at);
  return true;
}

Result<void> AnsweringChannel::WaitWritable(Deadline deadline) {
  if (!attached_) return Gone();
  ReadMessages();
  if (closed_ || inbox_bytes_ < inbox_.size()) return {};
  if (WokenBeside(deadline)) return {};
  if (stuck_until_ <= deadline.at) {
    now_ = stuck_until_;
    return {};
  }
  now_ = std::max(now_, deadline.at);
  return Fail(ErrorCode::kDeadline, "no room to send before the deadline");
}

Result<void> AnsweringChannel::WaitReadable(size_t bytes, Deadline deadline) {
  if (!attached_) return Gone();
  for (;;) {
    ReadMessages();
    const size_t available = Available();
    if (available >= bytes || WokenBeside(deadline)) return {};
    // What happens next, if anything does.
    size_t next = first_piece_;
    while (next < piece_count_ && pieces_[next].at <= now_) ++next;
    Duration at = next < piece_count_ ? pieces_[next].at : Duration::max();
    if (stuck() && inbox_bytes_ > 0) at = std::min(at, stuck_until_);
    if (at == Duration::max() && closed_) return {};
    const Duration patience = now_ + virtio_user::kReceivePatience;
    if (available > 0 && patience < deadline.at && at > patience) {
      now_ = patience;
      return {};
    }
    if (at > deadline.at) break;
    now_ = at;
  }
  now_ = std::max(now_, deadline.at);
  return Fail(ErrorCode::kDeadline, "not enough bytes before the deadline");
}

}  // namespace fuzz
