// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/explore/fault_life.h"

#include <algorithm>
#include <utility>

#include "backend_sim/explore/fault_consequence.h"
#include "virtio_user/vhost_user/vhost_user_backend.h"

namespace backend_sim {

using virtio_user::Device;
using virtio_user::DeviceState;
using virtio_user::Duration;
using virtio_user::ErrorCode;
using virtio_user::kDefaultCallBudget;
using virtio_user::LinkState;
using virtio_user::Result;

namespace {

SimWorldOptions WorldOptions(const FaultLifeOptions& options) {
  SimWorldOptions world;
  world.memory.region_bytes = size_t{1} << 16;
  // No more rings than are used: a world is made for each life.
  world.personality.max_pairs = options.pairs;
  world.personality.queue_num = options.pairs;
  world.trace.keep_last = 0;
  world.trace.keep_all = options.keep_calls;
  return world;
}

class Life {
 public:
  explicit Life(const FaultLifeOptions& options)
      : options_(options),
        world_(WorldOptions(options)),
        fds_before_(world_.fds().open_count()) {
    if (options.fd_fault) {
      (options.fd_fault->backend ? world_.server_fds() : world_.fds())
          .FailCall(options.fd_fault->call, options.fd_fault->nth);
    }
  }

  FaultLifeResult Live() {
    if (Create()) {
      PlanFaults();
      FirstLife();
    }
    const size_t first_life =
        world_.server().message_count() - messages_before_;
    Recovery();
    NoteCalls(first_life);
    BehaveAgain();
    if (options_.keep_calls) result_.transcript = world_.transcript();
    End();
    return std::move(result_);
  }

 private:
  // --- What is done ----------------------------------------------------------

  // Fails only where descriptors do.
  bool Create() {
    Call("Create", [&]() -> Result<void> {
      auto made = Device::Create({.queue_pairs = options_.pairs,
                                  .queue_size = 8,
                                  .control_queue = true},
                                 {.backend = options_.make_backend(world_),
                                  .memory = world_.memory(),
                                  .fds = world_.fds(),
                                  .quiescer = world_.quiescer()});
      if (!made) return virtio_user::Fail(made);
      device_ = *std::move(made);
      driver_.emplace(*device_, world_.memory());
      return {};
    });
    if (device_ == nullptr) {
      if (!options_.fd_fault) Wrong("Create failed without a fault");
      return false;
    }
    if (auto set_up = driver_->SetUp(options_.pairs); !set_up) {
      Wrong("the rings were refused: " + std::string(set_up.error().text()));
    }
    return true;
  }

  void PlanFaults() {
    messages_before_ = world_.server().message_count();
    trace_before_ = world_.trace().record_count();
    for (const FaultChoice& choice : options_.faults) {
      const FaultWay& way = kFaultWays[choice.way];
      world_.faults().Add({.kind = way.kind,
                           .at = messages_before_ + choice.call,
                           .argument = way.argument,
                           .of_message = way.needs_answer});
    }
  }

  // Whether all three calls succeeded.
  bool StartAndStop() {
    bool good = Start();
    if (options_.pairs > 1 && device_->state() == DeviceState::kRunning) {
      const Duration before = world_.clock().now();
      good = driver_->SetPairs(options_.pairs) && good;
      CheckAfter("the command", before);
      if (good && device_->active_pairs() != options_.pairs) {
        Wrong("the command was acked, but not all pairs are active");
      }
    }
    return Stop() && good;
  }

  bool Start() {
    const bool started = Call("Start", [&] { return device_->Start(); });
    const bool runs = device_->state() == DeviceState::kRunning;
    if (started != runs) Wrong("Start does not tell whether the device runs");
    return started;
  }

  bool Stop() {
    const bool stopped = Call("Stop", [&] { return device_->Stop(); });
    if (device_->state() == DeviceState::kRunning) {
      Wrong("the device runs after Stop");
    }
    return stopped;
  }

