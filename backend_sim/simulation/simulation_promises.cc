// SPDX-License-Identifier: BSD-3-Clause
//
// Simulation: what the device says of itself, and has said on the driver's
// behalf.

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "backend_sim/simulation/simulation.h"
#include "backend_sim/wire.h"
#include "virtio_user/spec/net.h"

namespace backend_sim {

using virtio_user::CtrlClass;
using virtio_user::DeviceEvents;
using virtio_user::LinkState;
using virtio_user::MacAddress;
using virtio_user::Result;

namespace {

// virtio: "Setting MAC Address Filtering" and "VLAN Filtering".
constexpr WireField kTableEntries{"entries", 0, 4};
constexpr WireField kVlanId{"vid", 0, 2};
// "Setting Offloads State".
constexpr WireField kOffloads{"offloads", 0, 8};

constexpr size_t kMacBytes = 6;

MacAddress ToMac(std::span<const std::byte> bytes) {
  MacAddress mac;
  for (size_t i = 0; i < mac.bytes.size(); ++i) {
    mac.bytes[i] = std::to_integer<uint8_t>(bytes[i]);
  }
  return mac;
}

void AddTable(std::span<const std::byte> data, std::vector<MacAddress>& table) {
  for (uint64_t i = 0; i < Get(data, kTableEntries); ++i) {
    table.push_back(ToMac(data.subspan(4 + i * kMacBytes)));
  }
}

// "Packet Receive Filtering": commands 0 to 5.
bool& ModeIn(virtio_user::ControlState& state, uint8_t command) {
  const std::array<bool*, 6> modes{&state.promiscuous, &state.all_multicast,
                                   &state.all_unicast, &state.no_multicast,
                                   &state.no_unicast,  &state.no_broadcast};
  return *modes.at(command);
}

// virtio: "Control Virtqueue": what a command that was acked has changed. The
// requests of ControlRing only.
void Apply(std::span<const std::byte> request,
           virtio_user::ControlState& state) {
  const auto command_class = static_cast<CtrlClass>(request[0]);
  const auto command = std::to_integer<uint8_t>(request[1]);
  const auto data = request.subspan(2);
  switch (command_class) {
    case CtrlClass::kRx:
      ModeIn(state, command) = data[0] != std::byte{0};
      break;
    case CtrlClass::kMac:
      if (command == virtio_user::kCtrlMacAddrSet) {
        state.mac = ToMac(data);
        break;
      }
      state.unicast_table.clear();
      state.multicast_table.clear();
      AddTable(data, state.unicast_table);
      AddTable(data.subspan(4 + state.unicast_table.size() * kMacBytes),
               state.multicast_table);
      break;
    case CtrlClass::kVlan:
      state.vlans.set(Get(data, kVlanId), command == virtio_user::kCtrlVlanAdd);
      break;
    case CtrlClass::kGuestOffloads:
      state.guest_offloads = virtio_user::FeatureSet();
      if (Get(data, kOffloads) == ControlRing::kChecksums) {
        state.guest_offloads->Add(virtio_user::Feature::kNetGuestCsum);
      }
      break;
    default:
      break;
  }
}

// vhost-user: "Memory regions description".
constexpr size_t kMostInTable = 8;

// As SimStack::TakeCommands has it.
std::string TextOf(std::span<const std::byte> request) {
  std::string text;
  for (const std::byte byte : request) {
    text += std::to_string(std::to_integer<unsigned>(byte)) + " ";
  }
  return text + "= 0";
}

bool IsOf(const std::string& said, CtrlClass command_class) {
  return said.starts_with(std::to_string(static_cast<unsigned>(command_class)) +
                          " ");
}

}  // namespace

// After each call of the device.
void Simulation::NoteState() {
  const LifeState now = life();
  if (now != last_life_) reset_untold_ = now == LifeState::kNeedsReset;
  last_life_ = now;
}

// A device that nothing disturbs does not fail.
void Simulation::CheckFate(LifeState before, OpKind kind) {
  const bool ran =
      before == LifeState::kRunning || before == LifeState::kNegotiated;
  if (!ran || life() != LifeState::kNeedsReset || !Undisturbed()) return;
  switch (kind) {
    case OpKind::kStart:  // Of rings that were kept, and cannot go on.
      if (rings_kept_) return;
      break;
    case OpKind::kShrinkMemory:
      // A vDPA mapping goes as a whole or not, and a table of more than eight
      // regions cannot be told anew while rings lie in one of them.
      if (scenario_.backend == "vdpa" || RegionCount() > kMostInTable) return;
      break;
    case OpKind::kRemoveRingMemory:
    case OpKind::kMangledCommand:
    case OpKind::kReattach:  // To somebody who is not there, or has less.
    case OpKind::kReattachKeeping:
      return;
    default:
      break;
  }
  Find(CheckerId::kUndisturbed,
       "the device needs a reset, and nothing has happened to it");
}

void Simulation::CheckEvents(const DeviceEvents& events) {
  if ((events.needs_reset || events.memory_trouble) && !events.reason) {
    Find(CheckerId::kError, "Poll tells of trouble without a reason");
  }
  if (events.reason) why_not_ = events.reason->text();
  const LinkState link = device_->link();
  const LinkState told = std::exchange(link_told_, link);
  if ((link == LinkState::kUp) != (told == LinkState::kUp) &&
      !events.link_changed) {
    Find(CheckerId::kEvents, "the link is another one, and Poll does not tell");
  }
  if (link == LinkState::kPeerWaiting && told != link && !events.peer_waiting) {
    Find(CheckerId::kEvents, "a peer waits, and Poll does not tell");
  }
  if (std::exchange(pairs_untold_, false) && !events.pairs_refused) {
    Find(CheckerId::kEvents, "pairs were refused, and Poll does not tell why");
  }
  if (stack_->TakeConfigChange() && !events.config_changed && Undisturbed()) {
    Find(CheckerId::kEvents,
         "the configuration has changed, and Poll does not tell");
  }
  const bool untold = std::exchange(reset_untold_, false);
  if (untold && life() == LifeState::kNeedsReset && !events.needs_reset) {
    Find(CheckerId::kEvents,
         "the device needs a reset, and Poll does not tell");
  }
}

void Simulation::CheckRequests() {
  const auto wrong = stack_->CheckRequests();
  if (wrong && Undisturbed()) Find(CheckerId::kRequests, *wrong);
}

// Of a RefreshConfig; `mac` and `mtu` are what the device said before.
void Simulation::CheckConfig(const Result<void>& done,
                             std::optional<MacAddress> mac,
                             std::optional<uint16_t> mtu) {
  const auto now = device_->mtu();
  if (!done && (device_->mac() != mac || now != mtu)) {
    Find(CheckerId::kEvents, "a RefreshConfig that failed changed something");
  }
  const auto theirs = stack_->View().mtu;
  if (!done || !theirs || !now || scenario_.mtu != 0 || !Undisturbed()) return;
  if (*now != *theirs) {
    Find(CheckerId::kEvents, "mtu() is " + std::to_string(*now) +
                                 " after RefreshConfig, and the back-end's " +
                                 std::to_string(*theirs));
  }
}

// The driver has reset the device: nothing holds that it commanded before.
void Simulation::ForgetCommands() {
  commanded_ = {};
  said_.clear();
  said_is_sure_ = true;
}

void Simulation::NoteCommand(const CommandOutcome& outcome) {
  if (outcome.request.empty()) {
    // Whatever a mangled command was taken for.
    commanded_ = device_->control_state();
    said_is_sure_ = false;
    return;
  }
  const bool ok = outcome.ack == virtio_user::kCtrlAckOk;
  if (ok && lies_in_call_ != 0 && life() != LifeState::kNeedsReset) {
    Find(CheckerId::kLies,
         "a command was acked on an answer that cannot be one");
  }
  const bool pairs =
      static_cast<CtrlClass>(outcome.request[0]) == CtrlClass::kMq &&
      outcome.request.size() == 4 && outcome.request[2] != std::byte{0};
  pairs_untold_ |= pairs && outcome.ack == virtio_user::kCtrlAckErr &&
                   device_->accepted().Has(virtio_user::Feature::kNetMq);
  if (ok) {
    Apply(outcome.request, commanded_);
    const bool vlan =
        static_cast<CtrlClass>(outcome.request[0]) == CtrlClass::kVlan;
    // One of each command, and of VLANs one for each.
    std::vector<std::byte> key(outcome.request.begin(),
                               outcome.request.begin() + 2);
    if (vlan) {
      key = outcome.request;
      key[1] = {};
    }
    said_[key] = TextOf(outcome.request);
    const auto command = std::to_integer<uint8_t>(outcome.request[1]);
    if (vlan && command == virtio_user::kCtrlVlanDel) said_.erase(key);
  }
  if (rings_corrupted_) {
    commanded_ = device_->control_state();
    return;
  }
  if (outcome.notified && device_->control_state() != commanded_) {
    Find(CheckerId::kControl,
         "control_state() is not what the acked commands say");
    commanded_ = device_->control_state();
  }
  CheckOffloadsTold();
  const bool readable = device_->accepted().Has(virtio_user::Feature::kNetMac);
  if (readable && commanded_.mac && device_->mac() != commanded_.mac) {
    Find(CheckerId::kControl, "mac() is not the address that was set");
  }
}

// vhost-user: VHOST_USER_NET_SET_MTU.
void Simulation::CheckMtuTold() {
  const bool must = scenario_.mtu != 0 && device_->backend_caps().mtu &&
                    device_->forwarded().Has(virtio_user::Feature::kNetMtu);
  if (!must || !Undisturbed()) return;
  const auto told = stack_->View().told_mtu;
  if (told != scenario_.mtu) {
    Find(CheckerId::kControl,
         "the back-end was told MTU " + std::to_string(told.value_or(0)) +
             ", and the user's is " + std::to_string(scenario_.mtu));
  }
}

// virtio: "Setting Offloads State": those that were accepted, until a command
// says otherwise.
void Simulation::CheckOffloadsTold() {
  const auto told = stack_->View().leaves_checksums;
  if (!told || life() != LifeState::kRunning || !Undisturbed()) return;
  const bool must = commanded_.guest_offloads.value_or(device_->accepted())
                        .Has(virtio_user::Feature::kNetGuestCsum);
  if (*told == must) return;
  Find(CheckerId::kControl, std::string("the interface was told to ") +
                                (*told ? "leave" : "make") +
                                " checksums, and the driver has them " +
                                (must ? "enabled" : "disabled"));
}

// By a Start, to a device with a control queue of its own, which has forgotten
// it. Pairs and announcements have rules of their own, and so has the user's
// address.
void Simulation::CheckSaidAgain() {
  const std::vector<std::string> said = stack_->TakeCommands();
  if (!own_control() || !said_is_sure_ || !Undisturbed()) return;
  std::vector<std::string> left;
  for (const auto& [key, text] : said_) left.push_back(text);
  for (const std::string& text : said) {
    const auto found = std::ranges::find(left, text);
    if (found != left.end()) {
      left.erase(found);
    } else if (!IsOf(text, CtrlClass::kMq) && !text.starts_with("1 1 ")) {
      Find(CheckerId::kControl, "Start told the device command " + text +
                                    ", which no driver has given");
    }
  }
  for (const std::string& text : left) {
    if (IsOf(text, CtrlClass::kMq) || IsOf(text, CtrlClass::kAnnounce))
      continue;
    Find(CheckerId::kControl,
         "Start did not tell the device command " + text + " again");
  }
}

}  // namespace backend_sim
