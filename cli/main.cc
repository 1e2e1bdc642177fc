// SPDX-License-Identifier: BSD-3-Clause
//
// The command `vuser`; see app.h.

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "cli/app.h"
#include "cli/exit_code.h"

namespace {

std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free);

void OnSignal(int /*number*/) { interrupted.store(true); }

// The first signal asks for an end, the second one is not ours any more.
void CatchSignals() {
  struct sigaction action{};
  action.sa_handler = OnSignal;
  action.sa_flags = SA_RESETHAND;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
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
    std::cerr << "vuser: " << error.what() << std::endl;
    return static_cast<int>(virtio_user::cli::ExitCode::kFail);
  }
}
