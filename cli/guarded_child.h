// SPDX-License-Identifier: BSD-3-Clause
//
// Work in a process of its own, so that whatever it does there, somebody is
// left to tell.

#ifndef CLI_GUARDED_CHILD_H_
#define CLI_GUARDED_CHILD_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "cli/console.h"

namespace virtio_user::cli {

struct ChildEnd {
  enum class How : uint8_t {
    kFinished,
    kDied,         // Of a signal, or it left by a way that is not its end.
    kTimedOut,     // It was killed when its time was over.
    kInterrupted,  // It was killed because the user wants an end.
    kNotStarted,
  };
  How how = How::kFinished;
  // "signal 11 (Segmentation fault)", "exit code 1", why it was not started.
  std::string text = {};
};

// Writes all of it to a pipe; a reader that is gone ends the process.
void WriteToPipe(int fd, std::span<const std::byte> bytes);

struct GuardedChild {
  // In the child; what it writes to the borrowed descriptor of a pipe arrives
  // at `on_bytes`, also what it wrote before it died.
  std::function<void(int pipe)> work;
  // In this process.
  std::function<void(std::span<const std::byte>)> on_bytes;
  // Of real time, without that in which this process was stopped too.
  std::chrono::milliseconds timeout{60'000};
  // In place of `timeout`, asked several times a second: whether its time is
  // over. `stall` has to be taken off (StallWatch).
  std::function<bool(std::chrono::nanoseconds stall)> overdue = {};
  // At an interruption, before it is killed: asks it to end by itself, within
  // `grace`.
  std::function<void()> ask_to_end = {};
  std::chrono::milliseconds grace{1000};
};

// Returns when the child is gone. Standard error is the child's too; standard
// output it leaves alone. Requires: no other thread runs.
ChildEnd RunGuarded(const GuardedChild& child, const Console& console);

}  // namespace virtio_user::cli

#endif  // CLI_GUARDED_CHILD_H_
