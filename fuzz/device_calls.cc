// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/device_calls.h"

#include <algorithm>
#include <cinttypes>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "backend_sim/explore/feature_oracle.h"
#include "fuzz/finding.h"
#include "fuzz/start_order.h"
#include "virtio_user/base/error.h"
#include "virtio_user/device/device.h"
#include "virtio_user/spec/feature.h"
#include "virtio_user/spec/net.h"

namespace fuzz {

using testing_support::RecordingRig;
using virtio_user::CtrlClass;
using virtio_user::DeviceState;
using virtio_user::Error;
using virtio_user::ErrorCode;
using virtio_user::Feature;
using virtio_user::FeatureSet;

FeatureSet FeaturesFrom(Reader& input) {
  const uint64_t bits = input.Number(8);
  FeatureSet features;
  for (unsigned bit = 0; bit < 64; ++bit) {
    if ((bits >> bit & 1) != 0) features.Add(static_cast<Feature>(bit));
  }
  return features;
}

namespace {

constexpr int kMostCalls = 24;
// More take megabytes.
constexpr uint16_t kMostPairs = 4;

Error ErrorFrom(Reader& input) {
  constexpr ErrorCode kCodes[] = {
      ErrorCode::kInvalidArgument, ErrorCode::kWrongState,
      ErrorCode::kUnsupported,     ErrorCode::kRefused,
      ErrorCode::kProtocol,        ErrorCode::kDeadline,
      ErrorCode::kDisconnected,    ErrorCode::kSystem};
  return Error::Make(kCodes[input.Byte() % std::size(kCodes)],
                     "as the input says");
}

// Holds each call's result to what is promised of all of them.
class Calls {
 public:
  Calls(Reader& input, RecordingRig& rig, const DeviceOracle& oracle)
      : input_(input), rig_(rig), oracle_(oracle) {}

  void One();

 private:
  virtio_user::Device& device() { return *rig_.device; }

  template <typename Result>
  bool Succeeded(const Result& result) {
    if (result) return true;
    Expect(!result.error().text().empty(), "call", "no reason");
    Expect(ToString(result.error().code()) != "unknown", "call",
           "a reason of no kind");
    return false;
  }
  void SetUp();
  StartFacts Facts();
  void Start();
  void CheckRings(unsigned rings);
  uint64_t AddrOf(const std::byte* at);
  void Stop();
  void AfterReattach(bool done) {
    const DeviceState state = device().state();
    Expect(done ? state == DeviceState::kNegotiated ||
                      state == DeviceState::kCreated
                : state == DeviceState::kNeedsReset,
           "state", "not what a reattach can lead to");
  }
  void Command();
  void Backend();
  void Poll();

  void SetOffloads(uint64_t mask);
  void CheckAck(uint8_t ack);

