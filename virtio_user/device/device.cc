// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/device/device.h"

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstring>
#include <utility>

#include "virtio_user/base/check.h"
#include "virtio_user/spec/net.h"

namespace virtio_user {
namespace {

Result<void> CheckOptions(const DeviceOptions& options,
                          const BackendCaps& caps) {
  const uint32_t most = std::min(caps.queue_pair_limit, kMaxQueuePairs);
  if (options.queue_pairs < kMinQueuePairs || options.queue_pairs > most) {
    return Fail(ErrorCode::kInvalidArgument,
                "queues %" PRId64
                ": a device on this kind of back-end has %u to %u queue pairs",
                options.queue_pairs, kMinQueuePairs, most);
  }
  // CheckSize sees 32 bits; what does not fit is refused as 0 is.
  const bool fits = std::in_range<uint32_t>(options.queue_size);
  if (!fits || !RingLayout::CheckSize(
                   options.packed ? RingFormat::kPacked : RingFormat::kSplit,
                   static_cast<uint32_t>(options.queue_size))) {
    return Fail(ErrorCode::kInvalidArgument, "queue_size %" PRId64 ": a %s",
                options.queue_size,
                options.packed
                    ? "packed ring has 1 to 32768 descriptors"
                    : "split ring has a power of two of descriptors, 1 to "
                      "32768");
  }
  if (options.queue_pairs > 1 && !options.control_queue) {
    return Fail(ErrorCode::kInvalidArgument,
                "queues %" PRId64
                " needs cq=1: pairs are switched on through the control queue",
                options.queue_pairs);
  }
  if (options.mac && (IsZero(*options.mac) || IsMulticast(*options.mac))) {
    return Fail(ErrorCode::kInvalidArgument,
                "mac %s: neither zero nor multicast is a station's address",
                ToText(*options.mac).data());
  }
  if (options.mtu &&
      (*options.mtu < int64_t{kMinMtu} || *options.mtu > int64_t{kMaxMtu})) {
    return Fail(ErrorCode::kInvalidArgument,
                "mtu %" PRId64 ": an MTU is %u to %u", *options.mtu, kMinMtu,
                kMaxMtu);
  }
  if (options.call_budget <= Duration::zero()) {
    return Fail(ErrorCode::kInvalidArgument,
                "call_budget %" PRId64 " ns: a call needs time",
                int64_t{options.call_budget.count()});
  }
  return {};
}

}  // namespace

std::string_view ToString(DeviceState state) {
  switch (state) {
    case DeviceState::kCreated:
      return "created";
    case DeviceState::kNegotiated:
      return "negotiated";
    case DeviceState::kRunning:
      return "running";
    case DeviceState::kNeedsReset:
      return "needs reset";
  }
  return "unknown";
}

Device::Device(const DeviceOptions& options, Parts parts)
    : options_(options),
      queue_pairs_(static_cast<uint16_t>(options.queue_pairs)),
      queue_size_(static_cast<uint16_t>(options.queue_size)),
      backend_(std::move(parts.backend)),
      memory_(parts.memory),
      fds_(parts.fds),
      quiescer_(parts.quiescer),
      gone_rings_(2 * size_t{queue_pairs_}),
      vrings_(2 * size_t{queue_pairs_}) {}

Result<std::unique_ptr<Device>> Device::Create(const DeviceOptions& options,
                                               Parts parts) {
  VU_CHECK(parts.backend != nullptr);
  auto valid = CheckOptions(options, parts.backend->caps());
  if (!valid) return Fail(valid);
  std::unique_ptr<Device> device(new Device(options, std::move(parts)));
  {
    const MutexLock lock(device->mu_);
    if (auto open = device->Open(); !open) return Fail(open);
  }
  const auto subscribed = device->memory_.Subscribe(*device);
  device->subscribed_ = subscribed.has_value();
  // Memory that never changes has no events.
  if (!subscribed && subscribed.error().code() != ErrorCode::kUnsupported) {
    return Fail(subscribed);
  }
  return device;
}

Device::~Device() {
  if (subscribed_) memory_.Unsubscribe(*this);
  // Whatever the peer makes of it: it is gone when this returns, and only
  // then are the descriptors that it was given closed.
  const MutexLock lock(mu_);
  backend_->BeginCall(options_.call_budget);
  last_stop_ = true;
  (void)StopLocked();
  backend_->link().Detach();
}

Result<void> Device::Open() {
  backend_->BeginCall(options_.call_budget);
  if (auto attached = backend_->link().Attach(); !attached) return attached;
  const Result<FeatureMasks> masks = Discover();
  if (!masks) return Fail(masks);
  if (auto enough = CheckPairs(*masks); !enough) return enough;
  if (auto fits = CheckSize(masks->Offered()); !fits) return fits;
  if (auto created = CreateDescriptors(); !created) return created;
  masks_ = *masks;
  link_.store(LinkState::kUp, std::memory_order_release);
  NoticeConfig();
  NoticeLink(LinkState::kUp);
  return {};
}

Result<FeatureMasks> Device::Discover() {
  if (auto owned = backend_->SetOwner(); !owned) return Fail(owned);
  const Result<FeatureSet> device = backend_->GetFeatures();
  if (!device) return Fail(device);
  if (auto read = ReadConfig(*device); !read) return Fail(read);
  if (auto read = ReadSteering(*device); !read) return Fail(read);
  return ComposeMasks(*device, Inputs(*device));
}

NegotiationInputs Device::Inputs(FeatureSet device) const {
  return {.mac_known = mac_.has_value() &&
                       (options_.mac || device.Has(Feature::kNetMac)),
          .mtu_known = mtu_.has_value(),
          .control_queue = options_.control_queue,
          .mrg_rxbuf = options_.mrg_rxbuf,
          .in_order = options_.in_order,
          .packed = options_.packed,
          .link_state = backend_->caps().link_state,
          .multiqueue = backend_->caps().multiqueue,
          .guest_offloads = backend_->caps().guest_offloads,
          .own_control_queue = backend_->caps().own_control_queue,
          .config_events = backend_->caps().config_events};
}

Result<void> Device::CheckPairs(const FeatureMasks& masks) const {
  if (queue_pairs_ == 1) return {};
  if (!masks.Offered().Has(Feature::kNetMq)) {
    return Fail(ErrorCode::kInvalidArgument,
                "queues %u: the back-end serves one queue pair, it does not "
                "offer VIRTIO_NET_F_MQ (over vhost-user it also takes "
                "VHOST_USER_PROTOCOL_F_MQ); use queues=1",
                queue_pairs_);
  }
  const uint32_t limit =
      std::min(backend_->caps().max_queue_pairs, config_pairs_);
  if (queue_pairs_ <= limit) return {};
  return Fail(ErrorCode::kInvalidArgument,
              "queues %u: the back-end serves at most %u queue pairs",
              queue_pairs_, limit);
}

// A size that is no power of two takes packed rings.
Result<void> Device::CheckSize(FeatureSet features) const {
  if (features.Has(Feature::kRingPacked) ||
      RingLayout::CheckSize(RingFormat::kSplit, queue_size_)) {
    return {};
  }
  return Fail(ErrorCode::kInvalidArgument,
              "queue_size %u: rings are split without VIRTIO_F_RING_PACKED, "
              "and a split ring has a power of two of descriptors",
              queue_size_);
}

// Real descriptors even where nobody will use them: back-ends take them for
// the sign that a ring is alive.
Result<void> Device::CreateDescriptors() {
  for (VringState& vring : vrings_) {
    auto call = FileDescriptor::CreateEvent(fds_);
    if (!call) return Fail(call);
    vring.call = *std::move(call);
    auto kick = FileDescriptor::CreateEvent(fds_);
    if (!kick) return Fail(kick);
    vring.kick = *std::move(kick);
  }
  return {};
}

FeatureSet Device::offered() const {
  const MutexLock lock(mu_);
  return masks_.Offered();
}

FeatureSet Device::accepted() const {
  const MutexLock lock(mu_);
  return accepted_;
}

FeatureSet Device::forwarded() const {
  const MutexLock lock(mu_);
  return Forwarded(masks_, accepted_);
}

FeatureSet Device::device_features() const {
  const MutexLock lock(mu_);
  return masks_.device;
}

std::optional<MacAddress> Device::mac() const {
  const MutexLock lock(mu_);
  return MacLocked();
}

std::optional<MacAddress> Device::MacLocked() const {
  // "The device MUST update mac in config space", if MAC was negotiated.
  const bool readable = accepted_.Has(Feature::kNetMac);
  return readable && control_state_.mac ? control_state_.mac : mac_;
}

std::optional<uint16_t> Device::mtu() const {
  const MutexLock lock(mu_);
  return mtu_;
}

BackendCaps Device::backend_caps() const {
  const MutexLock lock(mu_);
  return backend_->caps();
}

ControlState Device::control_state() const {
  const MutexLock lock(mu_);
  return control_state_;
}

Result<void> Device::Negotiate(FeatureSet accepted) {
  const MutexLock lock(mu_);
  const DeviceState now = state();
  if (now != DeviceState::kCreated && now != DeviceState::kNegotiated) {
    return Fail(ErrorCode::kWrongState,
                "features cannot be chosen while the device is %s; stop it "
                "first",
                ToString(now).data());
  }
  auto valid = CheckAccepted(masks_.Offered(), accepted);
  if (!valid) return valid;
  if (auto fits = CheckSize(accepted); !fits) return fits;
  if (rings_kept_ || accepted != accepted_) ForgetInflight();
  if (negotiated_ && accepted != accepted_) {
    for (VringState& vring : vrings_) vring.ring.layout = {};
    control_queue_.reset();
  }
  // A driver negotiates after a reset, which leaves no filter and one pair
  // (virtio: "Device Initialization", "Setting MAC Address Filtering").
  control_state_ = {};
  wanted_pairs_ = 1;
  commands_.clear();
  device_announces_ = false;
  // A driver that begins says where it is without being asked.
  announce_due_ = false;
  ClearAnnounce();
  accepted_ = accepted;
  negotiated_ = true;
  state_.store(DeviceState::kNegotiated, std::memory_order_release);
  return {};
}

uint16_t Device::MaxPairsLocked() const {
  return accepted_.Has(Feature::kNetMq) ? queue_pairs_ : uint16_t{1};
}

RingFormat Device::FormatLocked() const {
  return accepted_.Has(Feature::kRingPacked) ? RingFormat::kPacked
                                             : RingFormat::kSplit;
}

RingFormat Device::ring_format() const {
  const MutexLock lock(mu_);
  return FormatLocked();
}

Result<void> Device::CheckFormat(RingFormat format) const {
  if (format == FormatLocked()) return {};
  return Fail(ErrorCode::kInvalidArgument,
              "a %s ring: VIRTIO_F_RING_PACKED was %s",
              format == RingFormat::kPacked ? "packed" : "split",
              format == RingFormat::kPacked ? "not accepted" : "accepted");
}

uint16_t Device::max_pairs() const {
  const MutexLock lock(mu_);
  return MaxPairsLocked();
}

uint16_t Device::control_queue_index() const {
  const MutexLock lock(mu_);
  return static_cast<uint16_t>(2 * MaxPairsLocked());
}

VringState& Device::vring(uint16_t vring) {
  VU_CHECK(vring < vrings_.size());
  return vrings_[vring];
}

Result<void> Device::ConfigureRing(uint16_t vring, const RingLayout& layout) {
  const MutexLock lock(mu_);
  if (state() != DeviceState::kNegotiated) {
    return Fail(ErrorCode::kWrongState,
                "ring %u cannot be configured while the device is %s", vring,
                ToString(state()).data());
  }
  if (vring >= 2 * MaxPairsLocked()) {
    return Fail(ErrorCode::kInvalidArgument,
                "ring %u: the device has rings 0 to %d", vring,
                2 * MaxPairsLocked() - 1);
  }
  if (layout.num != queue_size_) {
    return Fail(ErrorCode::kInvalidArgument,
                "ring %u has %u descriptors; queue_size is %u", vring,
                layout.num, queue_size_);
  }
  if (auto format = CheckFormat(layout.format); !format) return format;
  if (auto valid = layout.Check(); !valid) return valid;
  ForgetInflight();
  VringState& state = vrings_[vring];
  state.ring.layout = layout;
  state.ring.published = {};
  state.base = {};
  return {};
}

Result<void> Device::ConfigureControlRing(const RingLayout& layout) {
  const MutexLock lock(mu_);
  if (state() != DeviceState::kNegotiated) {
    return Fail(ErrorCode::kWrongState,
                "the control ring cannot be configured while the device is %s",
                ToString(state()).data());
  }
  if (!accepted_.Has(Feature::kNetCtrlVq)) {
    return Fail(ErrorCode::kUnsupported,
                "VIRTIO_NET_F_CTRL_VQ was not accepted: there is no control "
                "queue (cq=1 offers it)");
  }
  if (auto format = CheckFormat(layout.format); !format) return format;
  if (auto valid = layout.Check(); !valid) return valid;
  control_queue_.emplace(layout);
  return {};
}

}  // namespace virtio_user
