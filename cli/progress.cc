// SPDX-License-Identifier: BSD-3-Clause

#include "cli/progress.h"

#include <fmt/format.h>

#include <ostream>
#include <utility>

namespace virtio_user::cli {
namespace {

constexpr std::chrono::milliseconds kRedrawTime{100};
// Back to the first column, and nothing left of what stood there.
constexpr std::string_view kEraseLine = "\r\x1b[K";

}  // namespace

void Progress::Begin(std::string phase) {
  phase_ = std::move(phase);
  if (console_.err_is_terminal) Draw(phase_);
}

void Progress::Update(uint64_t done, uint64_t total) {
  if (!console_.err_is_terminal || total == 0) return;
  const Clock::time_point now = Clock::now();
  if (now - last_drawn_ < kRedrawTime) return;
  last_drawn_ = now;
  Draw(fmt::format("{}: {} of {} {} ({} %)", phase_, done, total, unit_,
                   done * 100 / total));
}

void Progress::End(double seconds) {
  if (console_.err_is_terminal) return;
  console_.err << fmt::format("{}: {:.3f} s\n", phase_, seconds) << std::flush;
}

void Progress::Line(std::string_view text) {
  Erase();
  console_.err << text << '\n';
}

void Progress::Draw(std::string_view text) {
  console_.err << kEraseLine << text << std::flush;
  drawn_ = true;
}

void Progress::Erase() {
  if (std::exchange(drawn_, false)) console_.err << kEraseLine << std::flush;
}

}  // namespace virtio_user::cli
