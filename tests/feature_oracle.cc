// SPDX-License-Identifier: BSD-3-Clause

#include "tests/feature_oracle.h"

#include <initializer_list>
#include <span>

namespace feature_oracle {
namespace {

// "bit requires": each group holds alternatives, and one of each group must be
// there.
struct Requirement {
  unsigned bit;
  std::initializer_list<std::initializer_list<unsigned>> groups;
};

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

// The seed's 17 bits, MTU, CTRL_GUEST_OFFLOADS, CTRL_RX_EXTRA, GUEST_ANNOUNCE,
// RING_PACKED and ORDER_PLATFORM.
constexpr unsigned kImplemented[] = {0,  1,  2,  3,  5,  7,  8,  11,
                                     12, 15, 16, 17, 18, 19, 20, 21,
                                     22, 23, 28, 32, 34, 35, 36};

// Never told to a back-end: MAC, STATUS, CTRL_VQ and the commands on it that
// this front-end carries out itself.
constexpr unsigned kOurOwn[] = {5, 16, 17, 18, 19, 20, 23, 2, 21};

FeatureSet SetOf(std::span<const unsigned> bits) {
  FeatureSet set;
  for (const unsigned bit : bits) set = set | FeatureSet::FromBit(bit);
  return set;
}

FeatureSet Without(FeatureSet set, unsigned bit) {
  return set & ~FeatureSet::FromBit(bit);
}

}  // namespace

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

bool Satisfied(unsigned bit, FeatureSet set) {
  for (const Requirement& requirement : kTable) {
    if (requirement.bit != bit) continue;
    for (const auto& group : requirement.groups) {
      bool any = false;
      for (const unsigned other : group) any = any || set.HasBit(other);
      if (!any) return false;
    }
  }
  return true;
}

bool Closed(FeatureSet set) {
  for (unsigned bit = 0; bit < virtio_user::kFeatureBits; ++bit) {
    if (set.HasBit(bit) && !Satisfied(bit, set)) return false;
  }
  return true;
}

FeatureSet Closure(FeatureSet set) {
  while (!Closed(set)) {
    unsigned bit = 0;
    while (!set.HasBit(bit) || Satisfied(bit, set)) ++bit;
    set = Without(set, bit);
  }
  return set;
}

Masks MasksOf(const Options& options) {
  Masks masks = {.ours = {}, .supported = SetOf(kImplemented)};
  const auto only_if = [&masks](bool wanted, unsigned bit) {
    if (!wanted) masks.supported = Without(masks.supported, bit);
  };
  only_if(options.guest_offloads && options.cq, 2);
  only_if(options.mtu, 3);
  only_if(options.mac, 5);
  only_if(options.mrg_rxbuf, 15);
  only_if(options.link_state, 16);
  only_if(options.cq, 17);
  only_if(options.link_state && options.cq, 21);
  only_if(options.multiqueue, 22);
  only_if(options.packed, 34);
  only_if(options.in_order, 35);
  constexpr unsigned kAdded[] = {2, 3, 5, 16, 17, 21};
  masks.ours = SetOf(kAdded) & masks.supported;
  return masks;
}

FeatureSet Forwarded(FeatureSet device, FeatureSet accepted) {
  static const FeatureSet own = SetOf(kOurOwn);
  return device & accepted & ~own;
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

}  // namespace feature_oracle
