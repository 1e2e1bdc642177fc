// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/control_oracle.h"

#include <algorithm>

#include "fuzz/reader.h"

namespace fuzz {
namespace {

using virtio_user::Feature;
using virtio_user::FeatureSet;
using Data = std::span<const std::byte>;

constexpr size_t kHeader = 2;  // Class and command.
constexpr uint8_t kOk = 0;     // VIRTIO_NET_OK
constexpr uint8_t kErr = 1;    // VIRTIO_NET_ERR

bool IsSwitch(Data data, const ControlScene& /*scene*/) {
  return Reader(data).Byte() <= 1;
}

bool IsStation(Data data, const ControlScene& /*scene*/) {
  return (std::to_integer<uint8_t>(data[0]) & 1) == 0 &&
         std::ranges::any_of(data,
                             [](std::byte b) { return b != std::byte{}; });
}

// Two tables: a count of 4 bytes, then as many addresses of 6.
bool AreTables(Data data, const ControlScene& /*scene*/) {
  for (int table = 0; table < 2; ++table) {
    if (data.size() < 4) return false;
    const uint64_t bytes = 4 + 6 * Reader(data).Number(4);
    if (bytes > data.size()) return false;
    data = data.subspan(bytes);
  }
  return data.empty();
}

bool IsVlan(Data data, const ControlScene& /*scene*/) {
  return Reader(data).Word() < 4096;
}

bool IsAPair(Data data, const ControlScene& /*scene*/) {
  return Reader(data).Word() != 0;
}

bool Any(Data /*data*/, const ControlScene& /*scene*/) { return true; }

bool AreOffloads(Data data, const ControlScene& scene) {
  const auto offloads = OffloadsIn(Reader(data).Number(8));
  return offloads && scene.accepted.HasAll(*offloads);
}

bool IsKey(Data data, const ControlScene& scene) {
  if (data.empty()) return false;
  const auto bytes = std::to_integer<size_t>(data[0]);
  return bytes == data.size() - 1 && bytes <= scene.steering.key_bytes;
}

// hash_types 4, mask 2, unclassified queue 2, the table of 2 each, max_tx_vq 2,
// the key's length 1, the key.
bool IsRssConfig(Data data, const ControlScene& scene) {
  Reader reader(data);
  const uint64_t types = reader.Number(4);
  const size_t entries = size_t{1} + reader.Word();
  const size_t front = 4 + 2 + 2 + 2 * entries;
  if ((types & ~uint64_t{scene.steering.hash_types}) != 0) return false;
  if ((entries & (entries - 1)) != 0) return false;
  if (entries > scene.steering.table_entries) return false;
  if (data.size() < front + 3) return false;
  return Reader(data.subspan(front)).Word() != 0 &&
         IsKey(data.subspan(front + 2), scene);
}

// hash_types 4, reserved 8, the key's length 1, the key.
bool IsHashConfig(Data data, const ControlScene& scene) {
  const uint64_t types = Reader(data).Number(4);
  return (types & ~uint64_t{scene.steering.hash_types}) == 0 &&
         IsKey(data.subspan(12), scene);
}

enum class Carrier : uint8_t { kHere, kBackEnd, kDeviceAlone };

struct Row {
  uint8_t ctrl_class;
  uint8_t command;
  Feature gate;
  size_t least;  // Bytes of data.
  size_t step;   // 0: no more.
  Carrier carrier;
  bool (*valid)(Data, const ControlScene&);
};

using enum Carrier;
constexpr Row kRows[] = {
    {0, 0, Feature::kNetCtrlRx, 1, 0, kHere, IsSwitch},
    {0, 1, Feature::kNetCtrlRx, 1, 0, kHere, IsSwitch},
    {0, 2, Feature::kNetCtrlRxExtra, 1, 0, kHere, IsSwitch},
    {0, 3, Feature::kNetCtrlRxExtra, 1, 0, kHere, IsSwitch},
    {0, 4, Feature::kNetCtrlRxExtra, 1, 0, kHere, IsSwitch},
    {0, 5, Feature::kNetCtrlRxExtra, 1, 0, kHere, IsSwitch},
    {1, 0, Feature::kNetCtrlRx, 8, 6, kHere, AreTables},
    {1, 1, Feature::kNetCtrlMacAddr, 6, 0, kHere, IsStation},
    {2, 0, Feature::kNetCtrlVlan, 2, 0, kHere, IsVlan},
    {2, 1, Feature::kNetCtrlVlan, 2, 0, kHere, IsVlan},
    {3, 0, Feature::kNetGuestAnnounce, 0, 0, kHere, Any},
    {4, 0, Feature::kNetMq, 2, 0, kBackEnd, IsAPair},
    {4, 1, Feature::kNetRss, 13, 1, kDeviceAlone, IsRssConfig},
    {4, 2, Feature::kNetHashReport, 13, 1, kDeviceAlone, IsHashConfig},
    {5, 0, Feature::kNetCtrlGuestOffloads, 8, 0, kBackEnd, AreOffloads},
    {6, 0, Feature::kNetNotfCoal, 8, 0, kDeviceAlone, Any},
    {6, 1, Feature::kNetNotfCoal, 8, 0, kDeviceAlone, Any},
    {6, 2, Feature::kNetVqNotfCoal, 12, 0, kDeviceAlone, Any},
    {6, 3, Feature::kNetVqNotfCoal, 4, 0, kDeviceAlone, Any},
    {7, 0, Feature::kNetHashTunnel, 4, 0, kDeviceAlone, Any},
    {8, 0, Feature::kNetDeviceStats, 0, 0, kDeviceAlone, Any},
    {8, 1, Feature::kNetDeviceStats, 16, 16, kDeviceAlone, Any},
    {9, 0, Feature::kNetRssContext, 0, 0, kDeviceAlone, Any},
    {9, 1, Feature::kNetRssContext, 21, 1, kDeviceAlone, Any},
    {9, 2, Feature::kNetRssContext, 21, 1, kDeviceAlone, Any},
    {9, 3, Feature::kNetRssContext, 2, 0, kDeviceAlone, Any},
};

bool Fits(const Row& row, size_t bytes) {
  if (bytes < row.least) return false;
  return row.step == 0 ? bytes == row.least
                       : (bytes - row.least) % row.step == 0;
}

const Row* RowOf(Data request) {
  if (request.size() < kHeader) return nullptr;
  for (const Row& row : kRows) {
    if (row.ctrl_class == std::to_integer<uint8_t>(request[0]) &&
        row.command == std::to_integer<uint8_t>(request[1])) {
      return &row;
    }
  }
  return nullptr;
}

bool AskBackEnd(const Row& row, Data data, const ControlScene& scene,
                ControlEffects& effects) {
  if (row.gate != Feature::kNetMq) {
    const auto offloads = OffloadsIn(Reader(data).Number(8));
    effects.calls.SetOffloads(offloads.value_or(FeatureSet()));
    return !scene.backend_refuses;
  }
  const uint16_t pairs = Reader(data).Word();
  effects.calls.SetPairs(pairs);
  if (scene.backend_refuses || pairs > scene.kPairs) return false;
  effects.pairs = pairs;
  return true;
}

constexpr Feature kGates[] = {Feature::kNetCtrlRx,
                              Feature::kNetCtrlRxExtra,
                              Feature::kNetCtrlMacAddr,
                              Feature::kNetCtrlVlan,
                              Feature::kNetMq,
                              Feature::kNetGuestAnnounce,
                              Feature::kNetCtrlGuestOffloads,
                              Feature::kNetRss,
                              Feature::kNetHashReport,
                              Feature::kNetNotfCoal,
                              Feature::kNetVqNotfCoal,
                              Feature::kNetHashTunnel,
                              Feature::kNetDeviceStats,
                              Feature::kNetRssContext};

}  // namespace

// Bits 0 to 3: all, all but the n-th gate, or none of them. Bit 4: the device
// has a control queue; 5: it refuses; 6: the back-end refuses; 7: the device
// hashes.
ControlScene::ControlScene(uint8_t what)
    : accepted{Feature::kNetCtrlVq, Feature::kNetGuestCsum,
               Feature::kNetGuestTso4, Feature::kNetGuestUso4,
               Feature::kNetGuestUdpTunnelGso},
      own_queue((what & 0x10) != 0),
      device_refuses((what & 0x20) != 0),
      backend_refuses((what & 0x40) != 0) {
  for (size_t i = 0; i < std::size(kGates); ++i) {
    if (what % 16 == 0 || (what % 16 != 15 && what % 16 != i + 1)) {
      accepted.Add(kGates[i]);
    }
  }
  if ((what & 0x80) != 0) {
    steering = {.hash_types = 0x1ff, .table_entries = 16, .key_bytes = 40};
  }
}

uint8_t AnswerTo(Data request, const ControlScene& scene,
                 ControlEffects& effects) {
  const Row* const row = RowOf(request);
  if (row == nullptr || !scene.accepted.Has(row->gate)) return kErr;
  const Data data = request.subspan(kHeader);
  if (!Fits(*row, data.size()) || !row->valid(data, scene)) return kErr;
  if (row->carrier == kBackEnd) {
    if (!AskBackEnd(*row, data, scene, effects)) return kErr;
  } else if (scene.own_queue) {
    effects.calls.TellDevice(request);
    if (scene.device_refuses) return kErr;
  } else if (row->carrier == kDeviceAlone) {
    return kErr;
  }
  if (row->gate == Feature::kNetGuestAnnounce) effects.calls.ClearAnnounce();
  Apply(row->ctrl_class, row->command, data, effects.state);
  return kOk;
}

}  // namespace fuzz