  Reader& input_;
  RecordingRig& rig_;
  const DeviceOracle& oracle_;
  // What the driver has set since it chose features, if it has.
  std::optional<uint64_t> offloads_;
};

void Calls::One() {
  switch (input_.Byte() % 12) {
    case 0:
      return SetUp();
    case 1:
      return Start();
    case 2:
      return Stop();
    case 3:
      return AfterReattach(Succeeded(device().Reattach()));
    case 4:
      return AfterReattach(Succeeded(device().ReattachKeepingRings()));
    case 5:
      (void)Succeeded(device().AnnounceSelf());
      return;
    case 6:
      (void)Succeeded(device().RefreshConfig());
      return;
    case 7:
      return Poll();
    case 8:
    case 9:
      return Command();
    default:
      return Backend();
  }
}

void Calls::SetUp() {
  const auto pairs = static_cast<uint16_t>(1 + input_.Byte() % kMostPairs);
  // The driver of the tests has split rings.
  FeatureSet without = FeaturesFrom(input_);
  without.Add(Feature::kRingPacked);
  const FeatureSet choice = device().offered() & ~without;
  const DeviceState before = device().state();
  const bool may =
      (before == DeviceState::kCreated || before == DeviceState::kNegotiated) &&
      backend_sim::feature_oracle::Closed(choice);
  const bool done = Succeeded(rig_.driver->SetUp(pairs, without));
  Expect(may || !done, "negotiate", "what may not be chosen");
  if (!may) return;
  offloads_.reset();
  Expect(device().accepted() == choice, "negotiate", "another choice");
  Expect(device().forwarded() == oracle_.Forwarded(choice), "negotiate",
         "the back-end is told of another one");
}

StartFacts Calls::Facts() {
  const auto& caps = device().backend_caps();
  StartFacts facts = {.queue_size = device().queue_size(),
                      .forwarded = device().forwarded(),
                      .status = caps.status,
                      .ring_enable = caps.ring_enable};
  for (uint16_t i = 0; i < 2 * device().queue_pairs(); ++i) {
    facts.rings += device().vring(i).configured() ? 1 : 0;
  }
  // A device that hears commands hears of them there.
  if (!facts.forwarded.Has(Feature::kNetCtrlVq)) facts.offloads = offloads_;
  return facts;
}

void Calls::Start() {
  const bool ran = device().state() == DeviceState::kRunning;
  const StartFacts facts = Facts();
  const bool done = Succeeded(device().Start());
  Expect((device().state() == DeviceState::kRunning) == done, "state",
         "running is what has started");
  if (!ran) {
    CheckStart(rig_.backend->sent(), facts, done);
    if (done) CheckRings(facts.rings);
    return;
  }
  Expect(rig_.backend->sent().empty(), "start", "said to one that runs");
}

// Where a front-end publishes what this process has there.
uint64_t Calls::AddrOf(const std::byte* at) {
  uint64_t addr = 0;
  rig_.memory.WithTable([&](const virtio_user::MemoryTable& table) {
    for (const virtio_user::MemoryRegion& region : table.regions()) {
      const std::byte* const begin = region.host.data();
      if (at < begin || at >= begin + region.host.size()) continue;
      addr = region.published + static_cast<uint64_t>(at - begin);
    }
  });
  Expect(addr != 0, "rings", "one is not in the memory");
  return addr;
}

void Calls::CheckRings(unsigned rings) {
  std::vector<RingFacts> told;
  std::vector<RingFacts> facts;
  for (uint16_t i = 0; i < rings; ++i) {
    const auto& words = rig_.backend->ring_words(i);
    told.push_back({.desc = words.addresses.desc.value,
                    .avail = words.addresses.avail.value,
                    .used = words.addresses.used.value,
                    .call = words.call,
                    .kick = words.kick});
    const virtio_user::VringState& vring = device().vring(i);
    const virtio_user::RingLayout& layout = vring.ring.layout;
    facts.push_back({.desc = AddrOf(layout.desc),
                     .avail = AddrOf(layout.driver),
                     .used = AddrOf(layout.device),
                     .call = vring.call.get(),
                     .kick = vring.kick.get()});
    for (const int fd : {words.call, words.kick}) {
      const auto file = rig_.fds.FileOf(fd);
      Expect(
          file != nullptr && file->kind() == backend_sim::SimFile::Kind::kEvent,
          "rings", "a descriptor of no event");
    }
  }
  // virtio: "The Virtqueue", with the words of EVENT_IDX.
  const uint64_t num = device().queue_size();
  CheckStartedRings(
      told, facts,
      {.desc = 16 * num, .avail = 6 + 2 * num, .used = 6 + 8 * num});
}

// A success where nothing ran.
void Calls::Stop() {
  const DeviceState before = device().state();
  const bool done = Succeeded(device().Stop());
  const DeviceState after = device().state();
  Expect(after != DeviceState::kRunning, "state", "stopped, and running");
  Expect(before == DeviceState::kRunning
             ? after == DeviceState::kNegotiated ||
                   (!done && after == DeviceState::kNeedsReset)
             : after == before,
         "state", "not what a stop can lead to");
}

void Calls::Poll() {
  const DeviceState before = device().state();
  const auto events = device().Poll();
  Expect(!events.needs_reset ||
             (device().state() == DeviceState::kNeedsReset && events.reason),
         "poll", "a device that needs a reset says so, and why");
  Expect(before != DeviceState::kNeedsReset ||
             device().state() == DeviceState::kNeedsReset,
         "state", "left without a Reattach");
  for (const auto* const refused :
       {&events.pairs_refused, &events.offloads_refused,
        &events.command_refused}) {
    Expect(!*refused || !(*refused)->text().empty(), "poll", "no reason");
  }
}

// What is acknowledged is lawful, and told.
void Calls::SetOffloads(uint64_t mask) {
  // Virtio 1.4, "Setting Offloads State": those that 64 bits of features have.
  constexpr uint64_t kOffloads = 0x00c0'0000'0000'0782;
  const bool runs = device().state() == DeviceState::kRunning;
  const auto byte = [&](int i) {
    return static_cast<uint8_t>(mask >> (8 * i) & 0xff);
  };
  const uint8_t ack = rig_.driver->Command(
      CtrlClass::kGuestOffloads, virtio_user::kCtrlGuestOffloadsSet,
      {byte(0), byte(1), byte(2), byte(3), byte(4), byte(5), byte(6), byte(7)});
  CheckAck(ack);
  if (ack != virtio_user::kCtrlAckOk) return;
  const FeatureSet accepted = device().accepted();
  Expect(accepted.Has(Feature::kNetCtrlGuestOffloads) &&
             (mask & ~(accepted.low() & kOffloads)) == 0,
         "offloads", "what was not accepted is on");
  offloads_ = mask;
  if (!runs || device().forwarded().Has(Feature::kNetCtrlVq)) return;
  char line[32];
  std::snprintf(line, sizeof(line), "GUEST_OFFLOADS 0x%" PRIx64, mask);
  const auto& sent = rig_.backend->sent();
  Expect(!sent.empty() && sent.back() == line, "offloads",
         "the back-end was told of others");
}

void Calls::Command() {
  const auto ctrl_class = static_cast<CtrlClass>(input_.Byte() % 10);
  const uint8_t command = input_.Byte() % 4;
  const uint8_t a = input_.Byte();
  const uint8_t b = input_.Byte();
  // The driver of the tests takes so many descriptors for a command.
  constexpr uint16_t kLeast = 4;
  if (rig_.driver->control_ring().num < kLeast) return;
  const auto send = [&](std::initializer_list<uint8_t> data) {
    return rig_.driver->Command(ctrl_class, command, data);
  };
  uint8_t ack = 0;
  const uint8_t how = input_.Byte();
  if (how >= 0xf0) return SetOffloads(input_.Number(8));
  switch (how % 6) {
    case 0:
      ack = send({});
      break;
    case 1:
      ack = send({a});
      break;
    case 2:
      ack = send({a, b});
      break;
    case 3:
      ack = send({a, b, 0, 0, 0, 7});
      break;
    case 4:
      if (ctrl_class == CtrlClass::kGuestOffloads &&
          command == virtio_user::kCtrlGuestOffloadsSet) {
        return SetOffloads(a | b << 8);
      }
      ack = send({a, b, 0, 0, 0, 0, 0, 0});
      break;
    default:
      (void)Succeeded(rig_.driver->BreakControlRing());
      return;
  }
  CheckAck(ack);
}

void Calls::CheckAck(uint8_t ack) {
  Expect(ack <= 1 || ack == testing_support::TestDriver::kNoAck, "ack",
         "neither OK nor ERR");
  (void)Succeeded(rig_.driver->notified());
}

// What becomes of the back-end before the next call.
void Calls::Backend() {
  auto& backend = *rig_.backend;
  switch (input_.Byte() % 8) {
    case 0: {
      const size_t at = input_.Byte() % 40;
      return backend.FailWhenQueued(at, ErrorFrom(input_));
    }
    case 1: {
      const size_t at = input_.Byte() % 40;
      return backend.FailWhenSent(at, ErrorFrom(input_));
    }
    case 2:
      return backend.FailNothing();
    case 3:
      return backend.Close();
    case 4:
      backend.peer_present = (input_.Byte() & 1) != 0;
      return;
    case 5:
      backend.control_answer = input_.Byte();
      return;
    case 6:
      backend.status_answer = input_.Byte();
      return;
    default:
      backend.base_answers[input_.Byte() % 4] = input_.Word();
  }
}

}  // namespace

void ChooseBackend(Reader& input, RecordingRig& rig) {
  auto& caps = rig.backend->capabilities;
  caps.queue_pair_limit = 256;
  const uint16_t has = input.Word();
  bool* const switches[] = {&caps.status,
                            &caps.ring_enable,
                            &caps.multiqueue,
                            &caps.link_state,
                            &caps.mtu,
                            &caps.rarp,
                            &caps.reset_device,
                            &caps.inflight,
                            &caps.config,
                            &caps.config_events,
                            &caps.own_control_queue,
                            &caps.guest_offloads};
  // 0s are the usual one.
  for (size_t i = 0; i < std::size(switches); ++i) {
    if ((has >> i & 1) != 0) *switches[i] = !*switches[i];
  }
  rig.backend->features = rig.backend->features | FeaturesFrom(input);
  rig.backend->config.assign(64, std::byte{input.Byte()});
}

void CheckCalls(Reader& input, RecordingRig& rig, const DeviceOracle& oracle) {
  Calls calls(input, rig, oracle);
  rig.backend->Take();
  for (int i = 0; i < kMostCalls && !input.empty(); ++i) {
    calls.One();
    rig.backend->Take();
  }
}

}  // namespace fuzz
