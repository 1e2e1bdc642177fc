// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/explore/feature_bits.h"

#include <algorithm>
#include <array>

namespace backend_sim {

using virtio_user::FeatureSet;
using virtio_user::kFeatureBits;

FeatureBits BitsOf(FeatureSet set) {
  FeatureBits bits;
  for (unsigned bit = 0; bit < kFeatureBits; ++bit) {
    if (set.HasBit(bit)) bits.push_back(bit);
  }
  return bits;
}

FeatureSet SubsetOf(std::span<const unsigned> bits, uint64_t index) {
  FeatureSet set;
  for (const unsigned bit : bits) {
    if ((index & 1) != 0) set = set | FeatureSet::FromBit(bit);
    index >>= 1;
  }
  return set;
}

std::vector<FeatureBits> Components(FeatureSet among) {
  // Every bit is called by the lowest that it is known to belong with.
  std::array<unsigned, kFeatureBits> name{};
  for (unsigned bit = 0; bit < kFeatureBits; ++bit) name[bit] = bit;
  const auto join = [&](unsigned a, unsigned b) {
    const unsigned low = std::min(name[a], name[b]);
    const unsigned high = std::max(name[a], name[b]);
    std::ranges::replace(name, high, low);
  };
  for (const auto& requirement : feature_oracle::Requirements()) {
    if (!among.HasBit(requirement.bit)) continue;
    for (const auto& group : requirement.groups) {
      for (const unsigned other : group) {
        if (among.HasBit(other)) join(requirement.bit, other);
      }
    }
  }
  std::vector<FeatureBits> components;
  for (const unsigned first : BitsOf(among)) {
    if (name[first] != first) continue;
    FeatureBits component;
    for (const unsigned bit : BitsOf(among)) {
      if (name[bit] == first) component.push_back(bit);
    }
    components.push_back(std::move(component));
  }
  return components;
}

std::string TextOf(FeatureSet set) {
  if (set.empty()) return "none";
  if ((~set).empty()) return "all 128 bits";
  std::string text;
  for (const unsigned bit : BitsOf(set)) {
    const std::string_view name = virtio_user::FeatureName(bit);
    text += text.empty() ? "" : ", ";
    text += name == "bit" ? "bit " + std::to_string(bit) : std::string(name);
  }
  return text;
}

std::string TextOf(const feature_oracle::Options& options) {
  std::string text;
  for (const auto& name : feature_oracle::kOptionNames) {
    if (!(options.*name.option)) continue;
    text += text.empty() ? "" : ", ";
    text += name.name;
  }
  return text.empty() ? "none" : text;
}

}  // namespace backend_sim
