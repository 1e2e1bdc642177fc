// SPDX-License-Identifier: BSD-3-Clause

#include <linux/if_tun.h>

#include <algorithm>

#include "backend_sim/simulation/kernel_fault.h"
#include "backend_sim/simulation/stack.h"
#include "backend_sim/vhost_net_world.h"
#include "virtio_user/os/vhost_kernel_backend.h"

namespace backend_sim {
namespace {

VhostNetWorldOptions WorldOptions(const StackOptions& options) {
  VhostNetWorldOptions world;
  world.vhost.max_regions = options.scenario.max_regions;
  world.memory = MemoryOptionsOf(options);
  world.trace = options.trace;
  return world;
}

// The interface behind it, while rings run.
const TapFile* TapOf(const VhostNetFile& vhost) {
  const TapFile* const tap = vhost.backend(0);
  return tap != nullptr && tap->interface() != nullptr ? tap : nullptr;
}

class VhostNetStack final : public SimStack {
 public:
  explicit VhostNetStack(const StackOptions& options)
      : SimStack(&source_),
        queue_pairs_(options.scenario.pairs),
        world_(WorldOptions(options)) {}

  std::unique_ptr<virtio_user::VhostBackend> MakeBackend() override {
    return std::make_unique<virtio_user::VhostKernelBackend>(
        std::make_unique<SeamCalls>(world_.calls(), watch_),
        virtio_user::VhostKernelOptions{.queue_pairs = queue_pairs_});
  }
  FdTable& fds() override { return world_.fds(); }
  SimMemory& memory() override { return world_.memory(); }
  SimQuiescer& quiescer() override { return world_.quiescer(); }
  Trace& trace() override { return world_.trace(); }
  SimClock& clock() override { return world_.clock(); }
  FdTable& peer_fds() override { return world_.kernel_fds(); }
  size_t Step() override { return world_.Step(); }

  PeerView View() override {
    PeerView view;
    const auto vhosts = world_.vhosts();
    view.connected = !vhosts.empty();
    view.offered = kVhostNetFeatures;
    view.by_itself = Bit(27);  // Headers are ours.
    for (const auto& vhost : vhosts) {
      for (const RingModel& ring : vhost->rings()) view.rings.push_back(&ring);
      view.told = vhost->told_features();
      view.was_told = vhost->session().features_set;
      RegionList& regions = view.region_lists.emplace_back();
      for (const RegionDescription& region : vhost->memory().Descriptions()) {
        regions.emplace_back(region.guest, region.size);
      }
      if (const TapFile* const tap = TapOf(*vhost); tap != nullptr) {
        view.spread_over = tap->interface()->queues.size();
        view.leaves_checksums = (tap->interface()->offloads & TUN_F_CSUM) != 0;
      }
    }
    return view;
  }
  std::vector<Complaint> TakeComplaints() override {
    std::vector<Complaint> complaints;
    size_t count = 0;
    for (const auto& vhost : world_.vhosts()) {
      for (const Breach& breach : vhost->breaches()) {
        if (count++ < seen_) continue;
        complaints.push_back({breach.rule, breach.detail});
      }
    }
    seen_ = count;
    return complaints;
  }
  Temper temper() override { return Temper::kGood; }
  uint32_t max_pairs() override { return 128; }
  bool has_packed() override { return false; }

  void FailKernel(uint32_t delay, uint32_t choice) override {
    fault_.Plant(world_.calls(), delay, choice);
  }
  void ClearFaults() override { fault_.Clear(world_.calls()); }
  size_t waiting_faults() override {
    return fault_.waiting(world_.calls()) ? 1 : 0;
  }
  size_t happened_faults() override { return fault_.happened(world_.calls()); }

 private:
  const uint32_t queue_pairs_;
  OpEntropy source_;
  VhostNetWorld world_;
  KernelFault fault_;
  size_t seen_ = 0;
};

}  // namespace

std::unique_ptr<SimStack> MakeVhostNetStack(const StackOptions& options) {
  return std::make_unique<VhostNetStack>(options);
}

}  // namespace backend_sim
