// SPDX-License-Identifier: BSD-3-Clause
//
// Device: commands for a control queue of the device's own, which are said
// again after each reset of it, and what its configuration tells.

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <utility>

#include "virtio_user/device/device.h"
#include "virtio_user/device/guest_offloads.h"
#include "virtio_user/spec/net.h"

namespace virtio_user {
namespace {

constexpr size_t kHeaderBytes = 2;

template <typename T>
std::vector<std::byte> MakeCommand(CtrlClass ctrl_class, uint8_t command,
                                   const T& data) {
  std::vector<std::byte> request(kHeaderBytes + sizeof(data));
  request[0] = static_cast<std::byte>(ctrl_class);
  request[1] = static_cast<std::byte>(command);
  std::memcpy(request.data() + kHeaderBytes, &data, sizeof(data));
  return request;
}

bool IsOf(std::span<const std::byte> request, CtrlClass ctrl_class) {
  return request[0] == static_cast<std::byte>(ctrl_class);
}

bool Is(std::span<const std::byte> request, CtrlClass ctrl_class,
        uint8_t command) {
  return IsOf(request, ctrl_class) &&
         request[1] == static_cast<std::byte>(command);
}

// Whether what `later` asks for is all that counts of both.
bool Replaces(std::span<const std::byte> later,
              std::span<const std::byte> earlier) {
  if (later[0] != earlier[0]) return false;
  // Each VLAN has a switch of its own.
  if (IsOf(later, CtrlClass::kVlan)) {
    return std::ranges::equal(later.subspan(kHeaderBytes),
                              earlier.subspan(kHeaderBytes));
  }
  return later[1] == earlier[1];
}

}  // namespace

bool Device::DeviceHearsCommands() const {
  return Forwarded(masks_, accepted_).Has(Feature::kNetCtrlVq);
}

Result<void> Device::SendCommand(std::span<const std::byte> request) {
  // Of an announcement that we asked for the device knows nothing.
  if (IsOf(request, CtrlClass::kAnnounce) &&
      !std::exchange(device_announces_, false)) {
    return {};
  }
  // Nobody is there to be told; the next Start will be.
  if (state() != DeviceState::kRunning) {
    KeepCommand(request);
    return {};
  }
  auto done = CarryOut(request);
  if (done) KeepCommand(request);
  if (!done && LosesPeer(done.error().code())) EnterNeedsReset(done.error());
  return done;
}

// A device that is told many commands, each of which may have it write tables
// of its hardware, has as long as some of them may take.
void Device::BeginCommands() {
  constexpr int kSlowCommands = 5;
  backend_->BeginCall(options_.call_budget *
                      (DeviceHearsCommands() ? kSlowCommands : 1));
}

Result<void> Device::CarryOut(std::span<const std::byte> request) {
  const Result<uint8_t> ack =
      backend_->SendControl(request, options_.call_budget);
  if (!ack) return Fail(ack);
  if (*ack == kCtrlAckOk) return {};
  return Fail(ErrorCode::kRefused,
              "the device refuses control command %u of class %u (ack %u)",
              std::to_integer<unsigned>(request[1]),
              std::to_integer<unsigned>(request[0]), *ack);
}

// What the device took before and refuses now is not asked for again: it is
// no reason to have no packets. But packets whose checksums the driver has
// asked for would be no good to it.
Result<uint16_t> Device::SayCommandsAgain(uint16_t pairs) {
  const auto commands = CommandsToSay(pairs);
  if (!commands.empty()) BeginCommands();
  for (const std::vector<std::byte>& command : commands) {
    const auto done = CarryOut(command);
    if (done) continue;
    if (LosesPeer(done.error().code())) return Fail(done);
    if (IsOf(command, CtrlClass::kGuestOffloads)) {
      events_.offloads_refused = done.error();
      return Fail(done);
    }
    std::erase_if(commands_, [&](const std::vector<std::byte>& kept) {
      return Replaces(command, kept);
    });
    if (Is(command, CtrlClass::kMq, kCtrlMqVqPairsSet)) {
      pairs = wanted_pairs_ = 1;
      events_.pairs_refused = done.error();
    } else {
      events_.command_refused = done.error();
    }
  }
  return pairs;
}

Result<void> Device::SendPairs(uint16_t pairs) {
  auto done =
      SendCommand(MakeCommand(CtrlClass::kMq, kCtrlMqVqPairsSet, pairs));
  if (done) wanted_pairs_ = pairs;
  return done;
}

Result<void> Device::SendOffloads(FeatureSet offloads) {
  return SendCommand(MakeCommand(CtrlClass::kGuestOffloads,
                                 kCtrlGuestOffloadsSet,
                                 EncodeGuestOffloads(offloads)));
}

void Device::KeepCommand(std::span<const std::byte> request) {
  std::erase_if(commands_, [&](const std::vector<std::byte>& earlier) {
    return Replaces(request, earlier);
  });
  // After a reset no VLAN is let in, and nothing is announced.
  if (Is(request, CtrlClass::kVlan, kCtrlVlanDel)) return;
  if (IsOf(request, CtrlClass::kAnnounce)) return;
  commands_.emplace_back(request.begin(), request.end());
}

// The driver, not the device, ends the use of further pairs.
void Device::ForgetSteering() {
  std::erase_if(commands_, [](const std::vector<std::byte>& command) {
    return IsOf(command, CtrlClass::kMq);
  });
}

// The user's address is the device's too, if it can be told. Of pairs that
// were asked for while nobody was there some may have no rings.
std::vector<std::vector<std::byte>> Device::CommandsToSay(
    uint16_t pairs) const {
  if (!DeviceHearsCommands()) return {};
  std::vector<std::vector<std::byte>> commands = commands_;
  bool told = false;
  for (std::vector<std::byte>& command : commands) {
    told |= Is(command, CtrlClass::kMac, kCtrlMacAddrSet);
    if (Is(command, CtrlClass::kMq, kCtrlMqVqPairsSet)) {
      command = MakeCommand(CtrlClass::kMq, kCtrlMqVqPairsSet, pairs);
    }
  }
  const bool can_tell =
      Forwarded(masks_, accepted_).Has(Feature::kNetCtrlMacAddr);
  if (options_.mac && can_tell && !told) {
    commands.push_back(
        MakeCommand(CtrlClass::kMac, kCtrlMacAddrSet, options_.mac->bytes));
  }
  return commands;
}

// virtio: "Device configuration layout", of status.
void Device::NoticeConfig() {
  if (!backend_->caps().config_events ||
      !masks_.device.Has(Feature::kNetStatus)) {
    has_carrier_ = true;
    return;
  }
  std::array<std::byte, sizeof(uint16_t)> bytes;
  if (!IsAttached(backend_->link().Poll()) ||
      !backend_->GetConfig(kNetConfigStatusOffset, bytes)) {
    return;
  }
  const auto status = std::bit_cast<uint16_t>(bytes);
  has_carrier_ = (status & kNetStatusLinkUp) != 0;
  const bool asks =
      (status & kNetStatusAnnounce) != 0 && state() == DeviceState::kRunning &&
      Forwarded(masks_, accepted_).Has(Feature::kNetGuestAnnounce);
  if (asks && !std::exchange(device_announces_, true)) AskToAnnounce();
}

// virtio: "Device Status Field". Such a device interrupts for it as for a
// change of its configuration.
void Device::NoticeStatus() {
  if (!backend_->caps().config_events || state() != DeviceState::kRunning ||
      !IsAttached(backend_->link().Poll())) {
    return;
  }
  const Result<uint8_t> status = backend_->GetStatus();
  if (status && (*status & kStatusNeedsReset) != 0) {
    EnterNeedsReset(Error::Make(
        ErrorCode::kRefused,
        "the device has failed: its status is 0x%02x, with DEVICE_NEEDS_RESET; "
        "reattach",
        *status));
  } else if (!status && LosesPeer(status.error().code())) {
    EnterNeedsReset(status.error());
  }
}

}  // namespace virtio_user
