// SPDX-License-Identifier: BSD-3-Clause
//
// The explorer of feature masks: how many cases there are, and that a wrong
// negotiation is found, by trying and by proof. The whole of it is
// `vuser explore features`.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <set>
#include <string>
#include <vector>

#include "backend_sim/explore/decision_diagram.h"
#include "backend_sim/explore/feature_cases.h"
#include "backend_sim/explore/feature_proof.h"

namespace backend_sim {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using virtio_user::Feature;
using virtio_user::FeatureMasks;
using virtio_user::FeatureSet;
using virtio_user::NegotiationInputs;
using virtio_user::Result;

constexpr ExploreOptions kTwoThreads;

// A dependency is missing: CTRL_RX passes without CTRL_VQ.
FeatureSet ForgetfulClosure(FeatureSet set) {
  FeatureSet closed = virtio_user::DependencyClosure(set);
  if (set.Has(Feature::kNetCtrlRx)) closed.Add(Feature::kNetCtrlRx);
  return closed;
}
NegotiationSubject Forgetful() {
  NegotiationSubject subject;
  subject.closure = ForgetfulClosure;
  subject.offered = [](const FeatureMasks& masks) {
    return ForgetfulClosure((masks.device | masks.frontend) &
                            ~masks.unsupported);
  };
  return subject;
}

// Two components are mixed up: MRG_RXBUF goes where STATUS is missing.
NegotiationSubject Mixed() {
  NegotiationSubject subject;
  subject.offered = [](const FeatureMasks& masks) {
    FeatureSet offered = masks.Offered();
    if (!offered.Has(Feature::kNetStatus))
      offered.Remove(Feature::kNetMrgRxbuf);
    return offered;
  };
  return subject;
}

TEST(ExploreFeaturesTest, TheSeedsOptionSetsAre48DifferentOnes) {
  std::set<std::string> different;
  for (const auto& options : SeedOptionSets()) {
    different.insert(TextOf(options));
    EXPECT_TRUE(options.cq || !options.multiqueue);
    EXPECT_FALSE(options.packed || options.mtu || options.guest_offloads);
  }
  EXPECT_EQ(SeedOptionSets().size(), kSeedOptionSets);
  EXPECT_EQ(different.size(), kSeedOptionSets);
}

TEST(ExploreFeaturesTest, ComponentsAreWhatRequiresEachOther) {
  const auto components = Components(feature_oracle::Implemented());
  EXPECT_THAT(components,
              ElementsAre(FeatureBits{0, 11, 12}, FeatureBits{1, 7, 8},
                          FeatureBits{2, 17, 18, 19, 20, 21, 22, 23, 57, 60},
                          FeatureBits{3}, FeatureBits{5}, FeatureBits{15},
                          FeatureBits{16}, FeatureBits{28}, FeatureBits{32},
                          FeatureBits{34}, FeatureBits{35}, FeatureBits{36}));
}

TEST(ExploreFeaturesTest, AFewBitsUnderTheSeedsOptionsAreTriedCompletely) {
  constexpr std::array<unsigned, 8> kBits = {1, 5, 7, 16, 17, 18, 22, 35};
  const auto count = ExploreSubsets(kBits, SeedOptionSets(), {}, kTwoThreads);
  EXPECT_EQ(count.must, 256u * 48u);
  EXPECT_EQ(count.tried, 256u * 48u);
  EXPECT_EQ(count.first_wrong, "");
  EXPECT_TRUE(count.Good());
}

TEST(ExploreFeaturesTest, AComponentIsTriedAsOfferAndAsChoice) {
  const auto count = ExploreComponent({1, 7, 8}, {}, kTwoThreads);
  EXPECT_EQ(count.tried, 8u * 2048u + 8u * 8u);
  EXPECT_TRUE(count.Good());
  EXPECT_EQ(count.name, "component {1 7 8}");
}

TEST(ExploreFeaturesTest, TheClosureIsTriedOverAll128Bits) {
  const auto count = ExploreClosure({}, kTwoThreads);
  // {0 11 12 13 14 56 61 67 68}, {1 7 8 9 10 54 55 65 66}, the control queue's
  // 15, and 95 bits that stand alone.
  EXPECT_EQ(count.tried, 512u + 512u + 32768u + 95u * 2u);
  EXPECT_TRUE(count.Good()) << count.first_wrong;
}

TEST(ExploreFeaturesTest, AMissingDependencyIsFoundByTrying) {
  const auto subsets =
      ExploreSubsets(std::array<unsigned, 2>{17, 18}, SeedOptionSets(),
                     Forgetful(), kTwoThreads);
  EXPECT_FALSE(subsets.Good());
  EXPECT_THAT(subsets.first_wrong,
              HasSubstr("offered: VIRTIO_NET_F_CTRL_RX; must be: none"));
  EXPECT_FALSE(ExploreClosure(Forgetful(), kTwoThreads).Good());
}

TEST(ExploreFeaturesTest, AnUnjustVerdictIsFound) {
  NegotiationSubject subject;
  subject.check = [](FeatureSet offered, FeatureSet) -> Result<void> {
    return virtio_user::CheckAccepted(offered, offered);
  };
  const auto count = ExploreComponent({0, 11, 12}, subject, kTwoThreads);
  EXPECT_GT(count.wrong, 0u);
  EXPECT_THAT(count.first_wrong, HasSubstr("was allowed"));
}

TEST(ExploreFeaturesTest, AWrongTellingIsFound) {
  NegotiationSubject subject;
  subject.forwarded = [](const FeatureMasks&, FeatureSet accepted) {
    return accepted;
  };
  const auto count = ExploreComponent({5}, subject, kTwoThreads);
  EXPECT_THAT(count.first_wrong, HasSubstr("forwarded: VIRTIO_NET_F_MAC"));
}

// What only two components together show; each by itself is as it must be.
TEST(ExploreFeaturesTest, ComponentsThatInfluenceEachOtherAreFound) {
  // CTRL_VQ and MQ are of one component.
  constexpr FeatureSet kSome = {Feature::kNetMrgRxbuf, Feature::kNetStatus,
                                Feature::kNetCtrlVq, Feature::kNetMq};
  EXPECT_TRUE(ExplorePairs(kSome, {}, kTwoThreads).Good());
  const auto count = ExplorePairs(kSome, Mixed(), kTwoThreads);
  EXPECT_EQ(count.must, 5u * 2u * 4u * 2048u);
  EXPECT_EQ(count.tried, count.must);
  EXPECT_GT(count.wrong, 0u);
  EXPECT_THAT(count.first_wrong, HasSubstr("VIRTIO_NET_F_MRG_RXBUF"));
}

TEST(DecisionDiagramsTest, AFormulaIsOfWhatItDependsOnAlone) {
  DecisionDiagrams diagrams;
  EXPECT_EQ(diagrams.Add({"a", "b"}, [](uint64_t) { return true; }), "true");
  EXPECT_THAT(diagrams.definitions(), IsEmpty());
  const std::string second =
      diagrams.Add({"a", "b"}, [](uint64_t i) { return (i & 2) != 0; });
  EXPECT_EQ(diagrams.definitions(),
            "(define-fun " + second + " () Bool (ite b true false))\n");
}

TEST(SolverTest, OneThatIsNotThereIsUnsupported) {
  const auto proof = ProveFeatures({}, Solver("no-such-solver"));
  ASSERT_FALSE(proof);
  EXPECT_EQ(proof.error().code(), virtio_user::ErrorCode::kUnsupported);
  EXPECT_THAT(std::string(proof.error().text()), HasSubstr("no-such-solver"));
}

// Needs the package z3.
class FeatureProofTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!Solver().Version()) GTEST_SKIP() << "there is no z3 here";
  }
};

