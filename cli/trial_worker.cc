// SPDX-License-Identifier: BSD-3-Clause

#include "cli/trial_worker.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

#include "cli/child_process.h"
#include "cli/stall_watch.h"

namespace virtio_user::cli {
namespace {

using backend_sim::Script;
using Clock = std::chrono::steady_clock;

// How soon an interruption is seen.
constexpr std::chrono::milliseconds kGlance{50};

// Messages are a length and so many bytes. False: the other end is gone.
bool SendAll(int socket, const void* data, size_t bytes) {
  const auto* at = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t sent = send(socket, at, bytes, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    at += sent;
    bytes -= static_cast<size_t>(sent);
  }
  return true;
}

bool SendMessage(int socket, std::string_view text) {
  const uint64_t bytes = text.size();
  return SendAll(socket, &bytes, sizeof(bytes)) &&
         SendAll(socket, text.data(), text.size());
}

bool ReceiveAll(int socket, void* data, size_t bytes) {
  auto* at = static_cast<char*>(data);
  while (bytes > 0) {
    const ssize_t got = recv(socket, at, bytes, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    at += got;
    bytes -= static_cast<size_t>(got);
  }
  return true;
}

std::optional<std::string> ReceiveMessage(int socket) {
  uint64_t bytes = 0;
  if (!ReceiveAll(socket, &bytes, sizeof(bytes))) return std::nullopt;
  std::string text(bytes, '\0');
  if (!ReceiveAll(socket, text.data(), bytes)) return std::nullopt;
  return text;
}

// An answer is a verdict's number and the text.
std::string ToAnswer(const SeedOutcome& outcome) {
  return static_cast<char>(outcome.verdict) + outcome.text;
}

SeedOutcome FromAnswer(const std::string& answer) {
  return {.verdict = static_cast<SeedVerdict>(answer.at(0)),
          .text = answer.substr(1)};
}

}  // namespace

bool TrialWorker::Begin() {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    trouble_ = fmt::format("socketpair: {}", std::strerror(errno));
    return false;
  }
  const pid_t parent = getpid();
  child_ = fork();
  if (child_ == 0) {
    BeginChild(parent);
    close(ends[0]);
    Serve(ends[1]);
  }
  if (child_ < 0) {
    trouble_ = fmt::format("fork: {}", std::strerror(errno));
    close(ends[0]);
  } else {
    socket_ = ends[0];
  }
  close(ends[1]);
  used_ = false;
  return child_ > 0;
}

int TrialWorker::End() {
  if (child_ <= 0) return 0;
  kill(child_, SIGKILL);
  close(std::exchange(socket_, -1));
  return WaitFor(std::exchange(child_, -1));
}

// An exception that nobody catches ends the process here.
void TrialWorker::Serve(int socket) noexcept {
  while (const auto text = ReceiveMessage(socket)) {
    const auto script = backend_sim::ScriptFromText(*text);
    // What cannot be written down is nothing to be shrunk to.
    const SeedOutcome outcome = script ? run_(*script) : SeedOutcome();
    if (!SendMessage(socket, ToAnswer(outcome))) break;
  }
  _exit(0);
}

SeedOutcome TrialWorker::Hung() {
  (void)End();
  return {.verdict = SeedVerdict::kHang,
          .text = fmt::format("no end after {} s", patience_.count())};
}

std::optional<SeedOutcome> TrialWorker::Wait() {
  StallWatch stalls;
  Clock::time_point deadline = Clock::now() + patience_;
  for (;;) {
    pollfd ready{.fd = socket_, .events = POLLIN, .revents = 0};
    const int count = poll(&ready, 1, static_cast<int>(kGlance.count()));
    if (console_.Interrupted()) return std::nullopt;
    if (count > 0) break;
    deadline += stalls.Take();
    if (Clock::now() >= deadline) return Hung();
  }
  if (const auto answer = ReceiveMessage(socket_)) return FromAnswer(*answer);
  // It is gone, or about to be: an end of its own is no answer.
  const int status = WaitFor(std::exchange(child_, -1));
  close(std::exchange(socket_, -1));
  const std::string text =
      WIFSIGNALED(status)
          ? "died by " + DeathText(status)
          : fmt::format("ended with exit code {}", WEXITSTATUS(status));
  return SeedOutcome{.verdict = SeedVerdict::kCrash, .text = text};
}

std::optional<SeedOutcome> TrialWorker::Try(const Script& script) {
  if (console_.Interrupted()) return std::nullopt;
  if (child_ <= 0 && !Begin()) return std::nullopt;
  // If it does not take it, it is gone, and Wait sees why.
  (void)SendMessage(socket_, ToText(script));
  used_ = true;
  return Wait();
}

std::optional<SeedOutcome> TrialWorker::TryAfresh(const Script& script) {
  if (used_) (void)End();
  return Try(script);
}

}  // namespace virtio_user::cli
