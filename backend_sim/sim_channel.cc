// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/sim_channel.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "backend_sim/passed_fds.h"
#include "virtio_user/base/check.h"

namespace backend_sim {

using virtio_user::Deadline;
using virtio_user::Duration;
using virtio_user::Error;
using virtio_user::ErrorCode;
using virtio_user::Fail;
using virtio_user::FileDescriptor;
using virtio_user::LinkState;
using virtio_user::Received;
using virtio_user::Result;
using virtio_user::SendChunk;

SimChannel::SimChannel(const SimChannelParts& parts,
                       std::unique_ptr<Entropy> entropy,
                       SimChannelOptions options)
    : parts_(parts),
      entropy_(std::move(entropy)),
      options_(options),
      peer_present_(options.peer_present) {
  if (options_.server_mode) OpenListener();
}

SimChannel::~SimChannel() {
  Detach();
  if (listener_ >= 0) parts_.client_fds.Close(listener_);
}

void SimChannel::OpenListener() {
  const auto fd = parts_.client_fds.Install(
      SimFile::Socket(), "listening socket", FdKeeper::kWorld);
  if (fd) listener_ = *fd;
}

// --- PeerLink ----------------------------------------------------------------

Result<void> SimChannel::Attach() {
  VU_CHECK(!attached());
  const uint64_t count = stats_.attaches++;
  const auto fault = TakeFault(FaultKind::kAttachRefused, count);
  if (fault || (!peer_present_ && !options_.server_mode)) {
    return std::unexpected(Error::System(ErrorCode::kDisconnected, ECONNREFUSED,
                                         "nobody serves the simulated socket"));
  }
  if (!peer_present_) {
    parts_.clock.AdvanceTo(attach_deadline_.at);
    return Fail(ErrorCode::kDeadline, "no back-end connected in time");
  }
  const auto fd = parts_.client_fds.Install(SimFile::Socket(), "connection");
  if (!fd) return Fail(fd);
  connection_ = *fd;
  peer_closed_ = false;
  stalled_ = false;
  parts_.trace.Add({.kind = TraceKind::kAttach, .words = {count}});
  parts_.server.Connect();
  return {};
}

void SimChannel::Detach() {
  if (!attached()) return;
  parts_.client_fds.Close(std::exchange(connection_, -1));
  Pump();  // The server still reads what is on its way.
  if (!peer_closed_) {
    parts_.trace.Add({.kind = TraceKind::kClose,
                      .detail = static_cast<uint8_t>(Closer::kFrontend)});
    parts_.server.Disconnect();
  }
  DropStreams();
}

LinkState SimChannel::Poll() {
  if (attached()) return peer_closed_ ? LinkState::kDown : LinkState::kUp;
  return options_.server_mode && peer_present_ ? LinkState::kPeerWaiting
                                               : LinkState::kDown;
}

int SimChannel::fd() const { return attached() ? connection_ : listener_; }

// --- Channel -----------------------------------------------------------------

Deadline SimChannel::After(Duration budget) {
  return parts_.clock.After(budget);
}

void SimChannel::SetAttachDeadline(Deadline deadline) {
  attach_deadline_ = deadline;
}

std::optional<Fault> SimChannel::TakeFault(FaultKind kind, uint64_t count) {
  const auto fault = parts_.faults.Take(kind, count);
  if (!fault) return std::nullopt;
  parts_.trace.Add({.kind = TraceKind::kFault,
                    .detail = static_cast<uint8_t>(fault->kind),
                    .words = {fault->at, fault->argument}});
  return fault;
}

// How many bytes this call may move, for reasons of the world's own.
size_t SimChannel::Limit(FaultKind kind, uint64_t count, uint32_t percent) {
  if (const auto fault = TakeFault(kind, count)) {
    return std::max<size_t>(fault->argument, 1);
  }
  if (!entropy_->Chance({percent, 100})) return SIZE_MAX;
  return 1 + static_cast<size_t>(entropy_->Choose(64));
}

bool SimChannel::Full() const {
  return to_server_.size() >= options_.max_unread_sends ||
         to_server_bytes_ >= options_.max_unread_bytes;
}

Result<size_t> SimChannel::Send(std::span<const SendChunk> chunks,
                                size_t skip) {
  const uint64_t count = stats_.sends++;
  if (!attached() || peer_closed_) {
    return std::unexpected(Error::System(ErrorCode::kDisconnected, EPIPE,
                                         "the back-end is not there"));
  }
  if (const auto fault = TakeFault(FaultKind::kSendBroken, count)) {
    LoseConnection();
    return std::unexpected(Error::System(
        ErrorCode::kDisconnected, fault->argument == 0 ? EPIPE : ECONNRESET,
        "the connection to the back-end is lost"));
  }
  if (TakeFault(FaultKind::kSendNothing, count)) return size_t{0};
  size_t limit =
      Limit(FaultKind::kShortSend, count, options_.short_send_percent);
  size_t total = 0;
  for (const SendChunk& chunk : chunks) {
    const size_t begin = std::exchange(skip, 0);
    const Result<size_t> sent = AcceptChunk(chunk, begin, limit);
    if (!sent) {
      if (total == 0) return sent;
      break;
    }
    total += *sent;
    limit -= *sent;
    if (*sent < chunk.bytes.size() - begin) break;
  }
  stats_.bytes_sent += total;
  const bool eager =
      options_.pace == ServerPace::kEager ||
      (options_.pace == ServerPace::kRandom && entropy_->Chance({1, 2}));
  if (eager) Pump();
  return total;
}

Result<size_t> SimChannel::AcceptChunk(const SendChunk& chunk, size_t skip,
                                       size_t limit) {
  VU_CHECK(skip <= chunk.bytes.size());
  VU_CHECK(chunk.fds.size() <= kWireMaxFds);
  const size_t count = std::min(chunk.bytes.size() - skip, limit);
  if (count == 0 || Full()) return size_t{0};
  Segment segment;
  const auto from = chunk.bytes.subspan(skip, count);
  segment.bytes.assign(from.begin(), from.end());
  if (skip == 0) {
    if (const auto passed = SendFds(chunk.fds, segment); !passed) {
      return Fail(passed);
    }
  }
  to_server_bytes_ += count;
  to_server_.push_back(std::move(segment));
  return count;
}

Result<Received> SimChannel::Receive(std::span<std::byte> into) {
  const uint64_t count = stats_.receives++;
  if (!attached()) {
    return Fail(ErrorCode::kDisconnected, "no back-end is connected");
  }
  if (TakeFault(FaultKind::kReceiveBroken, count)) LoseConnection();
  const size_t readable = Readable();
  if (readable == 0 && peer_closed_) {
    return Fail(ErrorCode::kDisconnected, "the back-end closed the connection");
  }
  if (TakeFault(FaultKind::kReceiveNothing, count)) return Received{};
  size_t left = std::min(into.size(), readable);
  if (left > 0) {
    left = std::min(left, Limit(FaultKind::kShortReceive, count,
                                options_.short_receive_percent));
  }
  Received received;
  while (left > 0) {
    Answer& answer = to_client_.front();
    const size_t step = std::min(left, answer.bytes.size() - answer.taken);
    if (answer.taken == 0) TakeFds(answer, received);
    std::copy_n(
        answer.bytes.begin() + static_cast<std::ptrdiff_t>(answer.taken), step,
        into.begin() + static_cast<std::ptrdiff_t>(received.bytes));
    answer.taken += step;
    received.bytes += step;
    left -= step;
    if (answer.taken < answer.bytes.size()) continue;
    if (answer.last) --unread_answers_;
    to_client_.pop_front();
  }
  stats_.bytes_received += received.bytes;
  return received;
}

Result<void> SimChannel::WaitWritable(Deadline deadline) {
  ++stats_.writable_waits;
  if (!attached()) {
    return Fail(ErrorCode::kDisconnected, "no back-end is connected");
  }
  Pump();
  if (peer_closed_ || !Full()) return {};  // The next Send tells.
  if (SeesRequest(deadline)) return {};
  parts_.clock.AdvanceTo(deadline.at);
  return Fail(ErrorCode::kDeadline, "the back-end does not read");
}

Result<void> SimChannel::WaitReadable(size_t bytes, Deadline deadline) {
  ++stats_.readable_waits;
  if (!attached()) {
    return Fail(ErrorCode::kDisconnected, "no back-end is connected");
  }
  Pump();
  while (true) {
    const size_t readable = Readable();
    if (readable >= bytes || peer_closed_) return {};
    if (SeesRequest(deadline)) return {};
    const auto next = std::ranges::find_if(
        to_client_,
        [&](const Answer& answer) { return answer.due > parts_.clock.now(); });
    const bool comes = next != to_client_.end() && next->due <= deadline.at;
    if (readable > 0) {
      // More is on its way: what is there may be taken meanwhile.
      if (comes) return {};
      const auto patience = parts_.clock.After(virtio_user::kReceivePatience);
      if (patience.at >= deadline.at) break;
      parts_.clock.AdvanceTo(patience.at);
      return {};
    }
    if (!comes) break;
    parts_.clock.AdvanceTo(next->due);
  }
  parts_.clock.AdvanceTo(deadline.at);
  return Fail(ErrorCode::kDeadline,
              "the back-end sent %zu of %zu bytes in time", Readable(), bytes);
}

// Whether a wait ends, a little later, because something came beside it.
bool SimChannel::SeesRequest(Deadline deadline) {
  if (beside_ == nullptr || requests_->to_frontend.empty()) return false;
  const Deadline soon = parts_.clock.After(std::chrono::milliseconds(10));
  if (soon >= deadline) return false;
  parts_.clock.AdvanceTo(soon.at);
  return true;
}

size_t SimChannel::Readable() const {
  size_t readable = 0;
  for (const Answer& answer : to_client_) {
    if (answer.due > parts_.clock.now()) break;
    readable += answer.bytes.size() - answer.taken;
  }
  return readable;
}

}  // namespace backend_sim
