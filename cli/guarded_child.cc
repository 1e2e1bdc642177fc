// SPDX-License-Identifier: BSD-3-Clause

#include "cli/guarded_child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace virtio_user::cli {
namespace {

using Clock = std::chrono::steady_clock;

// How soon an interruption is seen.
constexpr std::chrono::milliseconds kGlance{50};

// An exception that nobody catches must not unwind into the parent's frames:
// here it ends the process.
[[noreturn]] void BeChild(const GuardedChild& child, int pipe) noexcept {
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) signal(number, SIG_DFL);
  signal(SIGPIPE, SIG_DFL);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  child.work(pipe);
  // Buffers of streams are copies of the parent's, and stay unwritten.
  _exit(0);
}

// How the reading ended: the child closed its end, or it is to be killed.
ChildEnd::How ReadAll(int pipe, const GuardedChild& child,
                      const Console& console) {
  const auto deadline = Clock::now() + child.timeout;
  std::array<std::byte, 65536> buffer;
  for (;;) {
    if (console.Interrupted()) return ChildEnd::How::kInterrupted;
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) return ChildEnd::How::kTimedOut;
    pollfd ready{.fd = pipe, .events = POLLIN, .revents = 0};
    if (poll(&ready, 1, static_cast<int>(std::min(left, kGlance).count())) <=
        0) {
      continue;
    }
    const ssize_t got = read(pipe, buffer.data(), buffer.size());
    if (got == 0) return ChildEnd::How::kFinished;
    if (got > 0) {
      child.on_bytes(std::span(buffer).first(static_cast<size_t>(got)));
    } else if (errno != EINTR && errno != EAGAIN) {
      return ChildEnd::How::kDied;
    }
  }
}

ChildEnd Collect(pid_t pid, ChildEnd::How how) {
  if (how != ChildEnd::How::kFinished) kill(pid, SIGKILL);
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (how != ChildEnd::How::kFinished) return {.how = how};
  if (WIFSIGNALED(status)) {
    const int number = WTERMSIG(status);
    return {.how = ChildEnd::How::kDied,
            .text = "signal " + std::to_string(number) + " (" +
                    strsignal(number) + ")"};
  }
  if (WEXITSTATUS(status) == 0) return {};
  return {.how = ChildEnd::How::kDied,
          .text = "exit code " + std::to_string(WEXITSTATUS(status))};
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
  const pid_t pid = fork();
  if (pid < 0) {
    const ChildEnd end = NotStarted("fork");
    close(ends[0]);
    close(ends[1]);
    return end;
  }
  if (pid == 0) {
    close(ends[0]);
    BeChild(child, ends[1]);
  }
  close(ends[1]);
  const ChildEnd::How how = ReadAll(ends[0], child, console);
  close(ends[0]);
  return Collect(pid, how);
}

}  // namespace virtio_user::cli
