// SPDX-License-Identifier: BSD-3-Clause
//
// Device: what happens while it runs. Control queue, memory, link.

#include <cinttypes>
#include <utility>

#include "virtio_user/device/device.h"
#include "virtio_user/device/start_sequence.h"

namespace virtio_user {
namespace {

Result<void> Committed(Batch& batch) {
  const auto committed = batch.Commit();
  if (committed) return {};
  return std::unexpected(committed.error().error);
}

}  // namespace

Result<void> Device::NotifyControlQueue() {
  Result<void> served;
  memory_.WithTable([&](const MemoryTable& table) {
    const MutexLock lock(mu_);
    served = ServeControlQueue(table);
  });
  return served;
}

Result<void> Device::ServeControlQueue(const MemoryTable& table) {
  const DeviceState now = state();
  if (now != DeviceState::kRunning && now != DeviceState::kNeedsReset) {
    return Fail(ErrorCode::kWrongState,
                "the control queue is not served while the device is %s",
                ToString(now).data());
  }
  if (!control_queue_) {
    return Fail(ErrorCode::kWrongState, "the control ring is not configured");
  }
  BeginCommands();
  const AddressSpace space = backend_->caps().addresses;
  const auto resolve = [&](DeviceBuffer buffer) {
    return table.ToHost(buffer.addr, buffer.bytes, space);
  };
  const auto set_pairs = [this](uint16_t pairs) {
    mu_.AssertHeld();
    auto done = SetQueuePairs(pairs);
    if (!done) events_.pairs_refused = done.error();
    return done;
  };
  const auto set_offloads = [this](FeatureSet offloads) {
    mu_.AssertHeld();
    auto done = SetGuestOffloads(offloads);
    if (!done) events_.offloads_refused = done.error();
    return done;
  };
  const auto to_device = [this](std::span<const std::byte> request) {
    mu_.AssertHeld();
    auto done = SendCommand(request);
    if (!done) events_.command_refused = done.error();
    return done.has_value();
  };
  std::optional<FunctionRef<bool(std::span<const std::byte>)>> device;
  if (DeviceHearsCommands()) device.emplace(to_device);
  const auto clear_announce = [this] {
    mu_.AssertHeld();
    ClearAnnounce();
  };
  const auto served =
      control_queue_->Serve(resolve, {.accepted = accepted_,
                                      .state = control_state_,
                                      .set_queue_pairs = set_pairs,
                                      .set_guest_offloads = set_offloads,
                                      .clear_announce = clear_announce,
                                      .device = device,
                                      .steering = steering_});
  if (served) return {};
  // The driver's doing: the back-end knows nothing of it.
  const Error broken = Error::Make(
      ErrorCode::kInvalidArgument, "the control queue is broken: %.*s",
      static_cast<int>(served.error().text().size()),
      served.error().text().data());
  EnterNeedsReset(broken);
  return std::unexpected(broken);
}

Result<void> Device::SetQueuePairs(uint16_t pairs) {
  if (pairs > MaxPairsLocked()) {
    return Fail(ErrorCode::kInvalidArgument,
                "%u queue pairs: the device has %u", pairs, MaxPairsLocked());
  }
  if (state() != DeviceState::kRunning) {
    // Nobody is there to be told; the next Start will be.
    if (DeviceHearsCommands()) return SendPairs(pairs);
    wanted_pairs_ = pairs;
    return {};
  }
  if (!vrings_[RxVring(pairs - 1)].configured()) {
    return Fail(ErrorCode::kWrongState,
                "%u queue pairs: pair %u has no rings; configure it and start "
                "again",
                pairs, pairs - 1);
  }
  auto done = DeviceHearsCommands() ? SendPairs(pairs)
                                    : SwitchPairs(active_pairs(), pairs);
  if (!done) return done;
  active_pairs_.store(pairs, std::memory_order_release);
  wanted_pairs_ = pairs;
  return {};
}

Result<void> Device::SetGuestOffloads(FeatureSet offloads) {
  if (DeviceHearsCommands()) return SendOffloads(offloads);
  // Nobody is there to be told; the next Start will be.
  if (state() != DeviceState::kRunning) return {};
  auto done = backend_->SetGuestOffloads(offloads);
  if (!done && HasLostPeer(done.error())) EnterNeedsReset(done.error());
  return done;
}

// From the first `from` pairs to the first `to` pairs, or all as it was.
Result<void> Device::SwitchPairs(uint16_t from, uint16_t to) {
  auto done = QueueSwitch(from, to);
  if (done) return {};
  const bool lost = HasLostPeer(done.error());
  if (lost || !QueueSwitch(to, from)) EnterNeedsReset(done.error());
  return done;
}

Result<void> Device::QueueSwitch(uint16_t from, uint16_t to) {
  Batch batch(*backend_);
  auto queued = to > from
                    ? QueueEnable(*backend_, from, to, VringEnable::kEnabled)
                    : QueueEnable(*backend_, to, from, VringEnable::kDisabled);
  if (!queued) return queued;
  return Committed(batch);
}

void Device::OnMemoryEvent(const MemoryEvent& event, const MemoryTable& table) {
  // No back-end can map what somebody else allocated.
  if (event.owner == MemoryEvent::Owner::kExternal) return;
  const bool removing = event.kind == MemoryEvent::Kind::kRemoving;
  const MutexLock lock(mu_);
  backend_->BeginCall(options_.call_budget);
  if (removing && LeaveRingsIn(event.range)) return;
  if (state() != DeviceState::kRunning) {
    // A back-end that was left with running rings must not meet memory that
    // goes.
    if (removing) {
      (void)StopLocked();
      TakeFromStoppedPeer(event.range);
    }
    return;
  }
  if (!removing) {
    (void)ShareChange(table);
    return;
  }
  // By itself, since what was refused when it came may be refused again. A
  // range that is about to go may still stand in the provider's table.
  if (!ShareChange(shared_.Without(event.range), event.range)) return;
  const MemoryTable rest = table.Without(event.range);
  if (rest != shared_) (void)ShareChange(rest);
}

// Whether the rings run on with all of `wanted`, and without what `goes`.
bool Device::ShareChange(const MemoryTable& wanted,
                         std::span<const std::byte> goes) {
  const bool removing = !goes.empty();
  const auto done = ShareMemory(wanted);
  if (done) {
    shared_ = wanted;
    return true;
  }
  NoteShared();
  // Whatever became of it, what goes is never told of again: its descriptor
  // may be another file's by then.
  shared_ = shared_.Without(goes);
  const Error& error = done.error().error;
  events_.memory_trouble = true;
  if (done.error().only_lacking || (!removing && done.error().unchanged)) {
    // What the back-end has is still right, only the new memory is not in it.
    events_.reason = error;
    return false;
  }
  EnterNeedsReset(error);
  // No ring runs on while memory goes that the back-end still has.
  if (removing) (void)StopLocked();
  return false;
}

// Whether rings of packets lie in memory that is about to go. They are stopped
// while it is still there, and forgotten once no poller is inside.
bool Device::LeaveRingsIn(std::span<const std::byte> range) {
  if (control_queue_ && control_queue_->layout().Touches(range)) {
    LeaveControlRing();
  }
  bool any = false;
  for (size_t i = 0; i < vrings_.size(); ++i) {
    if (!vrings_[i].ring.layout.Touches(range)) continue;
    gone_rings_[i] = true;
    any = true;
  }
  if (!any) return false;
  CloseGates();
  const Result<void> idle = WaitForPollers(options_.call_budget / 2);
  if (RingsRun()) (void)StopBackend(idle);
  if (idle) ForgetGoneRings();
  EnterNeedsReset(
      Error::Make(ErrorCode::kInvalidArgument,
                  "memory of a ring was removed; give the device new rings"));
  return true;
}

// No back-end knows of that ring, so packets go on.
void Device::LeaveControlRing() {
  control_queue_.reset();
  events_.memory_trouble = true;
  if (events_.needs_reset) return;  // Whose reason weighs more.
  events_.reason = Error::Make(
      ErrorCode::kInvalidArgument,
      "memory of the control ring was removed: no command is served any more; "
      "stop, configure a new control ring and start");
}

// Without a pause where the back-end can be told of the difference alone.
std::expected<void, Device::ShareFailure> Device::ShareMemory(
    const MemoryTable& table) {
  if (backend_->caps().memory_slots) {
    const auto told = ShareDifference(table);
    if (told) return {};
    const Error& error = told.error().error;
    if (error.code() != ErrorCode::kUnsupported) {
      // Removals go first: where an addition was refused, they are done.
      const bool only_lacking =
          error.code() == ErrorCode::kRefused &&
          told.error().operation == BackendOperation::kAddMemReg &&
          backend_->link().Poll() == LinkState::kUp;
      return std::unexpected(ShareFailure{
          .error = error,
          .only_lacking = only_lacking,
          .unchanged = error.code() == ErrorCode::kInvalidArgument});
    }
  } else if (table == shared_) {
    // The event tells of memory that nobody ever shared.
    return {};
  }
  auto done = PauseAndShare(table);
  if (done) done = Resume();
  if (done) return {};
  const bool nothing_sent = done.error().code() == ErrorCode::kInvalidArgument;
  const bool undone = backend_->caps().live_mem_table &&
                      backend_->link().Poll() == LinkState::kUp;
  return std::unexpected(
      ShareFailure{.error = done.error(), .unchanged = nothing_sent || undone});
}

void Device::NoteShared() {
  if (!backend_->caps().memory_slots) return;
  shared_ = {};
  for (const MemoryRegion& region : backend_->shared_regions()) {
    // They were in a table before, and overlap no more than they did there.
    (void)shared_.Add(region);
  }
}

// The next start tells of what has come, and must find nothing that looks like
// it and has gone.
void Device::TakeFromStoppedPeer(std::span<const std::byte> range) {
  if (!backend_->caps().memory_slots || link() != LinkState::kUp) return;
  const MemoryTable left = shared_.Without(range);
  const auto told = ShareDifference(left);
  // Told or not, what goes is never named again: the next start shares what
  // there is then.
  shared_ = left;
  if (!told && HasLostPeer(told.error().error)) {
    EnterNeedsReset(told.error().error);
  }
}

std::expected<void, CommitError> Device::ShareDifference(
    const MemoryTable& table) {
  Batch batch(*backend_);
  if (auto queued = backend_->ChangeMemTable(table); !queued) {
    return std::unexpected(CommitError{.error = queued.error()});
  }
  return batch.Commit();
}

// Disables the active pairs and replaces the back-end's table. They stay
// disabled: no ring runs on a table that the back-end has not taken.
Result<void> Device::PauseAndShare(const MemoryTable& table) {
  Batch batch(*backend_);
  auto queued =
      QueueEnable(*backend_, 0, active_pairs(), VringEnable::kDisabled);
  if (!queued) return queued;
  if (auto set = backend_->SetMemTable(table); !set) return set;
  return Committed(batch);
}

Result<void> Device::Resume() { return QueueSwitch(0, active_pairs()); }

Result<void> Device::AnnounceSelf() {
  const MutexLock lock(mu_);
  if (state() != DeviceState::kRunning) {
    return Fail(ErrorCode::kWrongState,
                "nothing can be announced while the device is %s",
                ToString(state()).data());
  }
  const std::optional<MacAddress> mac = MacLocked();
  if (!mac) {
    return Fail(ErrorCode::kUnsupported,
                "there is no MAC address that could be announced (mac=)");
  }
  backend_->BeginCall(options_.call_budget);
  auto sent = backend_->SendRarp(*mac);
  if (!sent && HasLostPeer(sent.error())) EnterNeedsReset(sent.error());
  return sent;
}

DeviceEvents Device::Poll() {
  if (!mu_.TryLock()) return {};  // A call is under way and will tell.
  LinkState now = backend_->link().Poll();
  if (now == LinkState::kDown) {
    // A dead connection would hide who waits to be the next.
    backend_->link().Detach();
    now = backend_->link().Poll();
  }
  if (IsAttached(link()) && !IsAttached(now)) {
    EnterNeedsReset(Error::Make(ErrorCode::kDisconnected,
                                "the back-end closed the connection; reattach "
                                "when it is back"));
  }
  if (state() == DeviceState::kNeedsReset) LetGoOfDoorbells(Duration::zero());
  // What is said after this is the next call's to read.
  HearNews();
  NoticeConfig();
  NoticeStatus();
  // Not looked at again: what has changed meanwhile is the next call's.
  NoticeLink(now);
  const DeviceEvents events = std::exchange(events_, {});
  mu_.Unlock();
  return events;
}

void Device::HearNews() {
  const BackendNews news = backend_->TakeNews();
  events_.config_changed |= news.config_changed;
  if (news.trouble) events_.requests_ended = news.trouble;
}

int Device::NewsFd() {
  const MutexLock lock(mu_);
  return backend_->news_fd();
}

int Device::PollFd() {
  const MutexLock lock(mu_);
  return backend_->link().fd();
}

InterruptMap Device::interrupt_map() {
  const MutexLock lock(mu_);
  InterruptMap map;
  for (uint16_t pair = 0; pair < queue_pairs_; ++pair) {
    map.rx_call_fds.push_back(vrings_[RxVring(pair)].call.get());
  }
  map.vector_count = map.rx_call_fds.size() + 1;
  map.link_fd = backend_->link().fd();
  return map;
}

}  // namespace virtio_user
