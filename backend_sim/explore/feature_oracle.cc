// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/explore/feature_oracle.h"

namespace backend_sim::feature_oracle {
namespace {

const Requirement kTable[] = {
    {7, {{1}}},              // GUEST_TSO4: GUEST_CSUM
    {8, {{1}}},              // GUEST_TSO6
    {10, {{1}}},             // GUEST_UFO
    {54, {{1}}},             // GUEST_USO4
    {55, {{1}}},             // GUEST_USO6
    {9, {{7, 8}}},           // GUEST_ECN: GUEST_TSO4 or GUEST_TSO6
    {11, {{0}}},             // HOST_TSO4: CSUM
    {12, {{0}}},             // HOST_TSO6
    {14, {{0}}},             // HOST_UFO
    {56, {{0}}},             // HOST_USO
    {13, {{11, 12}}},        // HOST_ECN: HOST_TSO4 or HOST_TSO6
    {61, {{11, 12}}},        // RSC_EXT: HOST_TSO4 or HOST_TSO6
    {18, {{17}}},            // CTRL_RX: CTRL_VQ
    {19, {{17}}},            // CTRL_VLAN
    {21, {{17}}},            // GUEST_ANNOUNCE
    {22, {{17}}},            // MQ
    {23, {{17}}},            // CTRL_MAC_ADDR
    {60, {{17}}},            // RSS
    {53, {{17}}},            // NOTF_COAL
    {52, {{17}}},            // VQ_NOTF_COAL
    {51, {{17}, {60, 57}}},  // HASH_TUNNEL: CTRL_VQ and (RSS or HASH_REPORT)
    {64, {{17}, {60}}},      // RSS_CONTEXT: CTRL_VQ and RSS
    {65, {{7}, {8}, {54}, {55}}},  // GUEST_UDP_TUNNEL_GSO
    {67, {{11}, {12}, {56}}},      // HOST_UDP_TUNNEL_GSO
    {66, {{65}}},                  // GUEST_UDP_TUNNEL_GSO_CSUM
    {68, {{67}}},                  // HOST_UDP_TUNNEL_GSO_CSUM
    // Not on the formal list; their commands live on the control queue.
    {2, {{17}}},   // CTRL_GUEST_OFFLOADS
    {20, {{17}}},  // CTRL_RX_EXTRA
    {57, {{17}}},  // HASH_REPORT
    {50, {{17}}},  // DEVICE_STATS
};

const Condition kConditions[] = {
    {2, {&Options::guest_offloads, &Options::cq}},
    {3, {&Options::mtu}},
    {5, {&Options::mac}},
    {15, {&Options::mrg_rxbuf}},
    {16, {&Options::link_state}},
    {17, {&Options::cq}},
    {21, {&Options::link_state, &Options::cq}},
    {22, {&Options::multiqueue}},
    {34, {&Options::packed}},
    {35, {&Options::in_order}},
};

// The seed's 17 bits, MTU, CTRL_GUEST_OFFLOADS, CTRL_RX_EXTRA, GUEST_ANNOUNCE,
// RING_PACKED and ORDER_PLATFORM.
constexpr unsigned kImplemented[] = {0,  1,  2,  3,  5,  7,  8,  11,
                                     12, 15, 16, 17, 18, 19, 20, 21,
                                     22, 23, 28, 32, 34, 35, 36};

// Of devices that hear commands: CTRL_GUEST_OFFLOADS, HASH_REPORT, RSS.
constexpr unsigned kLeftToDevices[] = {2, 57, 60};

// Never told to a back-end: MAC, STATUS, CTRL_VQ and the commands on it that
// this front-end carries out itself.
constexpr unsigned kOurOwn[] = {5, 16, 17, 18, 19, 20, 23, 2, 21};
constexpr unsigned kOfConfiguration[] = {5, 16};

constexpr unsigned kAdded[] = {2, 3, 5, 16, 17, 21};

constexpr unsigned kCtrlVq = 17;

FeatureSet SetOf(std::span<const unsigned> bits) {
  FeatureSet set;
  for (const unsigned bit : bits) set = set | FeatureSet::FromBit(bit);
  return set;
}

FeatureSet Without(FeatureSet set, unsigned bit) {
  return set & ~FeatureSet::FromBit(bit);
}

bool HasOneOf(FeatureSet set, std::initializer_list<unsigned> bits) {
  for (const unsigned bit : bits) {
    if (set.HasBit(bit)) return true;
  }
  return false;
}

// The first line of the table that `set` offends; null: none.
const Requirement* FirstLacking(FeatureSet set) {
  for (const Requirement& requirement : kTable) {
    if (!set.HasBit(requirement.bit)) continue;
    for (const auto& group : requirement.groups) {
      if (!HasOneOf(set, group)) return &requirement;
    }
  }
  return nullptr;
}

bool Holds(const Condition& condition, const Options& options) {
  for (const auto option : condition.needs) {
    if (!(options.*option)) return false;
  }
  return true;
}

}  // namespace

Options AllOptionsOf(unsigned index) {
  Options options;
  for (size_t i = 0; i < kOptionNames.size(); ++i) {
    options.*kOptionNames[i].option = (index >> i & 1) != 0;
  }
  return options;
}

Options OptionsOf(unsigned index) {
  return {.mac = (index & 1) != 0,
          .cq = (index & 2) != 0,
          // Neither has to do with the other.
          .mtu = (index & 128) != 0,
          .mrg_rxbuf = (index & 4) != 0,
          .in_order = (index & 8) != 0,
          .packed = (index & 64) != 0,
          .link_state = (index & 16) != 0,
          .multiqueue = (index & 32) != 0,
          .guest_offloads = (index & 128) != 0};
}

std::span<const Requirement> Requirements() { return kTable; }
std::span<const Condition> Conditions() { return kConditions; }

FeatureSet Implemented() { return SetOf(kImplemented) | SetOf(kLeftToDevices); }
FeatureSet LeftToDevices() { return SetOf(kLeftToDevices); }
FeatureSet AddedByUs() { return SetOf(kAdded); }
FeatureSet OurOwn() { return SetOf(kOurOwn); }
FeatureSet OfConfiguration() { return SetOf(kOfConfiguration); }

bool Closed(FeatureSet set) { return FirstLacking(set) == nullptr; }

FeatureSet Closure(FeatureSet set) {
  while (const Requirement* const lacking = FirstLacking(set)) {
    set = Without(set, lacking->bit);
  }
  return set;
}

Masks MasksOf(const Options& options) {
  Masks masks = {
      .ours = {}, .supported = SetOf(kImplemented), .untold = SetOf(kOurOwn)};
  for (const Condition& condition : kConditions) {
    if (Holds(condition, options)) continue;
    masks.supported = Without(masks.supported, condition.bit);
  }
  masks.ours = SetOf(kAdded) & masks.supported;
  if (options.config_events) {
    masks.untold = masks.untold & ~SetOf(kOfConfiguration);
  }
  return masks;
}

Masks MasksOf(const Options& options, FeatureSet device) {
  Masks masks = MasksOf(options);
  if (!options.own_control_queue || !options.cq || !device.HasBit(kCtrlVq)) {
    return masks;
  }
  const FeatureSet left = SetOf(kLeftToDevices);
  masks.supported = masks.supported | left;
  masks.ours = masks.ours & ~left;
  masks.untold = {};
  return masks;
}

FeatureSet Forwarded(FeatureSet device, FeatureSet accepted) {
  return device & accepted & ~MasksOf(Options()).untold;
}

std::optional<unsigned> FirstOffence(FeatureSet offered, FeatureSet accepted) {
  const FeatureSet unasked = accepted & ~offered;
  // What no message can carry comes first, then what was not offered, then
  // what lacks something.
  for (unsigned bit = 64; bit < 128; ++bit) {
    if (unasked.HasBit(bit)) return bit;
  }
  for (unsigned bit = 0; bit < 64; ++bit) {
    if (unasked.HasBit(bit)) return bit;
  }
  const FeatureSet lacking = accepted & ~Closure(accepted);
  for (unsigned bit = 0; bit < 128; ++bit) {
    if (lacking.HasBit(bit)) return bit;
  }
  return std::nullopt;
}

}  // namespace backend_sim::feature_oracle