TEST_F(FeatureProofTest, ProductionIsProved) {
  const auto proof = ProveFeatures({}, Solver());
  ASSERT_TRUE(proof);
  EXPECT_EQ(proof->theorems.size(), 8u);
  for (const Theorem& theorem : proof->theorems) {
    EXPECT_TRUE(theorem.proved) << theorem.claim << ": " << theorem.why_not;
  }
  EXPECT_TRUE(proof->Good());
}

TEST_F(FeatureProofTest, AMissingDependencyHasACounterexampleByNames) {
  const auto proof = ProveFeatures(Forgetful(), Solver());
  ASSERT_TRUE(proof);
  EXPECT_FALSE(proof->Good());
  // Equal to the oracle's, closed, and the closure of 128 bits.
  for (const size_t refuted : {0, 1, 7}) {
    const Theorem& theorem = proof->theorems[refuted];
    EXPECT_FALSE(theorem.proved) << theorem.claim;
    EXPECT_THAT(theorem.why_not, HasSubstr("VIRTIO_NET_F_CTRL_RX"));
  }
  EXPECT_THAT(proof->theorems[0].why_not, HasSubstr("options: "));
}

TEST_F(FeatureProofTest, AnOptionThatIsIgnoredHasACounterexample) {
  NegotiationSubject subject;
  subject.compose = [](FeatureSet device, const NegotiationInputs& inputs) {
    NegotiationInputs changed = inputs;
    changed.in_order = true;
    return virtio_user::ComposeMasks(device, changed);
  };
  const auto proof = ProveFeatures(subject, Solver());
  ASSERT_TRUE(proof);
  // Not a subset of the candidates.
  EXPECT_FALSE(proof->theorems[2].proved);
  EXPECT_THAT(proof->theorems[2].why_not, HasSubstr("VIRTIO_F_IN_ORDER"));
}

}  // namespace
}  // namespace backend_sim
