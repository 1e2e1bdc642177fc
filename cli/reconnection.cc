// SPDX-License-Identifier: BSD-3-Clause

#include "cli/reconnection.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>

namespace virtio_user::cli {
namespace {

constexpr Duration kFirstPause = std::chrono::milliseconds(1);
constexpr Duration kLongestPause = std::chrono::milliseconds(100);

// Whether another attempt may end in another way.
bool MayPass(const Error& error) {
  return LosesPeer(error.code()) || error.code() == ErrorCode::kSystem;
}

}  // namespace

Result<void> Reconnection::Try() {
  Device& device = parts_.driver.device();
  if (parts_.server) {
    // Reattach would wait for somebody.
    (void)device.Poll();
    if (device.link() != LinkState::kPeerWaiting) {
      return Fail(ErrorCode::kDisconnected, "nobody has connected");
    }
  }
  auto attached = Timed([&] { return Reattach(); });
  if (!attached) return attached;
  return Timed([&] { return device.Start(); });
}

Result<void> Reconnection::Reattach() {
  NetDriver& driver = parts_.driver;
  RingsAfter rings = RingsAfter::kAfresh;
  if (parts_.keep_rings && driver.RingsAreSound()) {
    const auto attached = driver.device().ReattachKeepingRings();
    if (!attached) return Fail(attached);
    rings = *attached;
  } else if (auto attached = driver.device().Reattach(); !attached) {
    return attached;
  }
  if (rings == RingsAfter::kKept) {
    driver.GoOn();
  } else {
    driver.ReclaimAll();
    kept_rings_ = false;
  }
  return {};
}

Result<void> Reconnection::Timed(FunctionRef<Result<void>()> call) {
  const Duration begin = parts_.environment.Now();
  auto done = call();
  longest_call_ = std::max(longest_call_, parts_.environment.Now() - begin);
  return done;
}

std::optional<Failure> Reconnection::Restore() {
  const Duration begin = parts_.environment.Now();
  Duration pause = kFirstPause;
  kept_rings_ = true;  // Until an attempt has them start afresh.
  for (;;) {
    const Result<void> restored = Try();
    const Duration now = parts_.environment.Now();
    if (restored) {
      restored_at_ = now;
      return {};
    }
    const Error& why = restored.error();
    if (parts_.console.Interrupted()) {
      return Failure{ExitCode::kFail, "interrupted"};
    }
    if (!MayPass(why)) {
      return Failure{ExitCode::kFail,
                     fmt::format("the back-end that came back does not do: {}",
                                 why.text())};
    }
    if (now - begin > patience_) {
      return Failure{
          ExitCode::kFail,
          fmt::format("the back-end did not come back in {:.3g} s: {}",
                      std::chrono::duration<double>(patience_).count(),
                      why.text())};
    }
    std::this_thread::sleep_for(pause);
    pause = std::min(2 * pause, kLongestPause);
  }
}

}  // namespace virtio_user::cli