  void FirstLife() {
    (void)StartAndStop();
    CheckViolations();
  }

  void Recovery() {
    world_.channel().PeerConnects();
    if (device_ == nullptr && !Create()) return;
    if (device_->state() == DeviceState::kNeedsReset) {
      (void)Call("Reattach", [&] { return device_->Reattach(); });
      // What the peer said of itself may be garbage, and is what is known.
      lied_to_ =
          Happened(FaultKind::kReplyNack) || Happened(FaultKind::kRefuse);
    }
    if (device_->state() == DeviceState::kNegotiated) (void)StartAndStop();
    CheckViolations();
  }

  // With a peer that behaves everything works.
  void BehaveAgain() {
    result_.happened = world_.faults().happened().size();
    world_.faults().Clear();
    world_.channel().PeerConnects();
    world_.model().ClearViolations();
    if (device_ == nullptr && !Create()) {
      return Wrong("the device cannot be made afterwards");
    }
    const bool anew = lied_to_ || device_->state() == DeviceState::kNeedsReset;
    if (anew && !Call("Reattach", [&] { return device_->Reattach(); })) {
      return Wrong("Reattach fails afterwards: " + last_error_);
    }
    if (!StartAndStop()) {
      return Wrong("the device does not start and stop afterwards: " +
                   last_error_);
    }
    if (!world_.violations().empty()) {
      Wrong("afterwards: " + world_.violations().front().Text());
    }
  }

  void End() {
    device_.reset();
    driver_.reset();
    if (world_.fds().open_count() != fds_before_) {
      Wrong("descriptors are left: " + world_.fds().Balance());
    }
    const std::string server = world_.server_fds().Balance();
    if (!server.empty()) Wrong("the back-end keeps: " + server);
    if (world_.fds().mapped_count() != 0) Wrong("mappings are left");
    if (world_.memory().listener_count() != 0) Wrong("a listener is left");
    for (const auto& text : world_.fds().violations()) Wrong(text);
  }

  // --- What must hold --------------------------------------------------------

  template <typename F>
  bool Call(const char* what, F call) {
    const Duration before = world_.clock().now();
    const Result<void> done = call();
    if (!done) {
      last_error_ = std::string(done.error().text());
      if (!options_.fd_fault && !Fits(done.error().code())) {
        Wrong(std::string(what) +
              " tells of what did not happen: " + last_error_);
      }
    }
    CheckAfter(what, before);
    return done.has_value();
  }

  void CheckAfter(const char* what, Duration before) {
    if (world_.clock().now() - before > kDefaultCallBudget) {
      Wrong(std::string(what) + " took longer than its budget");
    }
    if (device_ == nullptr) {
      if (world_.fds().open_count() != fds_before_) {
        Wrong("descriptors are left of a device that was not made");
      }
      return;
    }
    if (const char* untrue = Untrue()) {
      Wrong(std::string("after ") + what + ": " + untrue);
    }
  }

  // What the device says of itself that is not so.
  const char* Untrue() {
    (void)device_->Poll();
    const bool connected = world_.channel().Poll() == LinkState::kUp;
    const DeviceState state = device_->state();
    const uint16_t active = device_->active_pairs();
    if ((device_->link() == LinkState::kUp) != connected) {
      return "link() is not the connection's state";
    }
    if (!connected && state != DeviceState::kNeedsReset) {
      return "the connection is gone, and the state is not kNeedsReset";
    }
    if (!connected && active != 0) return "pairs are active without a peer";
    const bool runs = state == DeviceState::kRunning;
    for (uint16_t i = 0; i < 2 * options_.pairs; ++i) {
      if (device_->vring(i).ring.gate.open() != runs) {
        return "a gate does not stand as the state says";
      }
    }
    if (state == DeviceState::kNegotiated &&
        (active != 0 || world_.model().AnyStarted())) {
      return "kNegotiated, and rings run";
    }
    for (size_t i = 0; runs && i < 2u * options_.pairs; ++i) {
      const RingModel& ring = std::as_const(world_.model()).rings()[i];
      if (!ring.started()) return "kRunning, and a ring is not started";
      if (ring.enabled() != (i < 2u * active)) {
        return "a ring is not enabled as active_pairs() says";
      }
    }
    return nullptr;
  }

