// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/explore/feature_cases.h"

#include <optional>
#include <utility>

#include "backend_sim/explore/negotiation_check.h"

namespace backend_sim {

using virtio_user::FeatureSet;
using virtio_user::kFeatureBits;

namespace {

// splitmix64 of a case's number: the same choice whichever thread makes it.
uint64_t Mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

void Count(ExploreCount& count, const std::optional<std::string>& wrong) {
  ++count.tried;
  if (wrong) count.Wrong(*wrong);
}

const std::vector<OptionSet>& AllOptionSets() {
  static const auto* const sets = [] {
    auto* const made = new std::vector<OptionSet>;
    for (unsigned i = 0; i < feature_oracle::kAllOptionSets; ++i) {
      made->emplace_back(feature_oracle::AllOptionsOf(i));
    }
    return made;
  }();
  return *sets;
}

std::string NameOf(const FeatureBits& component) {
  std::string name = "component {";
  for (const unsigned bit : component) {
    name += (name.ends_with('{') ? "" : " ") + std::to_string(bit);
  }
  return name + "}";
}

// An unordered pair of bits that have nothing to do with each other.
using BitPair = std::pair<unsigned, unsigned>;

std::vector<BitPair> PairsAcross(FeatureSet among) {
  const FeatureSet implemented = feature_oracle::Implemented();
  std::array<size_t, kFeatureBits> component_of{};
  const auto components = Components(~FeatureSet());
  for (size_t i = 0; i < components.size(); ++i) {
    for (const unsigned bit : components[i]) component_of[bit] = i;
  }
  std::vector<BitPair> pairs;
  for (unsigned a = 0; a < kFeatureBits; ++a) {
    for (unsigned b = a + 1; b < kFeatureBits; ++b) {
      if (!among.HasBit(a) || !among.HasBit(b)) continue;
      if (component_of[a] == component_of[b]) continue;
      if (!implemented.HasBit(a) && !implemented.HasBit(b)) continue;
      pairs.emplace_back(a, b);
    }
  }
  return pairs;
}

// How many such pairs there are, by counting those that are left out.
uint64_t PairsAcrossThereAre(FeatureSet among) {
  const FeatureSet implemented = feature_oracle::Implemented();
  const auto pairs_of = [](FeatureSet set) {
    const uint64_t bits = BitsOf(set).size();
    return bits * (bits - 1) / 2;
  };
  const auto of_interest = [&](FeatureSet set) {
    return pairs_of(set) - pairs_of(set & ~implemented);
  };
  uint64_t pairs = of_interest(among);
  for (const FeatureBits& component : Components(~FeatureSet())) {
    pairs -= of_interest(among & SubsetOf(component, ~uint64_t{0}));
  }
  return pairs;
}

}  // namespace

std::vector<feature_oracle::Options> SeedOptionSets() {
  std::vector<feature_oracle::Options> sets;
  for (unsigned i = 0; i < 16; ++i) {
    const auto add = [&](bool cq, bool multiqueue) {
      sets.push_back({.mac = (i & 1) != 0,
                      .cq = cq,
                      .mrg_rxbuf = (i & 2) != 0,
                      .in_order = (i & 4) != 0,
                      .link_state = (i & 8) != 0,
                      .multiqueue = multiqueue});
    };
    add(false, false);
    add(true, false);
    add(true, true);
  }
  return sets;
}

ExploreCount ExploreSubsets(
    std::span<const unsigned> bits,
    const std::vector<feature_oracle::Options>& option_sets,
    const NegotiationSubject& subject, const ExploreOptions& options) {
  const uint64_t subsets = uint64_t{1} << bits.size();
  ExploreCount all = InParallel(option_sets.size(), options, [&] {
    return [&, check = NegotiationCheck(subject)](size_t part) mutable {
      const OptionSet set(option_sets[part]);
      ExploreCount count;
      for (uint64_t i = 0; i < subsets; ++i) {
        const FeatureSet choice = SubsetOf(bits, Mix(part * subsets + i));
        Count(count, check.Whole(set, SubsetOf(bits, i), choice));
      }
      return count;
    };
  });
  all.name = std::to_string(subsets) + " offers of " +
             std::to_string(bits.size()) + " bits";
  all.must = subsets * option_sets.size();
  return all;
}

ExploreCount ExploreComponent(const FeatureBits& component,
                              const NegotiationSubject& subject,
                              const ExploreOptions& options) {
  const uint64_t subsets = uint64_t{1} << component.size();
  const auto& sets = AllOptionSets();
  ExploreCount all = InParallel(subsets, options, [&] {
    return [&, check = NegotiationCheck(subject)](size_t part) mutable {
      const FeatureSet subset = SubsetOf(component, part);
      ExploreCount count;
      for (const OptionSet& set : sets) Count(count, check.Offer(set, subset));
      for (uint64_t i = 0; i < subsets; ++i) {
        Count(count, check.Accepted(subset, SubsetOf(component, i)));
      }
      return count;
    };
  });
  all.name = NameOf(component);
  all.must = subsets * (feature_oracle::kAllOptionSets + subsets);
  return all;
}

ExploreCount ExploreClosure(const NegotiationSubject& subject,
                            const ExploreOptions& options) {
  const auto components = Components(~FeatureSet());
  ExploreCount all = InParallel(components.size(), options, [&] {
    return [&, check = NegotiationCheck(subject)](size_t part) mutable {
      const FeatureBits& bits = components[part];
      ExploreCount count;
      for (uint64_t i = 0; i < uint64_t{1} << bits.size(); ++i) {
        Count(count, check.Closure(SubsetOf(bits, i)));
      }
      return count;
    };
  });
  all.name = "closure, each of " + std::to_string(components.size()) +
             " components of 128 bits";
  for (const FeatureBits& bits : components) {
    all.must += uint64_t{1} << bits.size();
  }
  return all;
}

ExploreCount ExplorePairs(FeatureSet among, const NegotiationSubject& subject,
                          const ExploreOptions& options) {
  const auto pairs = PairsAcross(among);
  const auto& sets = AllOptionSets();
  ExploreCount all = InParallel(pairs.size(), options, [&] {
    return [&, check = NegotiationCheck(subject)](size_t part) mutable {
      const FeatureSet a = FeatureSet::FromBit(pairs[part].first);
      const FeatureSet b = FeatureSet::FromBit(pairs[part].second);
      ExploreCount count;
      for (const FeatureSet others : {FeatureSet(), ~(a | b)}) {
        for (const FeatureSet both : {FeatureSet(), a, b, a | b}) {
          for (const OptionSet& set : sets) {
            Count(count, check.Offer(set, others | both));
          }
        }
      }
      return count;
    };
  });
  all.name = std::to_string(pairs.size()) + " pairs across components";
  all.must =
      PairsAcrossThereAre(among) * 2 * 4 * feature_oracle::kAllOptionSets;
  return all;
}

}  // namespace backend_sim
