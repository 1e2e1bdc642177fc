// SPDX-License-Identifier: BSD-3-Clause
//
// Simulation: what must hold after every step, and for every call.

#include <algorithm>
#include <utility>
#include <vector>

#include "backend_sim/simulation/simulation.h"
#include "backend_sim/simulation/timed.h"

namespace backend_sim {

using virtio_user::DeviceState;
using virtio_user::Duration;

namespace {

// In order, and what lies side by side as one: a region that has grown may be
// told in two parts.
RegionList Merged(RegionList regions) {
  std::ranges::sort(regions);
  RegionList merged;
  for (const auto& [begin, bytes] : regions) {
    if (!merged.empty() &&
        merged.back().first + merged.back().second == begin) {
      merged.back().second += bytes;
    } else {
      merged.emplace_back(begin, bytes);
    }
  }
  return merged;
}

// In how many pieces lies what is ours and not theirs.
size_t MissingParts(const RegionList& ours, const RegionList& theirs) {
  size_t parts = 0;
  for (auto [begin, bytes] : Merged(ours)) {
    const uint64_t end = begin + bytes;
    for (const auto& [their_begin, their_bytes] : Merged(theirs)) {
      const uint64_t their_end = their_begin + their_bytes;
      if (their_end <= begin || their_begin >= end) continue;
      if (their_begin > begin) ++parts;
      begin = their_end;
    }
    if (begin < end) ++parts;
  }
  return parts;
}

// Whether a front-end that was told something wrong, or whose back-end lost a
// descriptor, may come to break this rule without a mistake of its own: a
// message that was refused, and whose refusal was garbled, is missing for the
// next one, and a descriptor that was exchanged on its way is not the one that
// was given.
bool MayFollowFromLies(Rule rule) {
  switch (rule) {
    case Rule::kNone:
    case Rule::kFdCount:
    case Rule::kGate:
    case Rule::kFeaturesNotOffered:
    case Rule::kProtocolFeaturesNotOffered:
    case Rule::kFeaturesOkTooEarly:
    case Rule::kTableRegionCount:
    case Rule::kTableOverlap:
    case Rule::kTableNotBacked:
    case Rule::kRegionUnknown:
    case Rule::kRingWithoutMq:
    case Rule::kAddrBeforeTable:
    case Rule::kAddrOutside:
    case Rule::kKickIncomplete:
    case Rule::kInflightOther:
    case Rule::kInflightMissing:
      return true;
    default:
      return false;
  }
}

// What whoever writes nonsense into a ring makes the front-end break.
bool IsOfRing(Rule rule) {
  return rule == Rule::kRingBase || rule == Rule::kRingContents ||
         rule == Rule::kIdInFlight || rule == Rule::kIndirectNotAccepted ||
         rule == Rule::kEventFlags;
}

// A file of findings that nobody reads is no use.
constexpr size_t kMaxFindings = 50;

}  // namespace

void Simulation::Find(CheckerId checker, std::string text) {
  if (findings_.size() >= kMaxFindings) return;
  // One line, whatever it lists.
  while (text.ends_with('\n')) text.pop_back();
  for (size_t at = text.find('\n'); at != std::string::npos;
       at = text.find('\n', at)) {
    text.replace(at, 1, "; ");
  }
  findings_.push_back(
      {.checker = checker, .step = step_, .text = std::move(text)});
}

void Simulation::CheckCall(const char* name, Duration took, uint64_t calls) {
  // A device with a control queue of its own takes up to five budgets.
  const Duration most =
      (scenario_.backend == "vdpa" ? 5 : 1) * virtio_user::kDefaultCallBudget;
  if (took > most) {
    Find(CheckerId::kDeadline,
         std::string(name) + " took " + std::to_string(took.count()) + " ns");
  }
  if (calls > kMostSeamCalls) {
    Find(CheckerId::kBound, std::string(name) + " made " +
                                std::to_string(calls) +
                                " calls across the seam");
  }
}

void Simulation::CheckStep() {
  CheckComplaints();
  for (const std::string& wrong : stack_->fds().violations()) {
    Find(CheckerId::kDescriptors, wrong);
  }
  if (driver_ != nullptr) {
    for (uint16_t pair = 0; pair < driver_->pair_count(); ++pair) {
      if (auto wrong = driver_->CheckLedger(pair)) {
        Find(CheckerId::kBuffers, *wrong);
      }
    }
  }
  const auto broken = driver_ ? driver_->Broken() : std::nullopt;
  const bool before = std::exchange(ring_broken_, broken.has_value());
  if (broken && !before && Undisturbed() && !stack_->lies_in_rings()) {
    Find(CheckerId::kPackets, "a driver's queue broke: " + *broken);
  }
  // Whether it lasts, NoteFaults knows.
  disturbed_ |= happened() != happened_before_;
  happened_before_ = happened();
  said_is_sure_ = said_is_sure_ && Undisturbed();
  if (device_ == nullptr) return;
  for (uint16_t i = 0; i < 2 * device_->queue_pairs(); ++i) {
    const auto& vring = device_->vring(i);
    const bool runs = device_->state() == DeviceState::kRunning;
    if (vring.configured() && vring.ring.gate.open() != runs) {
      Find(CheckerId::kState, "ring " + std::to_string(i) + "'s gate is " +
                                  (runs ? "closed" : "open") +
                                  " while the device is " +
                                  std::string(ToString(device_->state())));
    }
  }
  CheckPeer();
}

void Simulation::CheckComplaints() {
  const bool lies = disturbed_ || happened() != happened_before_;
  for (const Complaint& complaint : stack_->TakeComplaints()) {
    if (stack_->temper() == Temper::kBad) continue;
    if (rings_corrupted_ && IsOfRing(complaint.rule)) continue;
    if (lies && MayFollowFromLies(complaint.rule)) continue;
    Find(CheckerId::kProtocol,
         std::string(RuleName(complaint.rule)) + ": " + complaint.text);
  }
}

void Simulation::CheckPeer() {
  const PeerView view = stack_->View();
  if (!view.connected) return;
  if (view.was_told && (view.told & ~view.offered) != 0) {
    Find(CheckerId::kFeatures,
         "the back-end was told of features that it does "
         "not offer");
  }
  CheckRings(view);
  if (device_->state() == DeviceState::kNegotiated) CheckStoppedMemory(view);
  if (device_->state() != DeviceState::kRunning || !Undisturbed()) return;
  const uint64_t forwarded = device_->forwarded().low();
  if ((forwarded & ~device_->device_features().low()) != 0) {
    Find(CheckerId::kFeatures, "more is forwarded than the back-end offers");
  }
  if (view.was_told && ((forwarded & view.offered & ~view.told) != 0 ||
                        (view.told & ~forwarded & ~view.by_itself) != 0)) {
    Find(CheckerId::kFeatures,
         "the back-end was told of others than are "
         "forwarded");
  }
  const uint16_t active = device_->active_pairs();
  if (view.spread_over && *view.spread_over != active) {
    Find(CheckerId::kPairs, "frames are spread over the queues of " +
                                std::to_string(*view.spread_over) +
                                " pairs, and " + std::to_string(active) +
                                " are active");
  }
  if (!view.forgets_calls) CheckInterrupts(view);
  CheckMemory(view);
}

void Simulation::CheckRings(const PeerView& view) {
  const DeviceState state = device_->state();
  const bool attached = virtio_user::IsAttached(device_->link());
  const uint16_t active = device_->active_pairs();
  if (state == DeviceState::kRunning && active == 0 && attached) {
    Find(CheckerId::kPairs, "the device runs with no active pair");
  }
  if (state == DeviceState::kNegotiated && active != 0) {
    Find(CheckerId::kPairs, "pairs are active in a stopped device");
  }
  const bool idle =
      state == DeviceState::kCreated || state == DeviceState::kNegotiated;
  const bool judged = state == DeviceState::kRunning && Undisturbed();
  // vhost-net has no such message: a ring runs or not. A device with a control
  // queue of its own switches pairs by itself.
  const bool switches = device_->backend_caps().ring_enable && !own_control();
  for (size_t i = 0; i < view.rings.size(); ++i) {
    const RingModel& ring = *view.rings[i];
    const auto name = [i] { return "ring " + std::to_string(i); };
    if (idle && ring.started() && !EndedUnheard()) {
      Find(CheckerId::kEnabled, name() +
                                    " runs at the back-end, and the device "
                                    "is " +
                                    std::string(ToString(state)));
    }
    if (!judged) continue;
    if (i < 2u * active && !ring.started()) {
      Find(CheckerId::kEnabled, name() + " does not run at the back-end");
    }
    if (!switches || !ring.started()) continue;
    if (ring.enabled() != (i < 2u * active)) {
      Find(CheckerId::kPairs, name() + (ring.enabled() ? " is" : " is not") +
                                  " enabled, and " + std::to_string(active) +
                                  " pairs are active");
    }
  }
}

void Simulation::CheckInterrupts(const PeerView& view) {
  const std::vector<int> rx_calls = device_->interrupt_map().rx_call_fds;
  const size_t rings =
      std::min<size_t>(view.rings.size(), 2 * size_t{device_->queue_pairs()});
  for (size_t i = 0; i < rings; ++i) {
    const RingModel& ring = *view.rings[i];
    if (!ring.started()) continue;
    const int call = i % 2 == 0
                         ? rx_calls[i / 2]
                         : device_->vring(static_cast<uint16_t>(i)).call.get();
    const auto waited_on = stack_->fds().FileOf(call);
    if (ring.call().valid() &&
        stack_->peer_fds().FileOf(ring.call().get()) == waited_on) {
      continue;
    }
    Find(CheckerId::kInterrupts, "what the back-end signals for ring " +
                                     std::to_string(i) +
                                     " is not what is waited on");
  }
}

// A session that the other end has closed, and we have not looked since.
bool Simulation::EndedUnheard() {
  return stack_->SessionsEnd() && !stack_->View().connected;
}

void Simulation::CheckMemory(const PeerView& view) {
  for (const RegionList& regions : view.region_lists) {
    if (!memory_trouble_) CheckRegions(regions);
  }
}

// Where single regions can be told, a stopped back-end keeps none that has gone
// as a whole.
void Simulation::CheckStoppedMemory(const PeerView& view) {
  const bool told = device_->backend_caps().memory_slots || own_control();
  if (!Undisturbed() || !told || region_cut_) return;
  const RegionList ours = OurRegions();
  const auto gone = [&](const auto& their) {
    return std::ranges::none_of(ours, [&](const auto& our) {
      return their.first < our.first + our.second &&
             our.first < their.first + their.second;
    });
  };
  for (const RegionList& theirs : view.region_lists) {
    if (std::ranges::none_of(theirs, gone)) continue;
    Find(CheckerId::kMemory,
         "the back-end of a stopped device has memory that has gone");
  }
}

RegionList Simulation::OurRegions() {
  const bool by_iova =
      device_->backend_caps().addresses == virtio_user::AddressSpace::kIova;
  RegionList ours;
  stack_->memory().WithTable([&](const virtio_user::MemoryTable& table) {
    for (const virtio_user::MemoryRegion& region : table.regions()) {
      ours.emplace_back(by_iova ? region.iova : region.published,
                        region.host.size());
    }
  });
  return ours;
}

void Simulation::CheckRegions(const RegionList& theirs) {
  const virtio_user::BackendCaps& caps = device_->backend_caps();
  const RegionList ours = OurRegions();
  // Of more than it takes the back-end has some: that is trouble, and told.
  if (ours.size() > caps.max_memory_regions) {
    memory_trouble_ = true;
    return;
  }
  if (Merged(ours) == Merged(theirs)) return;
  // Of the parts of a region that has grown there may be too many as well: the
  // embedder is told when it asks.
  (void)Poll();
  if (!memory_trouble_) {
    Find(CheckerId::kMemory,
         "the back-end has " + std::to_string(theirs.size()) +
             " regions, and not the " + std::to_string(ours.size()) +
             " that the process has");
  } else if (theirs.size() + MissingParts(ours, theirs) <=
             caps.max_memory_regions) {
    Find(CheckerId::kUndisturbed,
         "memory is not shared, and there is room for it: " + why_not_);
  }
}

// Whether nothing is left of a device that is gone.
void Simulation::CheckGone() {
  if (device_ != nullptr || driver_ != nullptr) return;
  if (const std::string left = stack_->fds().Balance(); !left.empty()) {
    Find(CheckerId::kLeft, left);
  }
  if (const std::string left = stack_->peer_fds().Balance(); !left.empty()) {
    Find(CheckerId::kLeft, "at the back-end: " + left);
  }
  if (stack_->memory().listener_count() != 0) {
    Find(CheckerId::kLeft, "a listener for changes of the memory");
  }
  if (stack_->memory().allocated_count() != 0) {
    Find(CheckerId::kLeft, "memory of the driver's");
  }
  for (const std::string& wrong : stack_->fds().violations()) {
    Find(CheckerId::kDescriptors, wrong);
  }
}

}  // namespace backend_sim
