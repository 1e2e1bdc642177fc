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
  const auto fault = parts_.faults.Take(FaultKind::kAttachRefused, count);
  if (fault) TraceFault(*fault);
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

void SimChannel::TraceFault(const Fault& fault) {
  parts_.trace.Add({.kind = TraceKind::kFault,
                    .detail = static_cast<uint8_t>(fault.kind),
                    .words = {fault.at, fault.argument}});
}

// How many bytes this call may move, for reasons of the world's own.
size_t SimChannel::Limit(FaultKind kind, uint64_t count, uint32_t percent) {
  if (const auto fault = parts_.faults.Take(kind, count)) {
    TraceFault(*fault);
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

Result<void> SimChannel::SendFds(std::span<const int> fds, Segment& segment) {
  for (const int fd : fds) {
    if (parts_.client_fds.FileOf(fd) != nullptr) continue;
    return std::unexpected(
        Error::System(ErrorCode::kSystem, EBADF, "a descriptor to be sent"));
  }
  segment.fds = PassFds({parts_.client_fds, parts_.server_fds}, fds);
  stats_.fds_sent += fds.size();
  return {};
}

Result<Received> SimChannel::Receive(std::span<std::byte> into) {
  const uint64_t count = stats_.receives++;
  if (!attached()) {
    return Fail(ErrorCode::kDisconnected, "no back-end is connected");
  }
  const size_t readable = Readable();
  if (readable == 0 && peer_closed_) {
    return Fail(ErrorCode::kDisconnected, "the back-end closed the connection");
  }
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

void SimChannel::TakeFds(Answer& answer, Received& received) {
  received.fd_count += answer.fds.size();
  auto passed = PassFds({parts_.server_fds, parts_.client_fds},
                        std::exchange(answer.fds, {}));
  if (!received.fd.valid() && !passed.empty()) {
    received.fd = std::move(passed.front());
  }
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

// --- The server's end --------------------------------------------------------

bool SimChannel::Pump() {
  bool any = false;
  while (PumpOnce()) any = true;
  return any;
}

// Gives the server one piece of what was sent, at most a message.
bool SimChannel::PumpOnce() {
  if (peer_closed_ || stalled_ || to_server_.empty()) return false;
  if (unread_answers_ >= options_.max_unread_answers) return false;
  if (WaitsForRequest()) return false;
  Segment& segment = to_server_.front();
  const auto bytes = std::span<const std::byte>(segment.bytes);
  const size_t count =
      std::min(bytes.size() - segment.taken, parts_.server.BytesWanted());
  ServerOutput output = parts_.server.OnBytes(
      bytes.subspan(segment.taken, count), std::exchange(segment.fds, {}));
  segment.taken += count;
  to_server_bytes_ -= count;
  if (segment.taken == segment.bytes.size()) to_server_.pop_front();
  Queue(std::move(output));
  return true;
}

// Makes a request that is due, and waits until it is answered.
bool SimChannel::WaitsForRequest() {
  if (!planned_ || requests_ == nullptr || !requests_->frontend_open ||
      planned_->before_message != parts_.server.message_count()) {
    return false;
  }
  if (!std::exchange(asking_, true)) {
    answers_before_ = requests_->to_backend.size();
    SendRequest(planned_->bytes);
  }
  if (requests_->to_backend.size() < answers_before_ + kRequestAnswerBytes) {
    return true;
  }
  planned_.reset();
  asking_ = false;
  return false;
}

bool SimChannel::SendRequest(std::span<const std::byte> bytes,
                             size_t fd_count) {
  if (requests_ == nullptr || !requests_->frontend_open ||
      !requests_->backend_open) {
    return false;
  }
  requests_->to_frontend.insert(requests_->to_frontend.end(), bytes.begin(),
                                bytes.end());
  requests_->fds_to_frontend += fd_count;
  return true;
}

Result<virtio_user::ChannelPair> SimChannel::MakePair() {
  const auto ours =
      parts_.client_fds.Install(SimFile::Socket(), "request stream");
  if (!ours) return Fail(ours);
  requests_ = std::make_shared<SimRequestStream>();
  virtio_user::ChannelPair pair;
  pair.ours = std::make_unique<SimRequestChannel>(parts_.client_fds, *ours,
                                                  parts_.clock, requests_);
  const auto theirs = parts_.client_fds.Install(SimFile::Socket(),
                                                "request stream's other end");
  if (!theirs) return Fail(theirs);
  pair.theirs = FileDescriptor(parts_.client_fds, *theirs);
  return pair;
}

void SimChannel::Queue(ServerOutput output) {
  for (OutgoingAnswer& answer : output.answers) {
    Answer queued;
    queued.bytes = std::move(answer.bytes);
    queued.fds = std::move(answer.fds);
    queued.due = parts_.clock.now() + answer.delay;
    queued.last = answer.last;
    if (answer.last) ++unread_answers_;
    to_client_.push_back(std::move(queued));
  }
  if (output.stall) stalled_ = true;
  if (output.close) CloseByServer();
}

void SimChannel::PeerCloses() {
  peer_present_ = false;
  if (attached() && !peer_closed_) CloseByServer();
}

void SimChannel::CloseByServer() {
  parts_.trace.Add({.kind = TraceKind::kClose,
                    .detail = static_cast<uint8_t>(Closer::kBackend)});
  parts_.server.Disconnect();
  peer_closed_ = true;
  if (requests_ != nullptr) requests_->backend_open = false;
  to_server_.clear();
  to_server_bytes_ = 0;
}

void SimChannel::DropStreams() {
  to_server_.clear();
  to_server_bytes_ = 0;
  to_client_.clear();
  unread_answers_ = 0;
  if (requests_ != nullptr) requests_->backend_open = false;
}

ChannelStats SimChannel::stats() const {
  ChannelStats stats = stats_;
  stats.messages = parts_.server.message_count();
  stats.answers = parts_.server.answer_count();
  return stats;
}

}  // namespace backend_sim