  void CheckViolations() {
    const auto& all = world_.violations();
    for (; seen_ < all.size(); ++seen_) {
      if (options_.fd_fault || IsExplained(all[seen_])) continue;
      Wrong("not explained by a fault: " + all[seen_].Text());
    }
  }

  bool Happened(FaultKind kind) {
    return std::ranges::count(world_.faults().happened(), kind, &Fault::kind) >
           0;
  }

  // Whether an error is what a fault that happened leads to.
  bool Fits(ErrorCode code) {
    return std::ranges::any_of(
        world_.faults().happened(),
        [code](const Fault& fault) { return LeadsTo(fault.kind, code); });
  }

  // Whether a call was refused without which this one breaks a rule. The
  // front-end sends many calls before it reads the first answer.
  bool IsExplained(const Violation& violation) const {
    return std::ranges::any_of(options_.faults, [&](const FaultChoice& choice) {
      return kFaultWays[choice.way].kind == FaultKind::kRefuse &&
             Explains(choice.request, violation.rule);
    });
  }

  void Wrong(const std::string& text) {
    if (result_.wrong.empty()) result_.wrong = text;
  }

  void NoteCalls(size_t first_life) {
    for (size_t kind = 0; kind < kFdCalls; ++kind) {
      const auto call = static_cast<FdCall>(kind);
      result_.fd_calls[0][kind] = world_.fds().CallCount(call);
      result_.fd_calls[1][kind] = world_.server_fds().CallCount(call);
    }
    if (!options_.keep_calls) return;
    result_.first_life_calls = first_life;
    const auto records = world_.trace().records();
    for (size_t i = trace_before_; i < records.size(); ++i) {
      if (records[i].kind != TraceKind::kMessage) continue;
      if (records[i].detail == static_cast<uint8_t>(Direction::kToBackend)) {
        result_.calls.push_back(
            {.request = static_cast<uint32_t>(records[i].words[0])});
      } else if (!result_.calls.empty()) {
        result_.calls.back().answered = true;
      }
    }
  }

  const FaultLifeOptions options_;
  SimWorld world_;
  const size_t fds_before_;
  // The rings' memory goes after the device.
  std::optional<PlainDriver> driver_;
  std::unique_ptr<Device> device_;
  uint64_t messages_before_ = 0;
  size_t trace_before_ = 0;
  size_t seen_ = 0;  // Violations that were looked at.
  bool lied_to_ = false;
  std::string last_error_;
  FaultLifeResult result_;
};

}  // namespace

std::string FdFault::Text() const {
  constexpr std::array<std::string_view, kFdCalls> kNames = {"eventfd", "map",
                                                             "dup", "receive"};
  return std::string(backend ? "back-end's " : "front-end's ") +
         std::string(kNames[static_cast<size_t>(call)]) + " number " +
         std::to_string(nth);
}

std::unique_ptr<virtio_user::VhostBackend> MakeVhostUserBackend(
    SimWorld& world) {
  return std::make_unique<virtio_user::VhostUserBackend>(world.MakeChannel());
}

FaultLifeResult LiveWithFaults(const FaultLifeOptions& options) {
  return Life(options).Live();
}

FaultLifeResult LiveAgain(uint16_t pairs, const FaultChoices& faults) {
  FaultLifeOptions options{.pairs = pairs, .keep_calls = true};
  FaultLifeResult life = LiveWithFaults(options);
  for (FaultChoice choice : faults) {
    if (choice.call < life.calls.size()) {
      choice.request = life.calls[choice.call].request;
    }
    options.faults.push_back(choice);
    life = LiveWithFaults(options);
  }
  return life;
}

}  // namespace backend_sim
