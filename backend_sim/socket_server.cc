// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/socket_server.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <ctime>
#include <thread>
#include <utility>

namespace backend_sim {

using virtio_user::Error;
using virtio_user::ErrorCode;
using virtio_user::Fail;
using virtio_user::FileDescriptor;
using virtio_user::Result;

namespace {

// How long a wait lasts before `stop` is looked at again.
inline constexpr int kSliceMs = 10;
// How long the answer to a request of the server may take.
inline constexpr int kAnswerMs = 5000;
// Pieces of messages that are read before the rings get their turn.
inline constexpr int kReadsATurn = 1024;
// Turns without anything to do before the thread sleeps between them.
inline constexpr int kPatience = 2000;
// Turns in which packets moved between two looks at the socket.
inline constexpr int kBusyTurns = 16;

std::unexpected<Error> SystemError(const char* what) {
  return std::unexpected(
      Error::System(ErrorCode::kSystem, errno, "%s of the server", what));
}

// While it lives, this thread is not ended by SIGPIPE: a front-end may give a
// pipe or a socket to be signalled by, and close its end of it.
class WithoutSigpipe {
 public:
  WithoutSigpipe() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  WithoutSigpipe(const WithoutSigpipe&) = delete;
  WithoutSigpipe& operator=(const WithoutSigpipe&) = delete;
  ~WithoutSigpipe() {
    // One that waits would end the process now.
    constexpr timespec kNow{};
    const bool was_blocked = sigismember(&before_, SIGPIPE) == 1;
    while (!was_blocked && sigtimedwait(&pipe_, nullptr, &kNow) > 0) {
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  sigset_t pipe_;
  sigset_t before_;
};

using ControlBuffer =
    std::array<std::byte, CMSG_SPACE(kWireMaxFds * sizeof(int))>;

// Takes over the descriptors that a message brought.
std::vector<FileDescriptor> TakeFds(msghdr& message, virtio_user::FdOps& fds) {
  std::vector<FileDescriptor> taken;
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
       part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) {
      continue;
    }
    const size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof(int));
      taken.emplace_back(fds, fd);
    }
  }
  return taken;
}

void AttachFds(std::span<const FileDescriptor> fds, ControlBuffer& control,
               msghdr& message) {
  if (fds.empty()) return;
  message.msg_control = control.data();
  message.msg_controllen = CMSG_SPACE(fds.size() * sizeof(int));
  cmsghdr* const part = CMSG_FIRSTHDR(&message);
  part->cmsg_level = SOL_SOCKET;
  part->cmsg_type = SCM_RIGHTS;
  part->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
  for (size_t i = 0; i < fds.size(); ++i) {
    const int fd = fds[i].get();
    std::memcpy(CMSG_DATA(part) + i * sizeof(int), &fd, sizeof(int));
  }
}

}  // namespace

Result<void> SocketServer::Serve(FileDescriptor connection,
                                 const std::atomic<bool>& stop) {
  const WithoutSigpipe without_sigpipe;
  server_.Connect();
  Result<Next> next = Next::kGoOn;
  int idle_turns = 0;
  int busy_turns = 0;
  while (next && *next == Next::kGoOn && !stop.load()) {
    const bool busy = server_.Step() > 0;
    idle_turns = busy ? 0 : idle_turns + 1;
    busy_turns = busy ? busy_turns + 1 : 0;
    if (busy && busy_turns % kBusyTurns != 0) continue;
    const bool running = server_.model().AnyStarted();
    const int timeout = !running ? kSliceMs : idle_turns < kPatience ? 0 : 1;
    const Result<bool> readable = WaitFor(connection.get(), POLLIN, timeout);
    if (!readable) {
      next = Fail(readable);
    } else if (*readable) {
      idle_turns = 0;
      next = ReadWhatIsThere(connection.get(), stop);
    }
  }
  server_.Disconnect();
  if (!next) return Fail(next);
  return {};
}

Result<bool> SocketServer::WaitFor(int socket, short events, int timeout_ms) {
  pollfd watched{.fd = socket, .events = events, .revents = 0};
  ++stats_.polls;
  const int ready = ::poll(&watched, 1, timeout_ms);
  if (ready < 0 && errno != EINTR) return SystemError("poll");
  return ready > 0;
}

