// SPDX-License-Identifier: BSD-3-Clause

#include "cli/sim_environment.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "cli/tracing_channel.h"
#include "virtio_user/vhost_user/vhost_user_backend.h"

namespace virtio_user::cli {
namespace {

// Virtual time that passes in a turn in which nobody finds anything to do.
constexpr Duration kIdleTime = std::chrono::milliseconds(1);

backend_sim::SimWorldOptions WorldOptions(
    const EnvironmentOptions& options, backend_sim::Personality personality) {
  backend_sim::SimWorldOptions world;
  world.seed = options.seed;
  world.personality = std::move(personality);
  // Two regions, so that rings and buffers lie in both.
  constexpr size_t kPage = 4096;
  world.memory.initial_regions = 2;
  world.memory.region_bytes =
      (options.memory_bytes / 2 + kPage - 1) / kPage * kPage;
  return world;
}

}  // namespace

SimEnvironment::SimEnvironment(const EnvironmentOptions& options,
                               backend_sim::Personality personality)
    : Environment(options.on_line),
      world_(WorldOptions(options, std::move(personality))),
      fds_before_(world_.fds().open_count()) {}

std::expected<std::unique_ptr<VhostBackend>, Failure>
SimEnvironment::OpenBackend() {
  return std::make_unique<VhostUserBackend>(
      std::make_unique<TracingChannel>(world_.channel(), tap()));
}

Result<std::span<std::byte>> SimEnvironment::AddRegion(size_t bytes) {
  const Result<backend_sim::SimRegionId> id = world_.memory().AddRegion(bytes);
  if (!id) return Fail(id);
  std::span<std::byte> host;
  // The newest region stands last.
  world_.memory().WithTable(
      [&](const MemoryTable& table) { host = table.regions().back().host; });
  added_[host.data()] = *id;
  return host;
}

Result<void> SimEnvironment::RemoveRegion(std::span<std::byte> region) {
  const auto found = added_.find(region.data());
  if (found == added_.end()) {
    return Fail(ErrorCode::kInvalidArgument,
                "no region of %zu bytes was added there", region.size());
  }
  const backend_sim::SimRegionId id = found->second;
  added_.erase(found);
  return world_.memory().RemoveRegion(id);
}

void SimEnvironment::Turn(bool idle) {
  const size_t done = world_.Step();
  if (idle && done == 0) {
    world_.clock().AdvanceTo(world_.clock().now() + kIdleTime);
  }
}

std::optional<std::string> SimEnvironment::Complaint() {
  const auto& violations = world_.violations();
  if (!violations.empty()) {
    return fmt::format("the back-end saw {} of the protocol's rules broken; {}",
                       violations.size(), violations.front().Text());
  }
  const size_t fds_now = world_.fds().open_count() - added_.size();
  if (fds_now != fds_before_) {
    return fmt::format("{} descriptors were open before the device, {} after",
                       fds_before_, fds_now);
  }
  return {};
}

}  // namespace virtio_user::cli
