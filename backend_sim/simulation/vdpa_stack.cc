// SPDX-License-Identifier: BSD-3-Clause

#include <algorithm>

#include "backend_sim/kernel_server.h"
#include "backend_sim/simulation/kernel_fault.h"
#include "backend_sim/simulation/stack.h"
#include "backend_sim/vdpa_device.h"
#include "virtio_user/os/vhost_vdpa_backend.h"

namespace backend_sim {
namespace {

constexpr char kPath[] = "/dev/vhost-vdpa-0";

// The device serves itself what a vhost-user front-end serves for it: MAC,
// STATUS, the control queue with its commands; and ACCESS_PLATFORM is a must.
constexpr uint64_t kToldToDevices = Bit(5) | Bit(16) | Bit(17) | Bit(18) |
                                    Bit(19) | Bit(20) | Bit(21) | Bit(23) |
                                    Bit(33);

VdpaPersonality PersonalityOf(const Scenario& scenario) {
  return scenario.control_queue != 0 ? VdpaPersonality::Full()
                                     : VdpaPersonality::Vduse();
}

class VdpaStack final : public SimStack {
 public:
  explicit VdpaStack(const StackOptions& options)
      : SimStack(&source_),
        packets_(source_.Fork("packets")),
        trace_(options.trace),
        memory_(fds_, trace_, MemoryOptionsOf(options)),
        vdpa_(PersonalityOf(options.scenario),
              {.process = fds_,
               .kernel = kernel_fds_,
               .mappings = options.mappings},
              trace_, {.entropy = packets_.get()}),
        server_(fds_, clock_),
        calls_(server_, watch_) {
    server_.AddDevice(kPath, [this] { return vdpa_.Open(); });
  }

  std::unique_ptr<virtio_user::VhostBackend> MakeBackend() override {
    return std::make_unique<virtio_user::VhostVdpaBackend>(calls_, kPath);
  }
  FdTable& fds() override { return fds_; }
  SimMemory& memory() override { return memory_; }
  SimQuiescer& quiescer() override { return quiescer_; }
  Trace& trace() override { return trace_; }
  SimClock& clock() override { return clock_; }
  FdTable& peer_fds() override { return kernel_fds_; }
  size_t Step() override { return server_.Step(); }
  // Where a device that cannot be suspended goes on while it is stopped, nobody
  // knows where its packed rings stand (docs/vhost_vdpa.md).
  size_t ServeRings() override {
    const bool stops =
        HasBit(vdpa_.personality().backend_features, kBitBackendSuspend);
    return stops ? Step() : 0;
  }

  PeerView View() override {
    VhostModel& model = vdpa_.model();
    PeerView view{.connected = vdpa_.is_open(),
                  .offered = vdpa_.personality().features,
                  .told = model.session().features,
                  .was_told = model.session().features_set,
                  .by_itself = kToldToDevices};
    view.rings.reserve(model.rings().size());
    for (const RingModel& ring : model.rings()) view.rings.push_back(&ring);
    view.region_lists.emplace_back();
    for (const VdpaMap& map : vdpa_.maps()) {
      if (map.asid != 0) continue;
      view.region_lists[0].emplace_back(map.iova, map.size);
    }
    return view;
  }
  std::vector<Complaint> TakeComplaints() override {
    std::vector<Complaint> complaints;
    const auto& all = vdpa_.model().violations();
    for (; seen_ < all.size(); ++seen_) {
      complaints.push_back({all[seen_].rule, all[seen_].Text()});
    }
    return complaints;
  }
  std::vector<std::string> TakeCommands() override {
    return vdpa_.TakeCommands();
  }
  Temper temper() override { return Temper::kGood; }
  uint32_t max_pairs() override { return vdpa_.personality().max_pairs; }
  bool has_packed() override {
    return HasBit(vdpa_.personality().features, kBitRingPacked);
  }

  void ChangeConfig(uint32_t choice) override {
    if (choice % 3 == 0) {
      vdpa_.AskToAnnounce();
    } else {
      vdpa_.SetLink(choice % 3 == 1);
    }
  }
  bool PeerCloses() override {
    vdpa_.Fail();
    return true;
  }
  void PeerIsItselfAgain() override { vdpa_.SetLink(true); }
  void FailKernel(uint32_t delay, uint32_t choice) override {
    fault_.Plant(server_, delay, choice);
  }
  void ClearFaults() override { fault_.Clear(server_); }
  size_t waiting_faults() override { return fault_.waiting(server_) ? 1 : 0; }
  size_t happened_faults() override { return fault_.happened(server_); }

 private:
  OpEntropy source_;
  std::unique_ptr<Entropy> packets_;
  Trace trace_;
  FdTable fds_;
  FdTable kernel_fds_{{.name = "kernel"}};
  SimClock clock_;
  SimMemory memory_;
  SimQuiescer quiescer_;
  VdpaDevice vdpa_;
  KernelServer server_;
  SeamCalls calls_;
  KernelFault fault_;
  size_t seen_ = 0;
};

}  // namespace

std::unique_ptr<SimStack> MakeVdpaStack(const StackOptions& options) {
  return std::make_unique<VdpaStack>(options);
}

}  // namespace backend_sim
