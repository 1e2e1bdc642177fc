// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_PROGRESS_H_
#define CLI_PROGRESS_H_

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "cli/console.h"

namespace virtio_user::cli {

// What a run is doing, on the console's err: one line that changes on a
// terminal, otherwise a line for each phase when it ends.
class Progress {
 public:
  // `unit`: what is counted, such as "packets"; outlives this.
  Progress(const Console& console, std::string_view unit)
      : console_(console), unit_(unit) {}
  ~Progress() { Erase(); }

  void Begin(std::string phase);
  void Update(uint64_t done, uint64_t total);
  // `seconds` that the phase took.
  void End(double seconds);
  // A line of its own, such as a message of the transcript.
  void Line(std::string_view text);

 private:
  using Clock = std::chrono::steady_clock;

  void Draw(std::string_view text);
  void Erase();

  const Console& console_;
  const std::string_view unit_;
  std::string phase_;
  Clock::time_point last_drawn_{};
  bool drawn_ = false;  // The terminal's last line is ours.
};

}  // namespace virtio_user::cli

#endif  // CLI_PROGRESS_H_
