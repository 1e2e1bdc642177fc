// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_CONSOLE_H_
#define CLI_CONSOLE_H_

#include <atomic>
#include <iosfwd>

namespace virtio_user::cli {

// Where a command reads its surroundings from and writes to. Borrowed; tests
// give string streams.
struct Console {
  std::ostream& out;  // Reports and the verdict.
  std::ostream& err;  // Progress and errors.
  bool err_is_terminal = false;
  // Set by SIGINT, SIGTERM and SIGHUP; looked at between any two bursts and
  // during waits for a back-end on a socket.
  const std::atomic<bool>* interrupted = nullptr;

  bool Interrupted() const {
    return interrupted != nullptr &&
           interrupted->load(std::memory_order_relaxed);
  }
};

}  // namespace virtio_user::cli

#endif  // CLI_CONSOLE_H_
