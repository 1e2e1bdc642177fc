// SPDX-License-Identifier: BSD-3-Clause

#include "cli/runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "backend_sim/wire_request.h"
#include "cli/memory_need.h"
#include "cli/packet_ledger.h"
#include "virtio_user/net/path_selection.h"

namespace virtio_user::cli {
namespace {

constexpr size_t kRegionBytes = size_t{4} << 20;

// Where the user gave no address: locally administered, nobody's.
constexpr MacAddress kSource{{0x02, 0x76, 0x75, 0xff, 0x00, 0x01}};

}  // namespace

Runner::Runner(const RunOptions& options, Environment& environment,
               const Console& console, Progress& progress)
    : options_(options),
      environment_(environment),
      console_(console),
      progress_(progress) {
  result_.options = options;
}

RunResult Runner::Run() {
  const bool up =
      Phase("open", 0, [&] { return Open(); }) &&
      Phase("negotiate, set rings up", 0, [&] { return SetUpDriver(); });
  if (up) CarryOut();
  NotePackets();
  Phase("end", 0, [&] { return TakeDown(); });
  result_.messages = environment_.tap().counts();
  result_.trace_hash = environment_.TraceHash();
  return std::move(result_);
}

bool Runner::Phase(const std::string& name, uint64_t packets,
                   const Work& work) {
  using Clock = std::chrono::steady_clock;
  progress_.Begin(name);
  const Clock::time_point begin = Clock::now();
  std::optional<Failure> failure = work();
  const Clock::duration time = Clock::now() - begin;
  result_.phases.push_back({.name = name, .packets = packets, .time = time});
  progress_.End(std::chrono::duration<double>(time).count());
  // A call that was cut short has failed, but not by the back-end's fault.
  if (console_.Interrupted()) failure = Interruption(name);
  if (failure) {
    // The first one is the cause.
    if (!result_.failure) result_.failure = std::move(failure);
    return false;
  }
  return true;
}

std::optional<Failure> Runner::Open() {
  auto backend = environment_.OpenBackend();
  if (!backend) return backend.error();
  const DeviceOptions device_options{
      .queue_pairs = options_.queues,
      .queue_size = options_.queue_size,
      .mac = options_.mac,
      .control_queue = true,
      .mrg_rxbuf = options_.path.mrg_rxbuf != Wish::kRefused,
      .in_order = options_.path.in_order != Wish::kRefused,
      .packed = options_.path.packed != Wish::kRefused,
      .call_budget = options_.timeout,
  };
  auto device =
      Device::Create(device_options, {.backend = std::move(*backend),
                                      .memory = environment_.memory(),
                                      .fds = environment_.fds(),
                                      .quiescer = environment_.quiescer()});
  if (!device) return Fatal(device.error());
  device_ = std::move(*device);
  return {};
}

std::optional<Failure> Runner::SetUpDriver() {
  if (auto failure = CheckOffer(options_.path, device_->offered())) {
    NoteFeatures();
    return failure;
  }
  if (auto failure = CheckRoom()) {
    NoteFeatures();
    return failure;
  }
  auto driver =
      NetDriver::Create(*device_, environment_.memory(),
                        {.declined = Declined(options_.path),
                         .max_frame_bytes = options_.max_frame_bytes(),
                         .burst = options_.burst,
                         .interrupted = console_.interrupted});
  NoteFeatures();
  if (!driver) return Fatal(driver.error());
  driver_ = std::move(*driver);
  NotePath();
  if (auto failure = CheckFrames()) return failure;
  OpenLedger();
  return {};
}

// Whether the memory suffices, now that the offer is known.
std::optional<Failure> Runner::CheckRoom() const {
  MemoryNeed need = NeedOf(options_);
  need.shape.mergeable =
      NetDriver::Mergeable(*device_, Declined(options_.path));
  return CheckMemory(need, MemAvailable());
}

// Whether all frames fit into the rings as they were negotiated.
std::optional<Failure> Runner::CheckFrames() const {
  const uint32_t most = driver_->max_frame_bytes();
  if (options_.max_frame_bytes() <= most) return {};
  const std::string why =
      fmt::format("{} and rings of {} carry frames of {} bytes at most",
                  result_.path->name, options_.queue_size, most);
  if (!options_.capture) {
    return Failure{ExitCode::kUsage,
                   fmt::format("--size {}: {}", ToText(options_.sizes), why)};
  }
  size_t index = 0;
  while (options_.capture->Bytes(index).size() <= most) ++index;
  return Failure{
      ExitCode::kUsage,
      fmt::format("--pcap-in {}: packet {} has {} bytes; {}", *options_.pcap_in,
                  index + 1, options_.capture->Bytes(index).size(), why)};
}

void Runner::OpenLedger() {
  if (options_.capture) {
    auto ledger = std::make_unique<CaptureLedger>(
        *options_.capture, driver_->pairs(), environment_.routing());
    capture_ledger_ = ledger.get();
    ledger_ = std::move(ledger);
    return;
  }
  const PacketPattern pattern(options_.seed, options_.mac.value_or(kSource),
                              options_.sizes);
  ledger_ = std::make_unique<PacketLedger>(pattern, driver_->pairs(),
                                           environment_.routing());
}

// What is received need not be on its way in a window of ours.
uint32_t Runner::Burst() const {
  const bool receiving = options_.traffic == TrafficKind::kReceive;
  const uint32_t room = receiving ? options_.queue_size : driver_->window();
  return std::min<uint32_t>(options_.burst, room);
}

void Runner::NotePath() {
  const FeatureSet accepted = device_->accepted();
  result_.path = PathResult{.name = std::string(SelectPath(accepted).name),
                            .text = DescribePath(accepted),
                            .indirect = accepted.Has(Feature::kIndirectDesc),
                            .burst = Burst(),
                            .buffer_bytes = driver_->buffer_bytes(),
                            .max_frame_bytes = driver_->max_frame_bytes()};
}

void Runner::NoteFeatures() {
  result_.negotiated = true;
  result_.features = {.device = device_->device_features(),
                      .offered = device_->offered(),
                      .accepted = device_->accepted(),
                      .forwarded = device_->forwarded()};
  const BackendCaps& caps = device_->backend_caps();
  const MessageTap& tap = environment_.tap();
  result_.protocol = {
      .offered = tap.LastAnswer(backend_sim::kReqGetProtocolFeatures),
      .max_queue_pairs = caps.max_queue_pairs,
      .ring_enable = caps.ring_enable,
      .status = caps.status,
      .config = caps.config};
}

bool Runner::CarryOut() {
  const FeatureSet accepted = device_->accepted();
  const std::vector<Step> steps =
      PlanRun({.pairs = driver_->pairs(),
               .packets = options_.packets,
               .traffic = options_.traffic,
               .restarts = options_.restarts,
               .multiqueue = accepted.Has(Feature::kNetMq),
               .control_rx = accepted.Has(Feature::kNetCtrlRx)});
  for (const Step& step : steps) {
    // Not among what is timed.
    if (step.kind == StepKind::kTraffic) {
      if (const auto settled = environment_.Settle(); !settled) {
        result_.failure = Fatal(settled.error());
        return false;
      }
    }
    if (!Phase(step.name, step.packets, [&] { return DoSteadily(step); })) {
      return false;
    }
  }
  return true;
}

std::optional<Failure> Runner::Do(const Step& step) {
  switch (step.kind) {
    case StepKind::kStart: {
      const Result<void> started = device_->Start();
      if (started) ++result_.starts;
      return Judge(started);
    }
    case StepKind::kStop:
      return Judge(device_->Stop());
    case StepKind::kSetPairs:
      return SetPairs(step.pairs);
    case StepKind::kPromiscuous: {
      const Result<void> on = driver_->control()->SetPromiscuous(true);
      return Judge(on ? driver_->control()->SetPromiscuous(false) : on);
    }
    case StepKind::kTraffic:
      return DoTraffic(step);
    case StepKind::kAddRegion:
      return AddRegion();
    case StepKind::kRemoveRegion:
      return RemoveRegion();
  }
  return {};
}

std::optional<Failure> Runner::SetPairs(uint16_t pairs) {
  if (auto failure = Judge(driver_->control()->SetQueuePairs(pairs))) {
    return failure;
  }
  if (device_->active_pairs() == pairs) return {};
  return Failure{ExitCode::kFail,
                 std::to_string(pairs) + " pairs were set and acknowledged, " +
                     std::to_string(device_->active_pairs()) + " are active"};
}

std::optional<Failure> Runner::DoTraffic(const Step& step) {
  Traffic traffic({.kind = options_.traffic,
                   .timeout = options_.traffic_timeout(),
                   .burst = options_.burst,
                   .may_lose = options_.reconnect.has_value(),
                   .advice = Advice()},
                  {.environment = environment_,
                   .driver = *driver_,
                   .ledger = *ledger_,
                   .console = console_});
  traffic.Run(step.pairs, step.packets, [&](uint64_t done, uint64_t total) {
    progress_.Update(done, total);
  });
  NoteArrival(traffic);
  packets_left_ = traffic.left();
  if (traffic.problems().count() == 0) {
    if (!traffic.lost()) return {};
    return Failure{ExitCode::kFail, "the back-end closed the connection"};
  }
  packet_problems_ = traffic.problems().Text();
  return Failure{ExitCode::kFail, packet_problems_,
                 traffic.problems().Details()};
}

// DPDK's vhost library leaves one buffer of a ring out when it looks for those
// of a mergeable frame (reserve_avail_buf_split: vq->size - 1 tries).
std::string Runner::Advice() const {
  const bool mergeable = device_->accepted().Has(Feature::kNetMrgRxbuf);
  if (options_.queue_size == 1 && mergeable) {
    return "DPDK serves no ring of 1 with MRG_RXBUF: try --no-mrg-rxbuf or "
           "--queue-size 2";
  }
  return TrafficOptions{}.advice;
}

std::optional<Failure> Runner::AddRegion() {
  // A second time, after the back-end went away on the first.
  if (!region_.empty()) return {};
  const auto region = environment_.AddRegion(kRegionBytes);
  if (!region) return Fatal(region.error());
  region_ = *region;
  return Judge({});
}

std::optional<Failure> Runner::RemoveRegion() {
  if (region_.empty()) return {};
  return Judge(environment_.RemoveRegion(std::exchange(region_, {})));
}

std::optional<Failure> Runner::TakeDown() {
  Result<void> stopped;
  if (device_ && device_->state() == DeviceState::kRunning) {
    stopped = device_->Stop();
  }
  device_.reset();
  driver_.reset();
  if (!region_.empty()) {
    const Result<void> removed =
        environment_.RemoveRegion(std::exchange(region_, {}));
    if (!removed) return Fatal(removed.error());
  }
  if (!stopped) return Fatal(stopped.error());
  if (auto complaint = environment_.Complaint()) {
    return Failure{ExitCode::kFail, std::move(*complaint)};
  }
  return {};
}

void Runner::NotePackets() {
  if (!ledger_) return;
  for (uint16_t pair = 0; pair < ledger_->pairs(); ++pair) {
    result_.pairs.push_back(ledger_->counts(pair));
  }
  if (capture_ledger_ != nullptr) {
    result_.capture =
        CaptureResult{.packets = options_.capture->size(),
                      .truncated = options_.capture->truncated_count(),
                      .returned = capture_ledger_->Returned()};
  }
  if (driver_->control() != nullptr) {
    result_.control_commands = driver_->control()->commands();
  }
}

Failure Runner::Interruption(const std::string& phase) const {
  std::string text = fmt::format("interrupted in phase \"{}\"", phase);
  if (!packet_problems_.empty()) text += "; " + packet_problems_;
  return {ExitCode::kFail, std::move(text)};
}

std::optional<Failure> Runner::Judge(const Result<void>& result) {
  if (!result) return Fatal(result.error());
  if (auto trouble = driver_->DeviceTrouble()) {
    return Failure{ExitCode::kFail, std::move(*trouble)};
  }
  return {};
}

Failure Runner::Fatal(const Error& error) const {
  return ExplainError(environment_, error);
}

}  // namespace virtio_user::cli
