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
  const Result<uint8_t> ack = backend_->SendControl(request);
  if (!ack) {
    if (LosesPeer(ack.error().code())) EnterNeedsReset(ack.error());
    return Fail(ack);
  }
  if (*ack != kCtrlAckOk) {
    return Fail(ErrorCode::kRefused,
                "the device refuses control command %u of class %u (ack %u)",
                std::to_integer<unsigned>(request[1]),
                std::to_integer<unsigned>(request[0]), *ack);
  }
  KeepCommand(request);
  return {};
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

// The user's address is the device's too, if it can be told.
std::vector<std::vector<std::byte>> Device::CommandsToSay() const {
  if (!DeviceHearsCommands()) return {};
  std::vector<std::vector<std::byte>> commands = commands_;
  const bool told = std::ranges::any_of(commands, [](const auto& command) {
    return Is(command, CtrlClass::kMac, kCtrlMacAddrSet);
  });
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
  has_carrier_ = true;
  if (!backend_->caps().config_events ||
      !masks_.device.Has(Feature::kNetStatus) ||
      !IsAttached(backend_->link().Poll())) {
    return;
  }
  std::array<std::byte, sizeof(uint16_t)> bytes;
  if (!backend_->GetConfig(kNetConfigStatusOffset, bytes)) return;
  const auto status = std::bit_cast<uint16_t>(bytes);
  has_carrier_ = (status & kNetStatusLinkUp) != 0;
  const bool asks =
      (status & kNetStatusAnnounce) != 0 && state() == DeviceState::kRunning &&
      Forwarded(masks_, accepted_).Has(Feature::kNetGuestAnnounce);
  if (asks && !std::exchange(device_announces_, true)) AskToAnnounce();
}

}  // namespace virtio_user
