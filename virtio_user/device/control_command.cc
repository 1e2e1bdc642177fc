// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/device/control_command.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace virtio_user {
namespace {

using Data = std::span<const std::byte>;

template <typename T>
T Read(Data data, size_t offset) {
  T value;
  std::memcpy(&value, data.data() + offset, sizeof(value));
  return value;
}

MacAddress ReadMac(Data data, size_t offset) {
  return {Read<decltype(MacAddress::bytes)>(data, offset)};
}

bool SetSwitch(bool& what, Data data) {
  const auto value = Read<uint8_t>(data, 0);
  if (value > 1) return false;
  what = value == 1;
  return true;
}

bool SetPromiscuous(Data data, const ControlTarget& target) {
  return SetSwitch(target.state.promiscuous, data);
}

bool SetAllMulticast(Data data, const ControlTarget& target) {
  return SetSwitch(target.state.all_multicast, data);
}

// One of the two address tables: a count, then so many addresses. Moves
// `offset` past it, or returns nothing if the data ends before.
std::optional<std::vector<MacAddress>> ReadMacTable(Data data, size_t& offset) {
  constexpr size_t kMacBytes = sizeof(MacAddress);
  if (data.size() - offset < sizeof(uint32_t)) return std::nullopt;
  const size_t count = Read<uint32_t>(data, offset);
  offset += sizeof(uint32_t);
  if (count > (data.size() - offset) / kMacBytes) return std::nullopt;
  std::vector<MacAddress> table(count);
  for (MacAddress& mac : table) {
    mac = ReadMac(data, offset);
    offset += kMacBytes;
  }
  return table;
}

bool SetMacTable(Data data, const ControlTarget& target) {
  size_t offset = 0;
  auto unicast = ReadMacTable(data, offset);
  if (!unicast) return false;
  auto multicast = ReadMacTable(data, offset);
  if (!multicast || offset != data.size()) return false;
  target.state.unicast_table = std::move(*unicast);
  target.state.multicast_table = std::move(*multicast);
  return true;
}

bool SetMac(Data data, const ControlTarget& target) {
  const MacAddress mac = ReadMac(data, 0);
  if (IsZero(mac) || IsMulticast(mac)) return false;
  target.state.mac = mac;
  return true;
}

bool SetVlan(Data data, const ControlTarget& target, bool member) {
  const auto vlan = Read<uint16_t>(data, 0);
  if (vlan > kMaxVlanId) return false;
  target.state.vlans.set(vlan, member);
  return true;
}

bool AddVlan(Data data, const ControlTarget& target) {
  return SetVlan(data, target, true);
}

bool DeleteVlan(Data data, const ControlTarget& target) {
  return SetVlan(data, target, false);
}

bool SetPairs(Data data, const ControlTarget& target) {
  const auto pairs = Read<uint16_t>(data, 0);
  return pairs >= kMinQueuePairs && target.set_queue_pairs(pairs).has_value();
}

struct Command {
  CtrlClass ctrl_class;
  uint8_t command;
  Feature gate;
  std::optional<size_t> data_bytes;  // Nothing: the command itself checks.
  bool (*execute)(Data, const ControlTarget&);
};

constexpr Command kCommands[] = {
    {CtrlClass::kRx, kCtrlRxPromisc, Feature::kNetCtrlRx, 1, SetPromiscuous},
    {CtrlClass::kRx, kCtrlRxAllMulti, Feature::kNetCtrlRx, 1, SetAllMulticast},
    {CtrlClass::kMac, kCtrlMacTableSet, Feature::kNetCtrlRx, {}, SetMacTable},
    {CtrlClass::kMac, kCtrlMacAddrSet, Feature::kNetCtrlMacAddr, 6, SetMac},
    {CtrlClass::kVlan, kCtrlVlanAdd, Feature::kNetCtrlVlan, 2, AddVlan},
    {CtrlClass::kVlan, kCtrlVlanDel, Feature::kNetCtrlVlan, 2, DeleteVlan},
    {CtrlClass::kMq, kCtrlMqVqPairsSet, Feature::kNetMq, 2, SetPairs},
};

}  // namespace

uint8_t ExecuteControl(std::span<const std::byte> request,
                       const ControlTarget& target) {
  constexpr size_t kHeaderBytes = 2;
  if (request.size() < kHeaderBytes) return kCtrlAckErr;
  const auto ctrl_class = std::to_integer<uint8_t>(request[0]);
  const auto number = std::to_integer<uint8_t>(request[1]);
  const Data data = request.subspan(kHeaderBytes);
  const auto* const command =
      std::ranges::find_if(kCommands, [&](const Command& entry) {
        return std::to_underlying(entry.ctrl_class) == ctrl_class &&
               entry.command == number;
      });
  if (command == std::end(kCommands)) return kCtrlAckErr;
  if (!target.accepted.Has(command->gate)) return kCtrlAckErr;
  if (command->data_bytes && *command->data_bytes != data.size()) {
    return kCtrlAckErr;
  }
  return command->execute(data, target) ? kCtrlAckOk : kCtrlAckErr;
}

}  // namespace virtio_user
