// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/device_oracle.h"

#include <algorithm>
#include <cstdint>

#include "backend_sim/explore/feature_oracle.h"
#include "virtio_user/base/mac_address.h"

namespace fuzz {

using testing_support::RecordingBackend;
using virtio_user::DeviceOptions;
using virtio_user::FeatureSet;

namespace {

constexpr unsigned kMtu = 3;
constexpr unsigned kMac = 5;
constexpr unsigned kMq = 22;
constexpr unsigned kPacked = 34;
constexpr unsigned kRss = 60;
constexpr int64_t kMostPairs = 32768;

bool IsStation(uint8_t first, bool any) { return any && (first & 1) == 0; }

bool IsPowerOfTwo(int64_t size) { return (size & (size - 1)) == 0; }

// Each option by itself, and cq for several pairs.
bool InRange(const DeviceOptions& options, int64_t most_pairs) {
  const auto& mac = options.mac;
  return options.queue_pairs >= 1 && options.queue_pairs <= most_pairs &&
         options.queue_size >= 1 && options.queue_size <= 32768 &&
         (options.packed || IsPowerOfTwo(options.queue_size)) &&
         (options.control_queue || options.queue_pairs == 1) &&
         (!mac ||
          IsStation(mac->bytes[0], *mac != virtio_user::MacAddress{})) &&
         (!options.mtu || (*options.mtu >= 68 && *options.mtu <= 65535));
}

// The configuration space, as far as it is read.
struct Config {
  bool sound = true;
  bool mac = false;
  bool mtu = false;
  int64_t pairs = kMostPairs;
};

Config ConfigOf(const RecordingBackend& backend) {
  Config config;
  if (!backend.capabilities.config) return config;
  const FeatureSet features = backend.features;
  const auto byte = std::to_integer<uint8_t>(backend.config.front());
  // Each field of two bytes.
  const int64_t word = byte << 8 | byte;
  config.mac = features.HasBit(kMac) && IsStation(byte, byte != 0);
  config.mtu = features.HasBit(kMtu);
  if (config.mtu) config.sound = word >= 68;
  if (features.HasBit(kMq)) {
    config.sound = config.sound && word >= 1 && word <= kMostPairs;
    config.pairs = word;
  }
  // A table of some entries, where the device hears of it.
  if (backend.capabilities.own_control_queue && features.HasBit(kRss)) {
    config.sound = config.sound && word != 0;
  }
  return config;
}

}  // namespace

DeviceOracle::DeviceOracle(const DeviceOptions& options,
                           const RecordingBackend& backend) {
  namespace oracle = backend_sim::feature_oracle;
  const auto& caps = backend.capabilities;
  const Config config = ConfigOf(backend);
  const oracle::Options chosen = {.mac = options.mac || config.mac,
                                  .cq = options.control_queue,
                                  .mtu = options.mtu || config.mtu,
                                  .mrg_rxbuf = options.mrg_rxbuf,
                                  .in_order = options.in_order,
                                  .packed = options.packed,
                                  .link_state = caps.link_state,
                                  .multiqueue = caps.multiqueue,
                                  .guest_offloads = caps.guest_offloads,
                                  .own_control_queue = caps.own_control_queue,
                                  .config_events = caps.config_events};
  const FeatureSet device = backend.features;
  const oracle::Masks masks = oracle::MasksOf(chosen, device);
  offered_ = oracle::Closure(masks.Candidates(device));
  told_ = device & ~masks.untold;
  const int64_t served = std::min<int64_t>(caps.max_queue_pairs, config.pairs);
  possible_ =
      InRange(options, std::min<int64_t>(caps.queue_pair_limit, kMostPairs)) &&
      config.sound &&
      (options.queue_pairs == 1 ||
       (offered_.HasBit(kMq) && options.queue_pairs <= served)) &&
      (IsPowerOfTwo(options.queue_size) || offered_.HasBit(kPacked));
}

}  // namespace fuzz
