// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_SIM_ENVIRONMENT_H_
#define CLI_SIM_ENVIRONMENT_H_

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "backend_sim/personality.h"
#include "backend_sim/sim_world.h"
#include "cli/environment.h"

namespace virtio_user::cli {

// The embedded back-end: everything in one thread, in virtual time, and all of
// it decided by the seed.
class SimEnvironment final : public Environment {
 public:
  SimEnvironment(const EnvironmentOptions& options,
                 backend_sim::Personality personality);

  std::expected<std::unique_ptr<VhostBackend>, Failure> OpenBackend() override;
  MemoryProvider& memory() override { return world_.memory(); }
  FdOps& fds() override { return world_.fds(); }
  Quiescer& quiescer() override { return world_.quiescer(); }
  Result<std::span<std::byte>> AddRegion(size_t bytes) override;
  Result<void> RemoveRegion(std::span<std::byte> region) override;
  void Turn(bool idle) override;
  Duration Now() override { return world_.clock().now(); }
  std::optional<std::string> TraceHash() const override {
    return world_.hash();
  }
  // A breach of the protocol that the back-end saw, or a descriptor left open.
  std::optional<std::string> Complaint() override;

  backend_sim::SimWorld& world() { return world_; }

 private:
  backend_sim::SimWorld world_;
  std::map<const std::byte*, backend_sim::SimRegionId> added_;
  size_t fds_before_;  // Open ones that belong to no device.
};

}  // namespace virtio_user::cli

#endif  // CLI_SIM_ENVIRONMENT_H_
