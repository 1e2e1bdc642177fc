// SPDX-License-Identifier: BSD-3-Clause

#include <string>
#include <vector>

#include "backend_sim/explore/feature_oracle.h"
#include "fuzz/reader.h"
#include "fuzz/seeds.h"

namespace fuzz {

// Each bit that somebody requires, with and without what it requires.
std::vector<Seed> FeatureMaskSeeds() {
  namespace oracle = backend_sim::feature_oracle;
  std::vector<Seed> seeds;
  const auto add = [&](const std::string& name, unsigned options,
                       virtio_user::FeatureSet device,
                       virtio_user::FeatureSet choice) {
    Bytes bytes;
    Append(bytes, options, 2);
    for (const auto& set : {device, choice, choice}) {
      Append(bytes, set.low(), 8);
      Append(bytes, set.high(), 8);
    }
    seeds.push_back({name, bytes});
  };
  const virtio_user::FeatureSet all = oracle::Implemented();
  for (unsigned i = 0; i < oracle::kOptionNames.size(); ++i) {
    add("option_" + std::string(oracle::kOptionNames[i].name), 1u << i, all,
        all);
  }
  add("every_option", oracle::kAllOptionSets - 1, all, all);
  for (const oracle::Requirement& requirement : oracle::Requirements()) {
    const auto bit = virtio_user::FeatureSet::FromWords(
        requirement.bit < 64 ? uint64_t{1} << requirement.bit : 0,
        requirement.bit < 64 ? 0 : uint64_t{1} << (requirement.bit - 64));
    const std::string name = std::to_string(requirement.bit);
    add("alone_" + name, oracle::kAllOptionSets - 1, bit, bit);
    add("without_" + name, oracle::kAllOptionSets - 1, all & ~bit, all);
  }
  return seeds;
}

}  // namespace fuzz
