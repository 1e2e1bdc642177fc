// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_STALL_WATCH_H_
#define CLI_STALL_WATCH_H_

#include <chrono>

namespace virtio_user::cli {

// Notices that a process was stopped, or the machine asleep: a time during
// which those that it watches did nothing either, and which counts for none.
class StallWatch {
 public:
  using Clock = std::chrono::steady_clock;

  // Called after each short sleep: how long it took beyond what a busy machine
  // explains, which is nothing in most cases.
  Clock::duration Take() {
    const Clock::time_point now = Clock::now();
    const Clock::duration took = now - last_;
    last_ = now;
    return took > kUsual ? took : Clock::duration::zero();
  }

 private:
  static constexpr std::chrono::milliseconds kUsual{500};

  Clock::time_point last_ = Clock::now();
};

}  // namespace virtio_user::cli

#endif  // CLI_STALL_WATCH_H_
