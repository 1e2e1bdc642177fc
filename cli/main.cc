// SPDX-License-Identifier: BSD-3-Clause
//
// The command `vuser`; see app.h.

#include <fcntl.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "cli/app.h"
#include "cli/exit_code.h"
#include "cli/printable_text.h"

namespace {

// An orderly end takes tenths of a second. A signal after so many seconds is
// not ours any more: something hangs, and the user wants it to die.
constexpr int64_t kEndSeconds = 2;

std::atomic<bool> interrupted{false};
std::atomic<int64_t> interrupted_at{0};  // Of CLOCK_MONOTONIC, in seconds.
static_assert(std::atomic<bool>::is_always_lock_free);
static_assert(std::atomic<int64_t>::is_always_lock_free);

// Calls only what signal-safety(7) lists.
void OnSignal(int number) {
  const int saved_errno = errno;
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  if (!interrupted.load()) {
    interrupted_at.store(now.tv_sec);
    interrupted.store(true);
  } else if (now.tv_sec - interrupted_at.load() > kEndSeconds) {
    signal(number, SIG_DFL);
    raise(number);
  }
  errno = saved_errno;
}

// The first signal asks for an end; more of them change nothing.
void CatchSignals() {
  struct sigaction action{};
  action.sa_handler = OnSignal;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  // nohup(1) has it ignored.
  struct sigaction before{};
  sigaction(SIGHUP, nullptr, &before);
  if (before.sa_handler != SIG_IGN) sigaction(SIGHUP, &action, nullptr);
}

// Whoever starts us without the three standard streams must not get ours
// instead: the next descriptor that is opened takes the lowest free number,
// and what is printed would go into a socket or into the rings' memory.
bool HoldStandardStreams() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd) return false;
  }
  return true;
}

// What was printed has to have arrived before the exit code can say "pass".
int Flushed(int exit_code) {
  std::cout.flush();
  if (std::cout) return exit_code;
  std::cerr << "vuser: cannot write to standard output" << std::endl;
  return exit_code != 0 ? exit_code
                        : static_cast<int>(virtio_user::cli::ExitCode::kFail);
}

}  // namespace

int main(int argc, char** argv) {
  if (!HoldStandardStreams()) {
    return static_cast<int>(virtio_user::cli::ExitCode::kFail);
  }
  CatchSignals();
  const virtio_user::cli::Console console{
      .out = std::cout,
      .err = std::cerr,
      .err_is_terminal = isatty(STDERR_FILENO) == 1,
      .interrupted = &interrupted};
  const std::vector<std::string> arguments(argv + (argc > 0 ? 1 : 0),
                                           argv + argc);
  try {
    return Flushed(virtio_user::cli::RunApp(arguments, console));
  } catch (const std::exception& error) {
    std::cerr << "vuser: " << virtio_user::cli::Printable(error.what())
              << std::endl;
    return static_cast<int>(virtio_user::cli::ExitCode::kFail);
  }
}
