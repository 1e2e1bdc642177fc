// SPDX-License-Identifier: BSD-3-Clause
//
// Simulation: the public calls of Device, and which states each may lead to.

#include <utility>

#include "backend_sim/simulation/simulation.h"
#include "backend_sim/simulation/timed.h"

namespace backend_sim {

using virtio_user::Device;
using virtio_user::DeviceOptions;
using virtio_user::DeviceState;
using virtio_user::ErrorCode;
using virtio_user::Feature;
using virtio_user::FeatureSet;
using virtio_user::LinkState;
using virtio_user::MacAddress;
using virtio_user::Result;

namespace {

DeviceOptions OptionsOf(const Scenario& scenario) {
  DeviceOptions options{.queue_pairs = scenario.pairs,
                        .queue_size = scenario.queue_size,
                        .control_queue = scenario.control_queue != 0,
                        .mrg_rxbuf = scenario.mrg_rxbuf != 0,
                        .in_order = scenario.in_order != 0,
                        .packed = scenario.packed != 0};
  if (scenario.mac != 0) {
    options.mac = MacAddress{{0x02, 0x00, 0x00, 0x12, 0x34, 0x56}};
  }
  if (scenario.mtu != 0) options.mtu = scenario.mtu;
  return options;
}

// Which of what is offered the driver takes. Offloads of what it sends are
// never among it, nor segments: nobody here computes a checksum or cuts.
FeatureSet Chosen(uint32_t choice, FeatureSet offered) {
  constexpr FeatureSet kOffloads = {Feature::kNetCsum,
                                    Feature::kNetGuestCsum,
                                    Feature::kNetGuestTso4,
                                    Feature::kNetGuestTso6,
                                    Feature::kNetHostTso4,
                                    Feature::kNetHostTso6,
                                    Feature::kNetCtrlGuestOffloads};
  const FeatureSet plain = offered & ~kOffloads;
  switch (choice % 8) {
    case 1:
      return virtio_user::DependencyClosure(plain &
                                            ~FeatureSet{Feature::kNetMq});
    case 2:
      return virtio_user::DependencyClosure(plain &
                                            ~FeatureSet{Feature::kNetCtrlVq});
    case 3:
      return virtio_user::DependencyClosure(
          plain & ~FeatureSet{Feature::kInOrder, Feature::kIndirectDesc});
    case 4:
      return virtio_user::DependencyClosure(plain &
                                            ~FeatureSet{Feature::kNetMrgRxbuf});
    case 5:
      return virtio_user::DependencyClosure(
          plain & ~FeatureSet{Feature::kNetStatus, Feature::kRingPacked});
    case 6:  // More than is offered.
      return plain | FeatureSet::FromBit(choice / 8 % 128);
    case 7:  // Checksums left undone, which it may switch off and on.
      return plain | (offered & FeatureSet{Feature::kNetGuestCsum,
                                           Feature::kNetCtrlGuestOffloads});
    default:
      return plain;
  }
}

}  // namespace

OpResult Simulation::DoControl(const Operation& operation) {
  if (operation.kind != OpKind::kCreate && device_ == nullptr) {
    return OpResult::kNothing;
  }
  switch (operation.kind) {
    case OpKind::kCreate:
      return Create();
    case OpKind::kDestroy:
      return Destroy();
    case OpKind::kNegotiate:
      return Negotiate(operation.a);
    case OpKind::kConfigure:
      return Configure(operation.a);
    case OpKind::kStart:
      return Start();
    case OpKind::kStop:
      return Stop();
    case OpKind::kReset:
      return Reset();
    case OpKind::kReattach:
      return Reattach(false);
    case OpKind::kReattachKeeping:
      return Reattach(true);
    case OpKind::kPoll:
      return Poll();
    case OpKind::kAnnounce:
      return Announce();
    default:
      return RefreshConfig();
  }
}

// What a call gave, where it was expected to succeed or not.
OpResult Simulation::ResultOf(const Result<void>& done, const char* name,
                              bool expected) {
  if (done) {
    if (lies_in_call_ != 0 && life() != LifeState::kNeedsReset) {
      Find(CheckerId::kLies,
           std::string(name) + " succeeded on an answer that cannot be one");
    }
    return OpResult::kDone;
  }
  CheckComplaints();  // They tell why.
  why_not_ = done.error().text();
  if (options_.observer != nullptr) options_.observer->OnFailure(why_not_);
  if (why_not_.empty()) {
    Find(CheckerId::kError, std::string(name) + " failed without a word");
  }
  if (expected && Undisturbed()) {
    Find(CheckerId::kUndisturbed,
         std::string(name) + " failed: " + std::string(done.error().text()));
  }
  return OpResult::kFailed;
}

OpResult Simulation::Create() {
  if (device_ != nullptr) return OpResult::kNothing;
  const size_t listeners = stack_->memory().listener_count();
  const size_t descriptors = stack_->fds().open_count();
  const size_t mapped = stack_->fds().mapped_count();
  const Result<void> done = Timed("Create", [&]() -> Result<void> {
    auto made =
        Device::Create(OptionsOf(scenario_), {.backend = stack_->MakeBackend(),
                                              .memory = stack_->memory(),
                                              .fds = stack_->fds(),
                                              .quiescer = stack_->quiescer()});
    if (!made) return virtio_user::Fail(made);
    device_ = *std::move(made);
    return {};
  });
  peer_varied_ = other_peer_;
  if (done) {
    driver_ = std::make_unique<SimDriver>(*device_, stack_->memory());
    NewSession();
    ForgetCommands();
    pairs_untold_ = false;
    link_told_ = device_->link();
    if (device_->state() != DeviceState::kCreated) {
      Find(CheckerId::kState, "a new device is not kCreated");
    }
  } else if (stack_->memory().listener_count() != listeners ||
             stack_->fds().open_count() != descriptors ||
             stack_->fds().mapped_count() != mapped) {
    Find(CheckerId::kLeft,
         "Create failed and left something behind: " + stack_->fds().Balance());
  }
  // A device that cannot be, cannot be.
  const bool sized = scenario_.queue_size != 5 ||
                     (scenario_.packed != 0 && stack_->has_packed());
  const bool possible = scenario_.pairs <= stack_->max_pairs() && sized &&
                        scenario_.fd_limit > 256 && peer_there_ && !other_peer_;
  return ResultOf(done, "Create", possible);
}

OpResult Simulation::Destroy() {
  (void)Timed("~Device", [&]() -> Result<void> {
    device_.reset();
    return {};
  });
  driver_.reset();
  NewSession();
  rings_kept_ = false;
  pairs_incomplete_ = false;
  CheckGone();
  return OpResult::kDone;
}

OpResult Simulation::Negotiate(uint32_t choice) {
  const DeviceState before = device_->state();
  const FeatureSet old = device_->accepted();
  const bool had_chosen = before != DeviceState::kCreated;
  const FeatureSet wanted = Chosen(choice, device_->offered());
  const Result<void> done =
      Timed("Negotiate", [&] { return device_->Negotiate(wanted); });
  const bool in_time =
      before == DeviceState::kCreated || before == DeviceState::kNegotiated;
  if (done && (!in_time || device_->state() != DeviceState::kNegotiated)) {
    Find(CheckerId::kState, "Negotiate in state " +
                                std::string(ToString(before)) + " led to " +
                                std::string(ToString(device_->state())));
  }
  if (done && !device_->offered().HasAll(device_->accepted())) {
    Find(CheckerId::kFeatures, "more was accepted than was offered");
  }
  if (!done && device_->state() != before) {
    Find(CheckerId::kState, "a failed Negotiate changed the state");
  }
  if (done) ForgetCommands();
  // The device has forgotten its rings.
  if (done && (!had_chosen || old != wanted || rings_kept_)) {
    rings_kept_ = false;
    driver_->DropRings();
    pairs_incomplete_ = false;
  }
  const bool fits =
      scenario_.queue_size != 5 || wanted.Has(Feature::kRingPacked);
  return ResultOf(done, "Negotiate", in_time && fits && choice % 8 != 6);
}

OpResult Simulation::Configure(uint32_t pairs) {
  if (device_->state() != DeviceState::kNegotiated) return OpResult::kNothing;
  const auto count = static_cast<uint16_t>(1 + pairs % device_->max_pairs());
  const Result<void> done =
      Timed("ConfigureRing", [&] { return driver_->Configure(count); });
  pairs_incomplete_ |= !done;
  // Rings that were kept are forgotten with the first that is new.
  if (std::exchange(rings_kept_, false)) {
    done ? driver_->DropPairsFrom(count) : driver_->DropQueues();
  }
  if (device_->state() != DeviceState::kNegotiated) {
    Find(CheckerId::kState, "ConfigureRing changed the state");
  }
  return ResultOf(done, "ConfigureRing",
                  scenario_.queue_size >= 2 && scenario_.fd_limit > 256);
}

OpResult Simulation::Start() {
  const DeviceState before = device_->state();
  const bool fits = RegionCount() <= device_->backend_caps().max_memory_regions;
  const bool whole = driver_->has_pair(0) && !pairs_incomplete_;
  (void)stack_->TakeCommands();
  const Result<void> done = Timed("Start", [&] { return device_->Start(); });
  const DeviceState after = device_->state();
  if (done && after != DeviceState::kRunning) {
    Find(CheckerId::kState,
         "Start succeeded, but the device is " + std::string(ToString(after)));
  }
  const bool settled = after == before || (before == DeviceState::kNegotiated &&
                                           after == DeviceState::kNeedsReset);
  if (!done && (after == DeviceState::kRunning || !settled)) {
    Find(CheckerId::kState, "a failed Start led from " +
                                std::string(ToString(before)) + " to " +
                                std::string(ToString(after)));
  }
  if (done && before == DeviceState::kNegotiated) memory_trouble_ = false;
  if (done) rings_kept_ = false;
  if (done && before == DeviceState::kNegotiated) {
    region_cut_ = false;
    // What was refused before has been made up for.
    if (!lasts_ && happened() == happened_before_) disturbed_ = false;
    CheckSaidAgain();
    CheckMtuTold();
    CheckOffloadsTold();
  }
  return ResultOf(done, "Start",
                  whole && fits &&
                      (before == DeviceState::kNegotiated ||
                       before == DeviceState::kRunning));
}

OpResult Simulation::Stop() {
  const DeviceState before = device_->state();
  const Result<void> done = Timed("Stop", [&] { return device_->Stop(); });
  const DeviceState after = device_->state();
  if (after == DeviceState::kRunning) {
    Find(CheckerId::kState, "the device runs after Stop");
  }
  if (device_->active_pairs() != 0) {
    Find(CheckerId::kState, "pairs are active after Stop");
  }
  if (before != DeviceState::kRunning && after != before) {
    Find(CheckerId::kState, "Stop of a device that did not run led from " +
                                std::string(ToString(before)) + " to " +
                                std::string(ToString(after)));
  }
  return ResultOf(done, "Stop", true);
}

OpResult Simulation::Reset() {
  const OpResult stopped = Stop();
  const OpResult chosen = Negotiate(0);
  return stopped == OpResult::kDone ? chosen : stopped;
}

OpResult Simulation::Reattach(bool keeping) {
  // Requires: no ring of ours is broken, no buffer lies in memory that went.
  const bool may_keep = keeping && !driver_->Broken() && !rings_corrupted_;
  const bool chosen =
      life() != LifeState::kCreated && device_->accepted() != FeatureSet();
  bool kept = false;
  const Result<void> done = Timed("Reattach", [&]() -> Result<void> {
    if (!may_keep) return device_->Reattach();
    auto after = device_->ReattachKeepingRings();
    if (!after) return virtio_user::Fail(after);
    kept = *after == virtio_user::RingsAfter::kKept;
    return {};
  });
  const DeviceState now = device_->state();
  if (!done) {
    if (now != DeviceState::kNeedsReset) {
      Find(CheckerId::kState,
           "a failed Reattach left the device " + std::string(ToString(now)));
    }
    driver_->EndSession(true);
    return ResultOf(done, "Reattach",
                    peer_there_ && !peer_varied_ && !disturbed_);
  }
  NewSession();
  pairs_untold_ = false;
  rings_kept_ = kept;
  if (!kept) driver_->ReclaimAll();
  driver_->EndSession(kept);
  if (!kept) {
    if (auto wrong = driver_->CheckBuffers()) {
      Find(CheckerId::kBuffers, *wrong);
    }
  }
  if (chosen && now != DeviceState::kNegotiated) {
    Find(CheckerId::kState, "Reattach led to " + std::string(ToString(now)));
  }
  return ResultOf(done, "Reattach", true);
}

OpResult Simulation::Poll() {
  const virtio_user::DeviceEvents events = [&] {
    virtio_user::DeviceEvents found;
    (void)Timed("Poll", [&]() -> Result<void> {
      found = device_->Poll();
      return {};
    });
    return found;
  }();
  memory_trouble_ |= events.memory_trouble;
  const bool connected = stack_->View().connected;
  const bool attached = virtio_user::IsAttached(device_->link());
  if (attached && !connected) {
    Find(CheckerId::kLink, "link() says up after Poll, and nobody is there");
  }
  if (!attached && device_->state() == DeviceState::kRunning) {
    Find(CheckerId::kLink, "the device runs without a peer after Poll");
  }
  CheckEvents(events);
  CheckRequests();
  return OpResult::kDone;
}

OpResult Simulation::Announce() {
  const Result<void> done =
      Timed("AnnounceSelf", [&] { return device_->AnnounceSelf(); });
  const auto mac = device_->mac();
  if (done && mac && Undisturbed()) {
    const auto said = stack_->LastRarp();
    if (said && *said != mac->bytes) {
      Find(CheckerId::kControl, "another address was announced than mac()");
    }
  }
  const bool possible =
      life() == LifeState::kRunning && mac.has_value() && stack_->takes_rarp();
  return ResultOf(done, "AnnounceSelf", possible);
}

OpResult Simulation::RefreshConfig() {
  const auto mac = device_->mac();
  const auto mtu = device_->mtu();
  const Result<void> done =
      Timed("RefreshConfig", [&] { return device_->RefreshConfig(); });
  CheckConfig(done, mac, mtu);
  return ResultOf(done, "RefreshConfig", stack_->View().connected);
}

}  // namespace backend_sim
