// SPDX-License-Identifier: BSD-3-Clause

#include "cli/guarded_child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include "cli/child_process.h"
#include "cli/stall_watch.h"

namespace virtio_user::cli {
namespace {

using Clock = std::chrono::steady_clock;

// How soon an interruption is seen.
constexpr std::chrono::milliseconds kGlance{50};

// An exception that nobody catches must not unwind into the parent's frames:
// here it ends the process.
[[noreturn]] void BeChild(const GuardedChild& child, pid_t parent,
                          int pipe) noexcept {
  BeginChild(parent);
  child.work(pipe);
  // Buffers of streams are copies of the parent's, and stay unwritten.
  _exit(0);
}

// Whether and why the child has to go.
class Patience {
 public:
  Patience(const GuardedChild& child, const Console& console)
      : child_(child), console_(console) {}

  std::optional<ChildEnd::How> Over() {
    const auto stall = stalls_.Take();
    deadline_ += stall;
    if (console_.Interrupted() && !grace_ends_) {
      grace_ends_ = Clock::now();
      if (child_.ask_to_end) {
        child_.ask_to_end();
        *grace_ends_ += child_.grace;
      }
    }
    if (grace_ends_ && Clock::now() >= *grace_ends_) {
      return ChildEnd::How::kInterrupted;
    }
    const bool overdue =
        child_.overdue ? child_.overdue(stall) : Clock::now() >= deadline_;
    if (overdue) return ChildEnd::How::kTimedOut;
    return std::nullopt;
  }

  std::chrono::milliseconds NextGlance() const {
    if (child_.overdue) return kGlance;
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline_ - Clock::now());
    return std::clamp(left, std::chrono::milliseconds(0), kGlance);
  }

  bool interrupted() const { return grace_ends_.has_value(); }

 private:
  const GuardedChild& child_;
  const Console& console_;
  StallWatch stalls_;
  Clock::time_point deadline_ = Clock::now() + child_.timeout;
  std::optional<Clock::time_point> grace_ends_;
};

// How the reading ended: the child closed its end, or it is to be killed.
ChildEnd::How ReadAll(int pipe, const GuardedChild& child, Patience& patience) {
  std::array<std::byte, 65536> buffer;
  for (;;) {
    if (const auto over = patience.Over()) return *over;
    pollfd ready{.fd = pipe, .events = POLLIN, .revents = 0};
    const auto glance = static_cast<int>(patience.NextGlance().count());
    if (poll(&ready, 1, glance) <= 0) continue;
    const ssize_t got = read(pipe, buffer.data(), buffer.size());
    if (got == 0) return ChildEnd::How::kFinished;
    if (got > 0) {
      child.on_bytes(std::span(buffer).first(static_cast<size_t>(got)));
    } else if (errno != EINTR && errno != EAGAIN) {
      return ChildEnd::How::kDied;
    }
  }
}

ChildEnd Collect(pid_t pid, ChildEnd::How how, bool interrupted) {
  if (how != ChildEnd::How::kFinished) kill(pid, SIGKILL);
  const int status = WaitFor(pid);
  if (how != ChildEnd::How::kFinished) return {.how = how};
  const std::string death = DeathText(status);
  if (!death.empty()) return {.how = ChildEnd::How::kDied, .text = death};
  if (interrupted) return {.how = ChildEnd::How::kInterrupted};
  return {};
}

ChildEnd NotStarted(const char* call) {
  const int error = errno;
  return {.how = ChildEnd::How::kNotStarted,
          .text = std::string(call) + ": " + std::strerror(error)};
}

}  // namespace

void WriteToPipe(int fd, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t wrote = write(fd, bytes.data(), bytes.size());
    if (wrote > 0) {
      bytes = bytes.subspan(static_cast<size_t>(wrote));
    } else if (errno != EINTR) {
      _exit(1);
    }
  }
}

ChildEnd RunGuarded(const GuardedChild& child, const Console& console) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return NotStarted("pipe2");
  const pid_t parent = getpid();
  // From before it begins, so that no stop is missed.
  Patience patience(child, console);
  const pid_t pid = fork();
  if (pid < 0) {
    const ChildEnd end = NotStarted("fork");
    close(ends[0]);
    close(ends[1]);
    return end;
  }
  if (pid == 0) {
    close(ends[0]);
    BeChild(child, parent, ends[1]);
  }
  close(ends[1]);
  const ChildEnd::How how = ReadAll(ends[0], child, patience);
  close(ends[0]);
  return Collect(pid, how, patience.interrupted());
}

}  // namespace virtio_user::cli
