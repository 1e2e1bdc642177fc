// SPDX-License-Identifier: BSD-3-Clause
//
// All subsets of the 17 bits that this front-end implements, as offered by a
// back-end, under all option sets, against the oracle; then random masks of
// 128 bits.

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "backend_sim/explore/feature_oracle.h"
#include "backend_sim/explore/negotiation_subject.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "virtio_user/device/negotiation.h"

namespace virtio_user {
namespace {

using backend_sim::InputsOf;
using ::testing::HasSubstr;
namespace feature_oracle = backend_sim::feature_oracle;

constexpr std::array<unsigned, 17> kSeedBits = {
    0, 1, 5, 7, 8, 11, 12, 15, 16, 17, 18, 19, 22, 23, 28, 32, 35};
constexpr uint32_t kSubsets = uint32_t{1} << kSeedBits.size();
// 0x910cf99a3, as the seed has it.
constexpr uint64_t kSeedMask = 0x9'10cf'99a3;
// With CTRL_GUEST_OFFLOADS (2), MTU (3), CTRL_RX_EXTRA (20), GUEST_ANNOUNCE
// (21), RING_PACKED (34) and ORDER_PLATFORM (36).
constexpr uint64_t kImplementedMask =
    kSeedMask | 0x30'000c | uint64_t{0x14} << 32;

// Subset number `index` as a mask: bit i of the index is kSeedBits[i].
FeatureSet Subset(uint32_t index) {
  uint64_t word = 0;
  for (size_t i = 0; i < kSeedBits.size(); ++i) {
    if (((index >> i) & 1) != 0) word |= uint64_t{1} << kSeedBits[i];
  }
  return FeatureSet::FromWords(word);
}

// The inverse; a mask with any other bit has none.
uint32_t IndexOf(FeatureSet set) {
  uint32_t index = 0;
  for (size_t i = 0; i < kSeedBits.size(); ++i) {
    if (set.HasBit(kSeedBits[i])) index |= uint32_t{1} << i;
  }
  return Subset(index) == set ? index : kSubsets;
}

// splitmix64: the same numbers everywhere.
class Random {
 public:
  uint64_t Next() {
    uint64_t x = state_ += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
  }

