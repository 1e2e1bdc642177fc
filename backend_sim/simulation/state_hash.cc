// SPDX-License-Identifier: BSD-3-Clause
//
// Simulation: where a run stands, as a number.

#include <algorithm>

#include "backend_sim/simulation/simulation.h"
#include "backend_sim/trace.h"

namespace backend_sim {
namespace {

void AddDevice(virtio_user::Device& device, TraceHash& hash) {
  hash.Add(device.accepted().low());
  hash.Add(device.offered().low());
  hash.Add(device.forwarded().low());
  hash.Add(device.active_pairs() | uint64_t{device.config_status()} << 16 |
           static_cast<uint64_t>(device.link()) << 32);
  for (uint16_t i = 0; i < 2 * device.queue_pairs(); ++i) {
    const virtio_user::VringState& vring = device.vring(i);
    hash.Add(vring.configured() | uint64_t{vring.base.avail} << 16 |
             uint64_t{vring.ring.published.index} << 32);
  }
  const virtio_user::ControlState& control = device.control_state();
  hash.Add(control.promiscuous | control.all_multicast << 1 |
           control.mac.has_value() << 2 |
           uint64_t{control.unicast_table.size()} << 8 |
           uint64_t{control.vlans.count()} << 32);
}

// Which of our regions it has, by their order, and how many others: addresses
// only grow.
void AddRegions(const RegionList& theirs, const RegionList& ours,
                TraceHash& hash) {
  hash.Add(theirs.size());
  for (const auto& region : ours) {
    hash.Add(static_cast<uint64_t>(std::ranges::count(theirs, region)));
  }
}

void AddPeer(const PeerView& view, const RegionList& ours, TraceHash& hash) {
  hash.Add(view.connected | uint64_t{view.was_told} << 1);
  hash.Add(view.told);
  for (const RegionList& theirs : view.region_lists) {
    AddRegions(theirs, ours, hash);
  }
  for (const RingModel* const ring : view.rings) {
    if (!ring->mentioned() && !ring->enabled()) continue;
    hash.Add(
        ring->index() | uint64_t{ring->started()} << 16 |
        uint64_t{ring->enabled()} << 17 | uint64_t{ring->kick_given()} << 18 |
        uint64_t{ring->call_given()} << 19 |
        uint64_t{ring->addresses().has_value()} << 20 |
        uint64_t{ring->base().has_value()} << 21 | uint64_t{ring->num()} << 32);
  }
}

}  // namespace

uint64_t Simulation::StateHash() {
  TraceHash hash;
  hash.Add(static_cast<uint64_t>(life()));
  hash.Add(disturbed_ | rings_corrupted_ << 2 | memory_trouble_ << 3 |
           rings_kept_ << 4 | pairs_incomplete_ << 5 | peer_there_ << 6 |
           other_peer_ << 7 | peer_varied_ << 8 | reset_untold_ << 9 |
           pairs_untold_ << 10 | static_cast<uint64_t>(link_told_) << 24 |
           lasts_ << 12 | region_cut_ << 13 | ring_broken_ << 14);
  hash.Add(stack_->waiting_faults());
  hash.Add(stack_->memory().region_ids().size());
  if (driver_ != nullptr) {
    hash.Add(driver_->whole_pairs() | driver_->pair_count() << 16 |
             uint64_t{driver_->control() != nullptr} << 32);
  }
  if (device_ != nullptr) AddDevice(*device_, hash);
  AddPeer(stack_->View(), device_ ? OurRegions() : RegionList(), hash);
  return hash.Value()[0];
}

}  // namespace backend_sim
