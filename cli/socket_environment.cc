// SPDX-License-Identifier: BSD-3-Clause

#include "cli/socket_environment.h"

#include <sched.h>

#include <chrono>
#include <thread>
#include <utility>

#include "cli/tracing_channel.h"
#include "virtio_user/os/open_backend.h"
#include "virtio_user/vhost_user/vhost_user_backend.h"

namespace virtio_user::cli {
namespace {

// Some tens of microseconds: what a polling back-end on another core takes to
// answer. On a busy machine, yielding earlier would cost a time slice each.
constexpr uint32_t kSpinTurns = 500;

constexpr Duration kSettleTime = std::chrono::milliseconds(2);

}  // namespace

std::expected<std::unique_ptr<Environment>, Failure> SocketEnvironment::Create(
    const EnvironmentOptions& options) {
  std::unique_ptr<SocketEnvironment> made(new SocketEnvironment(options));
  auto ready = made->Prepare(options.memory_bytes);
  if (!ready) return std::unexpected(std::move(ready.error()));
  return made;
}

std::expected<std::unique_ptr<VhostBackend>, Failure>
SocketEnvironment::OpenBackend() {
  Result<std::unique_ptr<UnixSocketChannel>> channel = OpenChannel();
  if (!channel) return std::unexpected(ExplainError(*this, channel.error()));
  channel_ = std::move(*channel);
  interruptible_.emplace(*channel_, interrupted_);
  return std::make_unique<VhostUserBackend>(
      std::make_unique<TracingChannel>(*interruptible_, tap()));
}

Result<std::unique_ptr<UnixSocketChannel>> SocketEnvironment::OpenChannel() {
  if (server_) return UnixSocketChannel::Server(fds(), path_);
  // Says what is wrong with the path, if anything is; connects to nobody.
  const auto checked = virtio_user::OpenBackend(fds(), {.path = path_});
  if (!checked) return Fail(checked);
  return UnixSocketChannel::Client(fds(), path_);
}

void SocketEnvironment::Turn(bool idle) {
  idle_turns_ = idle ? idle_turns_ + 1 : 0;
  if (idle_turns_ < kSpinTurns) return;
  // The back-end may need this core.
  idle_turns_ = 0;
  sched_yield();
}

// Asleep, so that a thread of the back-end that shares this core can go on.
Result<void> SocketEnvironment::Settle() {
  std::this_thread::sleep_for(kSettleTime);
  return {};
}

}  // namespace virtio_user::cli
