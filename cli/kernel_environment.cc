// SPDX-License-Identifier: BSD-3-Clause

#include "cli/kernel_environment.h"

#include <fmt/format.h>
#include <net/if.h>
#include <sched.h>

#include <utility>

#include "virtio_user/os/open_backend.h"
#include "virtio_user/os/vhost_vdpa_backend.h"

namespace virtio_user::cli {

std::expected<std::unique_ptr<Environment>, Failure> KernelEnvironment::Create(
    const EnvironmentOptions& options) {
  if (options.traffic == TrafficKind::kReceive &&
      !options.backend.starts_with(kVhostVdpaPrefix)) {
    return std::unexpected(Failure{
        ExitCode::kUsage, "--traffic receive: nobody behind the tap of " +
                              options.backend +
                              " sends by himself; say echo, send or none"});
  }
  std::unique_ptr<KernelEnvironment> made(new KernelEnvironment(options));
  auto ready = made->Prepare(options.memory_bytes);
  if (!ready) return std::unexpected(std::move(ready.error()));
  return made;
}

std::expected<std::unique_ptr<VhostBackend>, Failure>
KernelEnvironment::OpenBackend() {
  const OpenBackendOptions open = {
      .path = options_.backend,
      .role = options_.server ? SocketRole::kServer : SocketRole::kClient,
      .ifname = options_.ifname,
      .queue_pairs = options_.queue_pairs,
      .mac = options_.mac};
  // Says what is wrong with the options, if anything is; opens nothing.
  const auto checked = virtio_user::OpenBackend(fds(), open);
  if (!checked) return std::unexpected(ExplainError(*this, checked.error()));
  const bool is_vdpa = (*checked)->caps().addresses == AddressSpace::kIova;
  auto calls = std::make_unique<backend_sim::KernelTranscript>(
      calls_, [this](const std::string& line) { Count(line); });
  // A tap's vhost-net knows no other addresses than the process's own.
  if (is_vdpa) {
    return std::make_unique<VhostVdpaBackend>(std::move(calls),
                                              options_.backend);
  }
  auto backend = std::make_unique<VhostKernelBackend>(
      std::move(calls), VhostKernelOptions{.path = options_.backend,
                                           .ifname = options_.ifname,
                                           .queue_pairs = options_.queue_pairs,
                                           .mac = options_.mac});
  tap_is_ours_ = ::if_nametoindex(options_.ifname.c_str()) == 0;
  backend_ = backend.get();
  return backend;
}

// A request is a message to the back-end, and its answer comes at once.
void KernelEnvironment::Count(const std::string& line) {
  MessageCounts& counts = tap().counts();
  ++counts.send_calls;
  if (line.starts_with("VHOST_")) {
    ++counts.sent;
    ++counts.received;
  }
  tap().Tell(line);
}

Result<void> KernelEnvironment::Settle() {
  // A vDPA device has a network of its own.
  if (echo_ != nullptr || backend_ == nullptr) return {};
  auto echo =
      TapEcho::Open(fds(), {.ifname = backend_->tap_name(),
                            .max_frame_bytes = options_.max_frame_bytes,
                            .answers = options_.traffic == TrafficKind::kEcho,
                            .is_ours = tap_is_ours_});
  if (!echo) return Fail(echo);
  echo_ = std::move(*echo);
  return {};
}

void KernelEnvironment::Turn(bool idle) {
  const size_t seen = echo_ == nullptr ? 0 : echo_->Step();
  // The kernel's own thread may need this core.
  if (idle && seen == 0) sched_yield();
}

std::optional<std::string> KernelEnvironment::Complaint() {
  if (echo_ == nullptr || echo_->lost_count() == 0) return {};
  return fmt::format("{} of {} frames could not be sent back to the tap",
                     echo_->lost_count(), echo_->seen_count());
}

}  // namespace virtio_user::cli