// A front-end sends its messages in windows: the rings get their turn after
// what has arrived, not between any two pieces of it.
Result<SocketServer::Next> SocketServer::ReadWhatIsThere(
    int socket, const std::atomic<bool>& stop) {
  Result<Next> next = Next::kGoOn;
  for (int reads = 0; reads < kReadsATurn && next && *next == Next::kGoOn;
       ++reads) {
    next = ReadSome(socket, stop);
  }
  if (next && *next == Next::kNothing) return Next::kGoOn;
  return next;
}

// At most up to the end of the header or payload that is wanted, so that
// descriptors stay with their message and nothing is read ahead of answers.
Result<SocketServer::Next> SocketServer::ReadSome(
    int socket, const std::atomic<bool>& stop) {
  if (auto asked = AskIfDue(); !asked) return Fail(asked);
  std::array<std::byte, kWireMaxPayload> buffer;
  alignas(cmsghdr) ControlBuffer control;
  iovec part{.iov_base = buffer.data(),
             .iov_len = std::min(server_.BytesWanted(), buffer.size())};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ++stats_.receives;
  const ssize_t count =
      ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (count < 0) {
    if (errno == EAGAIN || errno == EINTR) return Next::kNothing;
    if (errno == ECONNRESET) return Next::kEnd;
    return SystemError("recvmsg");
  }
  std::vector<FileDescriptor> fds = TakeFds(message, fds_);
  if (count == 0) return Next::kEnd;
  const std::span<const std::byte> bytes(buffer.data(),
                                         static_cast<size_t>(count));
  return Emit(socket, server_.OnBytes(bytes, std::move(fds)), stop);
}

Result<void> SocketServer::AskIfDue() {
  const int fd = server_.model().request_channel().get();
  if (!planned_ || fd < 0 ||
      planned_->before_message != server_.message_count()) {
    return {};
  }
  const std::vector<std::byte> bytes = std::move(planned_->bytes);
  planned_.reset();
  if (::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0) {
    return SystemError("a request");
  }
  const Result<bool> answered = WaitFor(fd, POLLIN, kAnswerMs);
  if (!answered) return Fail(answered);
  if (!*answered) return Fail(ErrorCode::kDeadline, "nobody answers a request");
  request_answer_.resize(kRequestAnswerBytes);
  const ssize_t count =
      ::recv(fd, request_answer_.data(), request_answer_.size(), MSG_WAITALL);
  if (count < 0) return SystemError("the answer to a request");
  request_answer_.resize(static_cast<size_t>(count));
  return {};
}

Result<SocketServer::Next> SocketServer::Emit(int socket, ServerOutput output,
                                              const std::atomic<bool>& stop) {
  const auto start = std::chrono::steady_clock::now();
  for (const OutgoingAnswer& answer : output.answers) {
    while (!stop.load() &&
           std::chrono::steady_clock::now() < start + answer.delay) {
      std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(
          answer.delay, std::chrono::milliseconds(1)));
    }
    const Result<Next> sent = SendAll(socket, answer, stop);
    if (!sent || *sent == Next::kEnd) return sent;
  }
  while (output.stall && !stop.load()) {
    pollfd watched{.fd = socket, .events = 0, .revents = 0};
    if (::poll(&watched, 1, kSliceMs) > 0) return Next::kEnd;
  }
  return output.close ? Next::kEnd : Next::kGoOn;
}

Result<SocketServer::Next> SocketServer::SendAll(
    int socket, const OutgoingAnswer& answer, const std::atomic<bool>& stop) {
  size_t done = 0;
  while (done < answer.bytes.size()) {
    alignas(cmsghdr) ControlBuffer control{};
    // sendmsg does not write through this pointer.
    iovec part{.iov_base = const_cast<std::byte*>(answer.bytes.data()) + done,
               .iov_len = answer.bytes.size() - done};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (done == 0) AttachFds(answer.fds, control, message);
    ++stats_.sends;
    const ssize_t count =
        ::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count > 0) {
      done += static_cast<size_t>(count);
      continue;
    }
    if (errno == EPIPE || errno == ECONNRESET) return Next::kEnd;
    if (errno != EAGAIN && errno != EINTR) return SystemError("sendmsg");
    if (stop.load()) return Next::kEnd;
    if (const auto room = WaitFor(socket, POLLOUT, kSliceMs); !room) {
      return Fail(room);
    }
  }
  return Next::kGoOn;
}

}  // namespace backend_sim
