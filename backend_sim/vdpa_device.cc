// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/vdpa_device.h"

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "backend_sim/vdpa_file.h"

namespace backend_sim {
namespace {

inline constexpr uint8_t kDriverOk = 4;
inline constexpr uint8_t kFeaturesOk = 8;
inline constexpr uint8_t kNeedsReset = 64;
inline constexpr unsigned kBitRss = 60;
inline constexpr size_t kConfigStatusOffset = 6;

Personality ModelPersonality(const VdpaPersonality& vdpa) {
  Personality personality;
  personality.name = "vdpa";
  personality.features = vdpa.features;
  personality.max_pairs = vdpa.max_pairs;
  personality.traffic = vdpa.traffic;
  return personality;
}

}  // namespace

VdpaDevice::VdpaDevice(VdpaPersonality personality, Tables tables, Trace& trace,
                       PacketEngineOptions packets)
    : personality_(std::move(personality)),
      tables_(std::move(tables)),
      trace_(trace),
      model_(ModelPersonality(personality_), tables_.kernel, trace),
      packets_(model_, trace, packets),
      control_memory_(tables_.kernel),
      control_ring_(static_cast<uint16_t>(2 * personality_.max_pairs)) {
  model_.Connect(ModelPersonality(personality_));
}

OpenedFile VdpaDevice::Open() {
  if (is_open_) return {.file = nullptr, .error = EBUSY};
  Attach();
  return {.file = std::make_shared<VdpaFile>(*this), .error = 0};
}

// vhost_vdpa_open: the device is reset, and has no owner.
void VdpaDevice::Attach() {
  is_open_ = true;
  model_.Connect(ModelPersonality(personality_));
  Reset();
}

// vhost_vdpa_release.
void VdpaDevice::Release() {
  Reset();
  maps_.clear();
  known_spaces_.clear();
  batch_.reset();
  RebuildMemory();
  model_.Disconnect();
  config_call_.Reset();
  has_owner_ = false;
  backend_features_ = 0;
  control_asid_ = 0;
  is_open_ = false;
}

void VdpaDevice::Reset() {
  ++reset_count_;
  status_ = 0;
  suspended_ = false;
  features_ = 0;
  active_pairs_ = 1;
  if (personality_.reset_forgets_config_call) config_call_.Reset();
  for (RingModel& ring : model_.rings()) ring.Reset(trace_);
  control_ring_.Reset(trace_);
  if (rings_swapped_) SwapControl();
  SessionState& session = model_.mutable_session();
  session = {};
  // Rings are served once DRIVER_OK is there.
  session.protocol_features = Bit(kProtocolStatus);
}

// vhost_vdpa_set_status.
int VdpaDevice::SetStatus(uint8_t status) {
  if (status != 0 && (status_ & ~status) != 0) return -EINVAL;
  if (status == 0) {
    const uint8_t before = status_;
    Reset();
    if (!personality_.reset_ends) status_ = before;
    return 0;
  }
  const bool starts = (status & kDriverOk) != 0 && (status_ & kDriverOk) == 0;
  status_ = status;
  if (!personality_.accepts_features_ok) status_ &= ~kFeaturesOk;
  model_.mutable_session().status = status_;
  if (starts) StartRings();
  return 0;
}

void VdpaDevice::StartRings() {
  const bool is_inside =
      personality_.has_control() && control_index() < model_.rings().size();
  if (is_inside && !rings_swapped_) SwapControl();
  for (uint32_t i = 0; i < personality_.queue_count(); ++i) {
    RingModel& ring = RingAt(i);
    if (!ring.enabled() || !ring.kick_given()) continue;
    const bool is_control = &ring == &control_ring_;
    const BackendMemory& memory =
        is_control ? control_memory_ : model_.memory();
    if (ring.Start(memory, model_.ring_rules(), trace_)) continue;
    model_.Report({Rule::kAddrOutside,
                   "ring " + std::to_string(i) + " lies in no mapping"});
  }
  if (Has(kBitMq)) ApplyPairs();
}

// vhost_vdpa_set_features.
int VdpaDevice::SetFeatures(uint64_t features) {
  if ((status_ & kFeaturesOk) != 0) return -EBUSY;
  if ((features & ~personality_.features) != 0) return -EINVAL;
  features_ = features;
  SessionState& session = model_.mutable_session();
  session.features = features;
  session.features_set = true;
  return 0;
}

// virtio: "Virtqueues" of a network device.
uint32_t VdpaDevice::control_index() const {
  const bool many = Has(kBitMq) || Has(kBitRss);
  return many ? 2 * personality_.max_pairs : 2;
}

RingModel& VdpaDevice::RingAt(uint32_t index) {
  const std::span<RingModel> rings = model_.rings();
  if (rings_swapped_ && index == control_index()) return control_ring_;
  if (rings_swapped_ && index == rings.size()) return rings[control_index()];
  return index < rings.size() ? rings[index] : control_ring_;
}

void VdpaDevice::SwapControl() {
  std::swap(control_ring_, model_.rings()[2]);
  rings_swapped_ = !rings_swapped_;
}

void VdpaDevice::Fail() {
  status_ |= kNeedsReset;
  if (config_call_.valid()) (void)config_call_.Signal();
}

void VdpaDevice::SetLink(bool up) { SetConfigStatus(1, up); }
void VdpaDevice::AskToAnnounce() { SetConfigStatus(2, true); }

void VdpaDevice::SetConfigStatus(uint16_t bit, bool on) {
  std::byte& low = personality_.config.at(kConfigStatusOffset);
  const auto mask = static_cast<std::byte>(bit);
  low = on ? low | mask : low & ~mask;
  if (config_call_.valid()) (void)config_call_.Signal();
}

size_t VdpaDevice::Step() {
  if (suspended_ || (status_ & kDriverOk) == 0) return 0;
  HearDoorbells();
  return ServeControl() + packets_.Step();
}

}  // namespace backend_sim
