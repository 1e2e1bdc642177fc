// SPDX-License-Identifier: BSD-3-Clause
//
// Device: start, stop, reattach and the states between them.

#include <algorithm>
#include <chrono>
#include <tuple>
#include <utility>
#include <vector>

#include "virtio_user/device/device.h"
#include "virtio_user/device/start_sequence.h"
#include "virtio_user/spec/net.h"

namespace virtio_user {
namespace {

// Much longer than a burst.
constexpr Duration kGlance = std::chrono::milliseconds(1);

}  // namespace

// Rings that the driver did not configure are never mentioned to a back-end,
// since some count queues by the indexes that they hear.
Result<uint16_t> Device::ConfiguredPairs() const {
  const auto whole = [&](uint16_t pair) {
    return vrings_[RxVring(pair)].configured() &&
           vrings_[TxVring(pair)].configured();
  };
  uint16_t pairs = 0;
  while (pairs < MaxPairsLocked() && whole(pairs)) ++pairs;
  for (size_t i = 2 * size_t{pairs}; i < vrings_.size(); ++i) {
    if (!vrings_[i].configured()) continue;
    return Fail(ErrorCode::kWrongState,
                "ring %zu is configured, but pair %u is not complete; "
                "configure pairs from 0 on, both rings of each",
                i, pairs);
  }
  if (pairs == 0) {
    return Fail(ErrorCode::kWrongState,
                "pair 0 is not configured: nothing to start");
  }
  return pairs;
}

Result<void> Device::Start() {
  Result<void> started;
  memory_.WithTable([&](const MemoryTable& table) {
    const MutexLock lock(mu_);
    started = StartLocked(table);
  });
  return started;
}

Result<void> Device::StartLocked(const MemoryTable& table) {
  if (state() == DeviceState::kRunning) return {};
  if (state() != DeviceState::kNegotiated) {
    return Fail(ErrorCode::kWrongState, "cannot start: the device is %s; %s",
                ToString(state()).data(),
                state() == DeviceState::kCreated ? "negotiate first"
                                                 : "reattach first");
  }
  const Result<uint16_t> pairs = ConfiguredPairs();
  if (!pairs) return Fail(pairs);
  uint16_t active = std::min(wanted_pairs_, *pairs);
  backend_->BeginCall(options_.call_budget);
  const bool takes_notes = backend_->caps().inflight;
  if (!takes_notes) inflight_.reset();
  const auto say_commands = [&]() -> Result<void> {
    mu_.AssertHeld();
    const Result<uint16_t> said = SayCommandsAgain(active);
    if (!said) return Fail(said);
    active = *said;
    return {};
  };
  const SequenceResult done = RunStart(
      *backend_,
      {.forwarded = Forwarded(masks_, accepted_),
       .table = table,
       .vrings = vrings_,
       .configured_pairs = *pairs,
       .active_pairs = active,
       .guest_offloads =
           DeviceHearsCommands() ? std::nullopt : control_state_.guest_offloads,
       .mtu = MtuToTell(),
       .inflight = takes_notes ? &inflight_ : nullptr,
       .say_commands = say_commands});
  if (!done) {
    const SequenceFailure& failure = done.error();
    NoteShared();
    const bool lost = HasLostPeer(failure.error);
    backend_runs_ = !failure.rings_stopped && !lost;
    if (lost || !failure.rings_stopped) EnterNeedsReset(failure.error);
    // What is refused stays refused, whatever became of the peer then.
    if (!LosesPeer(failure.error.code())) EndKeptRings(failure.error);
    return std::unexpected(failure.error);
  }
  rings_kept_ = false;
  shared_ = table;
  backend_runs_ = true;
  active_pairs_.store(active, std::memory_order_release);
  state_.store(DeviceState::kRunning, std::memory_order_release);
  MapDoorbells();
  KickWaitingRings();
  OpenGates();
  if (std::exchange(announce_due_, false)) AskToAnnounce();
  return {};
}

// The back-end's own MTU is known to it.
std::optional<uint16_t> Device::MtuToTell() const {
  if (!options_.mtu || !backend_->caps().mtu ||
      !Forwarded(masks_, accepted_).Has(Feature::kNetMtu)) {
    return std::nullopt;
  }
  return mtu_;
}

// Not before the rings run: the driver answers with packets and a command.
void Device::AskToAnnounce() {
  if (!accepted_.HasAll({Feature::kNetGuestAnnounce, Feature::kNetStatus})) {
    return;
  }
  announce_.store(true, std::memory_order_release);
  events_.announce_asked = true;
}

void Device::ClearAnnounce() {
  announce_.store(false, std::memory_order_release);
  events_.announce_asked = false;
}

uint16_t Device::config_status() const {
  uint16_t status = 0;
  if (link() == LinkState::kUp) status |= kNetStatusLinkUp;
  if (announce_.load(std::memory_order_acquire)) status |= kNetStatusAnnounce;
  return status;
}

// A device that has none for a ring is kicked by its descriptor.
void Device::MapDoorbells() {
  if (!backend_->caps().doorbells) return;
  for (size_t i = 0; i < vrings_.size(); ++i) {
    if (!vrings_[i].configured()) continue;
    auto mapped = backend_->MapDoorbell(static_cast<uint16_t>(i));
    if (mapped) vrings_[i].doorbell = *std::move(mapped);
  }
}

void Device::DropDoorbells() {
  for (VringState& vring : vrings_) vring.doorbell.Reset();
}

// They keep a device open that was given up. A poller that is inside for
// longer than a burst takes keeps them until it has left.
void Device::LetGoOfDoorbells(Duration budget) {
  const bool any = std::ranges::any_of(
      vrings_, [](const VringState& vring) { return vring.doorbell.valid(); });
  if (any && WaitForPollers(budget)) DropDoorbells();
}

// A ring starts with its first kick (vhost-user: "Ring states"), and a driver
// whose buffers are all in the ring since before the stop has no reason to
// kick again.
void Device::KickWaitingRings() {
  for (const VringState& vring : vrings_) {
    if (!vring.configured() ||
        vring.ring.published == vring.base.AvailPosition()) {
      continue;
    }
    // Cannot fail on a descriptor of our own; a lost kick is the peer's loss.
    (void)vring.Notify();
  }
}

Result<void> Device::Stop() {
  const MutexLock lock(mu_);
  backend_->BeginCall(options_.call_budget);
  // The driver, not the device, ends the use of further pairs.
  if (RingsRun()) {
    wanted_pairs_ = 1;
    ForgetSteering();
  }
  return StopLocked();
}

bool Device::RingsRun() const {
  return state() == DeviceState::kRunning || backend_runs_;
}

Result<void> Device::StopLocked() {
  if (!RingsRun()) return {};
  CloseGates();
  // The other half is for the back-end, which is stopped whoever stays.
  return StopBackend(WaitForPollers(options_.call_budget / 2));
}

// `idle`: whether the pollers have left. If not, their rings are stopped at
// the other end all the same, and what a poller owns is left alone.
Result<void> Device::StopBackend(const Result<void>& idle) {
  const bool running = state() == DeviceState::kRunning;
  if (idle) DropDoorbells();
  uint16_t pairs = 0;
  while (pairs < MaxPairsLocked() && vrings_[TxVring(pairs)].configured()) {
    ++pairs;
  }
  const SequenceResult done = RunStop(
      *backend_, {.vrings = vrings_,
                  .configured_pairs = pairs,
                  .active_pairs = std::max(active_pairs(), uint16_t{1}),
                  .pollers = idle && !last_stop_ ? Pollers::kHaveLeft
                                                 : Pollers::kMayBeInside});
  backend_runs_ = false;
  device_announces_ = false;
  active_pairs_.store(0, std::memory_order_release);
  Result<void> first = idle;
  if (idle && !done) first = std::unexpected(done.error().error);
  const bool lost = !done && (!done.error().rings_stopped ||
                              LosesPeer(done.error().error.code()));
  if (!idle || lost) {
    EnterNeedsReset(first.error());
  } else if (running) {
    state_.store(DeviceState::kNegotiated, std::memory_order_release);
  }
  return first;
}

Result<void> Device::Reattach() {
  const auto done = ReattachAs(RingsAfter::kAfresh);
  return done ? Result<void>() : Fail(done);
}

Result<RingsAfter> Device::ReattachAs(RingsAfter wanted) {
  const MutexLock lock(mu_);
  backend_->BeginCall(options_.call_budget);
  auto done = ReattachLocked(wanted);
  if (!done) {
    // A connection that serves nobody must not look like a link.
    backend_->link().Detach();
    EnterNeedsReset(done.error());
    return done;
  }
  NoticeConfig();
  NoticeLink(LinkState::kUp);
  // What nobody was told yet of the last connection is over.
  events_.needs_reset = false;
  events_.memory_trouble = false;
  events_.peer_waiting = false;
  events_.reason.reset();
  events_.pairs_refused.reset();
  events_.offloads_refused.reset();
  events_.command_refused.reset();
  events_.config_changed = false;
  events_.requests_ended.reset();
  state_.store(negotiated_ ? DeviceState::kNegotiated : DeviceState::kCreated,
               std::memory_order_release);
  return done;
}

Result<RingsAfter> Device::ReattachLocked(RingsAfter wanted) {
  CloseGates();
  if (auto idle = WaitForPollers(options_.call_budget); !idle)
    return Fail(idle);
  DropDoorbells();
  ForgetGoneRings();
  backend_->link().Detach();
  shared_ = {};
  backend_runs_ = false;
  device_announces_ = false;
  active_pairs_.store(0, std::memory_order_release);
  if (auto attached = backend_->link().Attach(); !attached) {
    return Fail(attached);
  }
  const Result<FeatureMasks> masks = DiscoverAgain();
  if (!masks) return Fail(masks);
  masks_ = *masks;
  announce_due_ = negotiated_;
  if (wanted == RingsAfter::kKept && KeepRings()) return RingsAfter::kKept;
  StartRingsAfresh();
  return RingsAfter::kAfresh;
}

// Of a peer that does not fit nothing stays.
Result<FeatureMasks> Device::DiscoverAgain() {
  const auto before = std::tuple(mac_, mtu_, config_pairs_, steering_);
  Result<FeatureMasks> masks = Discover();
  if (masks) {
    if (auto fits = CheckStillFits(*masks); !fits) masks = Fail(fits);
  }
  if (!masks) std::tie(mac_, mtu_, config_pairs_, steering_) = before;
  return masks;
}

Result<void> Device::CheckStillFits(const FeatureMasks& masks) const {
  if (negotiated_) {
    const FeatureSet lacking = accepted_ & ~masks.Offered();
    for (unsigned bit = 0; bit < kFeatureBits; ++bit) {
      if (!lacking.HasBit(bit)) continue;
      return Fail(ErrorCode::kUnsupported,
                  "the new back-end does not offer %s (bit %u), which the "
                  "driver uses; make the device anew",
                  FeatureName(bit).data(), bit);
    }
  } else if (auto fits = CheckSize(masks.Offered()); !fits) {
    return fits;
  }
  return CheckPairs(masks);
}

// Requires: the pollers have left.
void Device::ForgetGoneRings() {
  for (size_t i = 0; i < vrings_.size(); ++i) {
    if (gone_rings_[i]) vrings_[i].ring.layout = {};
    gone_rings_[i] = false;
  }
}

// A dead peer's used index is not trusted: every ring starts at 0 again.
void Device::StartRingsAfresh() {
  inflight_.reset();
  rings_kept_ = false;
  for (VringState& vring : vrings_) {
    if (vring.configured()) vring.ring.layout.Zero();
    vring.ring.published = {};
    vring.base = {};
  }
}

void Device::OpenGates() {
  for (VringState& vring : vrings_) {
    if (vring.configured()) vring.ring.gate.Open();
  }
}

void Device::CloseGates() {
  for (VringState& vring : vrings_) vring.ring.gate.Close();
}

Result<void> Device::WaitForPollers(Duration budget) {
  std::vector<const RingGate*> gates(vrings_.size());
  std::ranges::transform(vrings_, gates.begin(), [](const VringState& vring) {
    return &vring.ring.gate;
  });
  return quiescer_.WaitIdle(gates, budget);
}

bool Device::HasLostPeer(const Error& error) {
  return LosesPeer(error.code()) || (error.code() == ErrorCode::kRefused &&
                                     backend_->link().Poll() != LinkState::kUp);
}

void Device::EnterNeedsReset(const Error& reason) {
  // The link tells whether the peer is lost, not the reason: what followed the
  // first failure may have lost it.
  NoticeLink(backend_->link().Poll());
  if (!IsAttached(link())) {
    backend_runs_ = false;
    active_pairs_.store(0, std::memory_order_release);
  }
  if (state() == DeviceState::kNeedsReset) return;
  CloseGates();
  LetGoOfDoorbells(kGlance);
  state_.store(DeviceState::kNeedsReset, std::memory_order_release);
  events_.needs_reset = true;
  events_.reason = reason;
}

void Device::NoticeLink(LinkState now) {
  if (now == LinkState::kUp && !has_carrier_) now = LinkState::kNoCarrier;
  if (now == link()) return;
  const bool was_up = link() == LinkState::kUp;
  link_.store(now, std::memory_order_release);
  events_.peer_waiting |= now == LinkState::kPeerWaiting;
  events_.link_changed |= was_up || now == LinkState::kUp;
}

}  // namespace virtio_user