 private:
  uint64_t state_ = 20260829;
};

// What the oracle says of every subset of the 17 bits, computed once.
class Tables {
 public:
  Tables() : subset(kSubsets), closure(kSubsets) {
    for (uint32_t i = 0; i < kSubsets; ++i) {
      subset[i] = Subset(i);
      closure[i] = feature_oracle::Closure(subset[i]);
    }
  }
  std::vector<FeatureSet> subset;
  std::vector<FeatureSet> closure;
};

const Tables& Oracle() {
  static const auto* const tables = new Tables;
  return *tables;
}

TEST(FeatureExhaustiveTest, TheImplementedBitsAreTheSeedsAndAFewMore) {
  EXPECT_EQ(kImplementedFeatures, FeatureSet::FromWords(kImplementedMask));
  EXPECT_EQ(Subset(kSubsets - 1), FeatureSet::FromWords(kSeedMask));
}

TEST(FeatureExhaustiveTest, TheOracleItselfIsClosedAndIdempotent) {
  for (uint32_t i = 0; i < kSubsets; ++i) {
    const FeatureSet closed = Oracle().closure[i];
    ASSERT_TRUE(Oracle().subset[i].HasAll(closed));
    ASSERT_EQ(Oracle().closure[IndexOf(closed)], closed);
  }
}

TEST(FeatureExhaustiveTest, ClosureIsTheOraclesForEverySubset) {
  for (uint32_t i = 0; i < kSubsets; ++i) {
    const FeatureSet closed = DependencyClosure(Oracle().subset[i]);
    ASSERT_EQ(closed, Oracle().closure[i]) << i;
    ASSERT_EQ(DependencyClosure(closed), closed) << i;
  }
}

// Every driver's choice out of everything: whether it may be accepted.
TEST(FeatureExhaustiveTest, EverySubsetIsAcceptedIfAndOnlyIfItIsClosed) {
  const FeatureSet all = Oracle().subset[kSubsets - 1];
  uint32_t accepted = 0;
  for (uint32_t i = 0; i < kSubsets; ++i) {
    const bool closed = Oracle().closure[i] == Oracle().subset[i];
    const auto checked = CheckAccepted(all, Oracle().subset[i]);
    ASSERT_EQ(checked.has_value(), closed) << i;
    accepted += checked.has_value() ? 1 : 0;
  }
  // 5 ways for {GUEST_CSUM, TSO4, TSO6}, 5 for the host's, 17 for CTRL_VQ and
  // its four, 2 for each of the six that stand alone.
  EXPECT_EQ(accepted, 5u * 5u * 17u * 64u);
}

// The inputs and the oracle's masks of one option set.
struct OptionSet {
  explicit OptionSet(unsigned index)
      : inputs(InputsOf(feature_oracle::OptionsOf(index))),
        oracle(feature_oracle::MasksOf(feature_oracle::OptionsOf(index))) {}
  NegotiationInputs inputs;
  feature_oracle::Masks oracle;
};

// One back-end's offer under one option set, and a driver that chooses
// subset `choice`, good or bad. Says what is wrong; nothing: all is well.
const char* Problem(FeatureSet device, const OptionSet& options,
                    uint32_t choice, uint64_t& refused) {
  const FeatureMasks masks = ComposeMasks(device, options.inputs);
  const FeatureSet offered = masks.Offered();
  const FeatureSet candidates = options.oracle.Candidates(device);
  if (masks.device != device) return "the device's mask";
  // Of what is ours alone, this bit is none of the seed's. No other bit
  // requires it, and what it requires is ours wherever it is.
  const FeatureSet announce =
      candidates & FeatureSet{Feature::kNetGuestAnnounce};
  const FeatureSet expected =
      Oracle().closure[IndexOf(candidates & ~announce)] | announce;
  if (offered != expected) return "offered";
  if (!CheckAccepted(offered, offered)) return "the whole offer was refused";
  const FeatureSet chosen = Oracle().subset[choice];
  const bool good =
      offered.HasAll(chosen) && Oracle().closure[choice] == chosen;
  if (CheckAccepted(offered, chosen).has_value() != good) return "accepted";
  refused += good ? 0 : 1;
  for (const FeatureSet accepted : {offered, offered & chosen}) {
    const FeatureSet told = feature_oracle::Forwarded(device, accepted);
    if (Forwarded(masks, accepted) != told) return "forwarded";
    if (!device.HasAll(told)) return "forwarded more than is there";
  }
  return nullptr;
}

TEST(FeatureExhaustiveTest, AllOffersUnderAllOptions_S17_S20_S38_F05_F07_F17) {
  Random random;
  uint64_t cases = 0;
  uint64_t refused = 0;
  for (unsigned set = 0; set < feature_oracle::kSplitOptionSets; ++set) {
    const OptionSet options(set);
    for (uint32_t i = 0; i < kSubsets; ++i) {
      const auto choice = static_cast<uint32_t>(random.Next() % kSubsets);
      const char* const problem =
          Problem(Oracle().subset[i], options, choice, refused);
      ASSERT_EQ(problem, nullptr)
          << problem << ": offer " << i << ", option set " << set;
      ++cases;
    }
  }
  EXPECT_EQ(cases, uint64_t{131072} * 64);
  // Both verdicts on the driver's choice were seen.
  EXPECT_GT(refused, cases / 2);
  EXPECT_LT(refused, cases);
}

// Whatever a back-end offers of the control queue's features, and whatever the
// driver accepts of what it is then shown.
TEST(FeatureExhaustiveTest, TheControlQueuesFeaturesUnderAllOptions) {
  // CTRL_GUEST_OFFLOADS, STATUS, and CTRL_VQ to CTRL_MAC_ADDR.
  constexpr std::array<unsigned, 9> kBits = {2, 16, 17, 18, 19, 20, 21, 22, 23};
  constexpr uint32_t kControlSubsets = uint32_t{1} << kBits.size();
  const auto subset_of = [&](uint32_t index) {
    FeatureSet set;
    for (size_t i = 0; i < kBits.size(); ++i) {
      if ((index >> i & 1) != 0) set = set | FeatureSet::FromBit(kBits[i]);
    }
    return set;
  };
  // MQ alone is ever told to a back-end.
  const FeatureSet only_mq = {Feature::kNetMq};
  for (unsigned index = 0; index < feature_oracle::kOptionSets; ++index) {
    const OptionSet options(index);
    for (uint32_t i = 0; i < kControlSubsets; ++i) {
      const FeatureSet device = subset_of(i);
      const FeatureMasks masks = ComposeMasks(device, options.inputs);
      const FeatureSet offered = masks.Offered();
      ASSERT_EQ(offered,
                feature_oracle::Closure(options.oracle.Candidates(device)));
      ASSERT_EQ(Forwarded(masks, offered), offered & device & only_mq);
      ASSERT_TRUE(CheckAccepted(offered, offered));
    }
  }
}

// A mask with many, few or some bits, so that closed ones occur too.
FeatureSet RandomMask(Random& random) {
  const auto word = [&random] {
    const uint64_t a = random.Next();
    switch (random.Next() % 4) {
      case 0:
        return a | random.Next();
      case 1:
        return a & random.Next();
      case 2:
        return ~uint64_t{0};
      default:
        return a;
    }
  };
  const uint64_t low = word();
  return FeatureSet::FromWords(low, random.Next() % 2 == 0 ? 0 : word());
}

void CheckRandom(Random& random) {
  const FeatureSet device = RandomMask(random);
  const OptionSet options(
      static_cast<unsigned>(random.Next() % feature_oracle::kOptionSets));
  const FeatureMasks masks = ComposeMasks(device, options.inputs);
  const FeatureSet offered = masks.Offered();
  ASSERT_EQ(offered,
            feature_oracle::Closure(options.oracle.Candidates(device)));
  ASSERT_TRUE(FeatureSet::FromWords(kImplementedMask).HasAll(offered));

  const FeatureSet closed = DependencyClosure(device);
  ASSERT_EQ(closed, feature_oracle::Closure(device));
  ASSERT_TRUE(device.HasAll(closed));
  ASSERT_TRUE(feature_oracle::Closed(closed));
  ASSERT_EQ(DependencyClosure(closed), closed);

  const FeatureSet accepted = RandomMask(random);
  ASSERT_EQ(Forwarded(masks, accepted),
            feature_oracle::Forwarded(device, accepted));
  const auto offence = feature_oracle::FirstOffence(device, accepted);
  const auto checked = CheckAccepted(device, accepted);
  ASSERT_EQ(checked.has_value(), !offence);
  if (!offence) return;
  ASSERT_THAT(std::string(checked.error().text()),
              HasSubstr("bit " + std::to_string(*offence) + " "));
}

TEST(FeatureExhaustiveTest, RandomMasksOf128Bits_F07_F25_S19) {
  Random random;
  constexpr int kMasks = 50000;
  int masks = 0;
  for (; masks < kMasks && !HasFatalFailure(); ++masks) CheckRandom(random);
  EXPECT_EQ(masks, kMasks);
}

}  // namespace
}  // namespace virtio_user
