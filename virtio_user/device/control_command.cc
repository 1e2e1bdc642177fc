// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/device/control_command.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <iterator>
#include <utility>

#include "virtio_user/device/control_table.h"
#include "virtio_user/device/guest_offloads.h"

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

template <bool ControlState::* kSwitch>
bool SetSwitch(Data data, const ControlTarget& target) {
  const auto value = Read<uint8_t>(data, 0);
  if (value > 1) return false;
  target.state.*kSwitch = value == 1;
  return true;
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

template <bool kMember>
bool SetVlan(Data data, const ControlTarget& target) {
  const auto vlan = Read<uint16_t>(data, 0);
  if (vlan > kMaxVlanId) return false;
  target.state.vlans.set(vlan, kMember);
  return true;
}

// With nothing to acknowledge too: what is asked for, a bit that is off, is so
// (virtio: "Gratuitous Packet Sending"), and a driver that was told twice may
// well ack twice.
bool AcknowledgeAnnounce(Data /*data*/, const ControlTarget& target) {
  target.clear_announce();
  return true;
}

bool SetPairs(Data data, const ControlTarget& target) {
  const auto pairs = Read<uint16_t>(data, 0);
  return pairs >= kMinQueuePairs && target.set_queue_pairs(pairs).has_value();
}

bool SetGuestOffloads(Data data, const ControlTarget& target) {
  const auto offloads =
      DecodeGuestOffloads(Read<uint64_t>(data, 0), target.accepted);
  if (!offloads || !target.set_guest_offloads(*offloads)) return false;
  target.state.guest_offloads = offloads;
  return true;
}

// A length, then so many bytes of a key, which end the data.
bool IsKey(Data data, size_t offset, const ControlTarget& target) {
  const auto bytes = Read<uint8_t>(data, offset);
  return bytes <= target.steering.key_bytes &&
         data.size() - offset - 1 == bytes;
}

// virtio: "Receive-side scaling", struct virtio_net_rss_config.
bool IsRssConfig(Data data, const ControlTarget& target) {
  constexpr size_t kTableOffset = 8;
  if ((Read<uint32_t>(data, 0) & ~target.steering.hash_types) != 0) {
    return false;
  }
  const size_t entries = size_t{Read<uint16_t>(data, 4)} + 1;
  if (!std::has_single_bit(entries)) return false;
  if (entries > target.steering.table_entries) return false;
  const size_t key_offset = kTableOffset + 2 * entries + sizeof(uint16_t);
  if (key_offset >= data.size()) return false;
  const auto max_tx = Read<uint16_t>(data, key_offset - sizeof(uint16_t));
  return max_tx != 0 && IsKey(data, key_offset, target);
}

// virtio: "Hash reporting for incoming packets", struct virtio_net_hash_config.
bool IsHashConfig(Data data, const ControlTarget& target) {
  constexpr size_t kKeyOffset = 12;
  return (Read<uint32_t>(data, 0) & ~target.steering.hash_types) == 0 &&
         IsKey(data, kKeyOffset, target);
}

// How the commands that are not for a control queue of the device's own are
// carried out. Whether they may be, and the length of their data, is known.
struct Action {
  CtrlClass ctrl_class;
  uint8_t command;
  bool (*execute)(Data, const ControlTarget&);
};

constexpr Action kActions[] = {
    {CtrlClass::kRx, kCtrlRxPromisc, SetSwitch<&ControlState::promiscuous>},
    {CtrlClass::kRx, kCtrlRxAllMulti, SetSwitch<&ControlState::all_multicast>},
    {CtrlClass::kRx, kCtrlRxAllUni, SetSwitch<&ControlState::all_unicast>},
    {CtrlClass::kRx, kCtrlRxNoMulti, SetSwitch<&ControlState::no_multicast>},
    {CtrlClass::kRx, kCtrlRxNoUni, SetSwitch<&ControlState::no_unicast>},
    {CtrlClass::kRx, kCtrlRxNoBcast, SetSwitch<&ControlState::no_broadcast>},
    {CtrlClass::kMac, kCtrlMacTableSet, SetMacTable},
    {CtrlClass::kMac, kCtrlMacAddrSet, SetMac},
    {CtrlClass::kVlan, kCtrlVlanAdd, SetVlan<true>},
    {CtrlClass::kVlan, kCtrlVlanDel, SetVlan<false>},
    {CtrlClass::kAnnounce, kCtrlAnnounceAck, AcknowledgeAnnounce},
    {CtrlClass::kMq, kCtrlMqVqPairsSet, SetPairs},
    {CtrlClass::kGuestOffloads, kCtrlGuestOffloadsSet, SetGuestOffloads},
};

constexpr const Action* FindAction(const ControlRow& row) {
  for (const Action& action : kActions) {
    if (action.ctrl_class == row.ctrl_class && action.command == row.command) {
      return &action;
    }
  }
  return nullptr;
}

constexpr bool IsCarriedOutHere(const ControlRow& row) {
  return row.carrier != ControlCarrier::kOwnControlQueue;
}

static_assert(std::ranges::all_of(kControlTable, [](const ControlRow& row) {
  return IsCarriedOutHere(row) == (FindAction(row) != nullptr);
}));
static_assert(std::ranges::count_if(kControlTable, IsCarriedOutHere) ==
              std::ssize(kActions));

// What of a command for the device alone can be seen to be wrong here.
bool IsValid(const ControlRow& row, Data data, const ControlTarget& target) {
  if (row.gate == Feature::kNetRss) return IsRssConfig(data, target);
  if (row.gate == Feature::kNetHashReport) return IsHashConfig(data, target);
  return true;
}

// The device decides, and then it is so here too.
bool ExecuteOnDevice(const ControlRow& row, std::span<const std::byte> request,
                     const ControlTarget& target) {
  const Data data = request.subspan(sizeof(uint8_t) * 2);
  ControlState next = target.state;
  constexpr auto kLater = [] {};
  const ControlTarget trial = {.accepted = target.accepted,
                               .state = next,
                               .set_queue_pairs = target.set_queue_pairs,
                               .set_guest_offloads = target.set_guest_offloads,
                               .clear_announce = kLater,
                               .steering = target.steering};
  const Action* const action = FindAction(row);
  const bool valid = action != nullptr ? action->execute(data, trial)
                                       : IsValid(row, data, trial);
  if (!valid || !(*target.device)(request)) return false;
  target.state = std::move(next);
  if (row.gate == Feature::kNetGuestAnnounce) target.clear_announce();
  return true;
}

}  // namespace

uint8_t ExecuteControl(std::span<const std::byte> request,
                       const ControlTarget& target) {
  constexpr size_t kHeaderBytes = 2;
  if (request.size() < kHeaderBytes) return kCtrlAckErr;
  const ControlRow* const row =
      FindControlRow(std::to_integer<uint8_t>(request[0]),
                     std::to_integer<uint8_t>(request[1]));
  const Data data = request.subspan(kHeaderBytes);
  if (row == nullptr) return kCtrlAckErr;
  if (!target.accepted.Has(row->gate)) return kCtrlAckErr;
  if (!row->data.Allows(data.size())) return kCtrlAckErr;
  // What a back-end carries out has its own way to the device.
  if (target.device && row->carrier != ControlCarrier::kBackEnd) {
    return ExecuteOnDevice(*row, request, target) ? kCtrlAckOk : kCtrlAckErr;
  }
  if (!IsCarriedOutHere(*row)) return kCtrlAckErr;
  return FindAction(*row)->execute(data, target) ? kCtrlAckOk : kCtrlAckErr;
}

}  // namespace virtio_user
