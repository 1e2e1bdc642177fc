// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/vhost_net_world.h"

#include <string>

namespace backend_sim {

VhostNetWorld::VhostNetWorld(const VhostNetWorldOptions& options)
    : trace_(options.trace),
      kernel_fds_({.name = "kernel"}),
      fds_({.name = "process"}),
      memory_(fds_, trace_, options.memory),
      calls_(fds_, clock_) {
  calls_.AddDevice("/dev/net/tun", [this] { return taps_.Open(); });
  calls_.AddDevice("/dev/vhost-net", [this, vhost = options.vhost] {
    auto file = std::make_shared<VhostNetFile>(
        vhost, VhostNetParts{.process_fds = fds_,
                             .kernel_fds = kernel_fds_,
                             .taps = taps_,
                             .trace = trace_});
    vhosts_.push_back(file);
    return OpenedFile{.file = file};
  });
  calls_.SetTextSource(
      [this](const std::string& path) { return taps_.ReadText(path); });
  calls_.AddText("/sys/module/vhost/parameters/max_mem_regions",
                 std::to_string(options.vhost.max_regions) + "\n");
}

std::vector<std::shared_ptr<VhostNetFile>> VhostNetWorld::vhosts() const {
  std::vector<std::shared_ptr<VhostNetFile>> open;
  for (const auto& vhost : vhosts_) {
    if (auto file = vhost.lock()) open.push_back(std::move(file));
  }
  return open;
}

size_t VhostNetWorld::RunUntilIdle(size_t max_steps) {
  size_t work = 0;
  for (size_t i = 0; i < max_steps; ++i) {
    const size_t done = Step();
    if (done == 0) break;
    work += done;
  }
  return work;
}

}  // namespace backend_sim
