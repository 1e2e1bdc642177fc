// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/control_effects.h"

#include <algorithm>
#include <functional>
#include <string_view>
#include <vector>

#include "fuzz/reader.h"
#include "virtio_user/base/mac_address.h"

namespace fuzz {

using virtio_user::ControlState;
using virtio_user::Feature;
using virtio_user::FeatureSet;
using virtio_user::MacAddress;

namespace {

MacAddress TakeMac(Reader& reader) {
  MacAddress mac;
  for (uint8_t& byte : mac.bytes) byte = reader.Byte();
  return mac;
}

std::vector<MacAddress> TakeTable(Reader& reader) {
  std::vector<MacAddress> table(reader.Number(4));
  for (MacAddress& mac : table) mac = TakeMac(reader);
  return table;
}

// VIRTIO_NET_CTRL_RX_PROMISC, ALLMULTI, ALLUNI, NOMULTI, NOUNI, NOBCAST.
constexpr bool ControlState::* kSwitches[] = {
    &ControlState::promiscuous, &ControlState::all_multicast,
    &ControlState::all_unicast, &ControlState::no_multicast,
    &ControlState::no_unicast,  &ControlState::no_broadcast};

}  // namespace

void ControlCalls::SetPairs(uint16_t pairs) { Add(1, pairs); }

void ControlCalls::SetOffloads(FeatureSet offloads) {
  Add(2, offloads.low());
  Add(3, offloads.high());
}

void ControlCalls::ClearAnnounce() { Add(4, 0); }

void ControlCalls::TellDevice(std::span<const std::byte> request) {
  const std::string_view text(reinterpret_cast<const char*>(request.data()),
                              request.size());
  Add(5, std::hash<std::string_view>{}(text));
}

void ControlCalls::Add(uint64_t kind, uint64_t what) {
  constexpr uint64_t kOdd = 0x9e37'79b9'7f4a'7c15;
  ++count_;
  digest_ = ((digest_ + kind) * kOdd + what) * kOdd;
  digest_ ^= digest_ >> 32;
}

std::optional<FeatureSet> OffloadsIn(uint64_t mask) {
  // The feature's own bit, those beyond 63 apart.
  constexpr Feature kOwnBit[] = {Feature::kNetGuestCsum, Feature::kNetGuestTso4,
                                 Feature::kNetGuestTso6, Feature::kNetGuestEcn,
                                 Feature::kNetGuestUfo,  Feature::kNetGuestUso4,
                                 Feature::kNetGuestUso6};
  FeatureSet named;
  const auto take = [&](unsigned bit, Feature feature) {
    if ((mask >> bit & 1) != 0) named.Add(feature);
    mask &= ~(uint64_t{1} << bit);
  };
  for (const Feature feature : kOwnBit) {
    take(static_cast<unsigned>(feature), feature);
  }
  take(46, Feature::kNetGuestUdpTunnelGso);
  take(47, Feature::kNetGuestUdpTunnelGsoCsum);
  return mask == 0 ? std::optional(named) : std::nullopt;
}

void Apply(uint8_t ctrl_class, uint8_t command, std::span<const std::byte> data,
           ControlState& state) {
  Reader reader(data);
  if (ctrl_class == 0) {
    state.*kSwitches[command] = reader.Byte() == 1;
  } else if (ctrl_class == 1 && command == 0) {
    state.unicast_table = TakeTable(reader);
    state.multicast_table = TakeTable(reader);
  } else if (ctrl_class == 1) {
    state.mac = TakeMac(reader);
  } else if (ctrl_class == 2) {
    state.vlans[reader.Word()] = command == 0;
  } else if (ctrl_class == 5) {
    state.guest_offloads = OffloadsIn(reader.Number(8));
  }
}

}  // namespace fuzz
