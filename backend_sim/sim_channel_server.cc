// SPDX-License-Identifier: BSD-3-Clause
//
// SimChannel: what is under way, and the server's end of it.

#include <algorithm>
#include <cerrno>
#include <utility>

#include "backend_sim/passed_fds.h"
#include "backend_sim/sim_channel.h"

namespace backend_sim {

using virtio_user::Error;
using virtio_user::ErrorCode;
using virtio_user::Fail;
using virtio_user::FileDescriptor;
using virtio_user::Received;
using virtio_user::Result;

namespace {

// What a file of another kind holds.
inline constexpr size_t kOtherBytes = 4096;

}  // namespace

// --- Descriptors -------------------------------------------------------------

Result<void> SimChannel::SendFds(std::span<const int> fds, Segment& segment) {
  for (const int fd : fds) {
    if (parts_.client_fds.FileOf(fd) != nullptr) continue;
    return std::unexpected(
        Error::System(ErrorCode::kSystem, EBADF, "a descriptor to be sent"));
  }
  segment.fds = PassFds({parts_.client_fds, parts_.server_fds}, fds);
  stats_.fds_sent += fds.size();
  if (!fds.empty()) SpoilFds(stats_.fd_messages++, segment.fds);
  return {};
}

// What becomes of a message's descriptors on the way.
void SimChannel::SpoilFds(uint64_t at, std::vector<FileDescriptor>& fds) {
  if (TakeFault(FaultKind::kFdsLost, at)) fds.clear();
  if (const auto fault = TakeFault(FaultKind::kFdsExtra, at)) {
    AddFd(
        fault->argument == 0 ? SimFile::Event() : SimFile::Memory(kOtherBytes),
        fds);
  }
  if (TakeFault(FaultKind::kFdsWrongKind, at)) ChangeKind(fds);
}

void SimChannel::AddFd(std::shared_ptr<SimFile> file,
                       std::vector<FileDescriptor>& fds) {
  const auto fd = parts_.server_fds.Install(std::move(file), "a wrong file");
  if (fd) fds.emplace_back(parts_.server_fds, *fd);
}

void SimChannel::ChangeKind(std::vector<FileDescriptor>& fds) {
  if (fds.empty()) return;
  const auto file = parts_.server_fds.FileOf(fds.front().get());
  const bool memory = file != nullptr && file->kind() == SimFile::Kind::kMemory;
  std::vector<FileDescriptor> other;
  AddFd(memory ? SimFile::Event() : SimFile::Memory(kOtherBytes), other);
  if (!other.empty()) fds.front() = std::move(other.front());
}

void SimChannel::TakeFds(Answer& answer, Received& received) {
  received.fd_count += answer.fds.size();
  auto passed = PassFds({parts_.server_fds, parts_.client_fds},
                        std::exchange(answer.fds, {}));
  if (!received.fd.valid() && !passed.empty()) {
    received.fd = std::move(passed.front());
  }
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
  requests_->number = ++request_streams_;
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
    if (!queued.fds.empty()) {
      const uint64_t at = stats_.fd_answers++;
      if (TakeFault(FaultKind::kReplyFdsLost, at)) queued.fds.clear();
      if (TakeFault(FaultKind::kReplyFdsWrongKind, at)) ChangeKind(queued.fds);
    }
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

// As a reset connection: what nobody has read is gone.
void SimChannel::LoseConnection() {
  if (!peer_closed_) CloseByServer();
  to_client_.clear();
  unread_answers_ = 0;
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
