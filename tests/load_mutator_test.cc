// SPDX-License-Identifier: BSD-3-Clause
//
// Loads are told by hand here, so that this runs in every build.

#include "backend_sim/load_mutator.h"

#include <array>
#include <cstring>
#include <span>
#include <vector>

#include "backend_sim/script_entropy.h"
#include "backend_sim/seeded_entropy.h"
#include "gtest/gtest.h"

namespace backend_sim {
namespace {

class LoadMutatorTest : public ::testing::Test {
 protected:
  LoadMutatorTest() {
    mutator_.Watch(std::array{std::span<std::byte>(memory_)});
  }

  template <typename T>
  T Get(size_t offset) const {
    T value;
    std::memcpy(&value, &memory_[offset], sizeof(value));
    return value;
  }
  template <typename T>
  void Put(size_t offset, T value) {
    std::memcpy(&memory_[offset], &value, sizeof(value));
  }
  // What a load of it sees.
  template <typename T>
  T Load(size_t offset, uintptr_t caller = 0x1000'0000) {
    mutator_.BeforeLoad(caller, &memory_[offset], sizeof(T));
    return Get<T>(offset);
  }
  // What a peer makes of 5.
  uint32_t Written(PeerValue value) {
    Put<uint32_t>(8, 5);
    mutator_.MutateAt(0, {value, PeerMoment::kBefore}, plain_);
    const LoadMutator::Scope scope(mutator_);
    return Load<uint32_t>(8);
  }

  alignas(8) std::array<std::byte, 32> memory_{};
  EntropyScript script_;
  ScriptEntropy plain_{script_};  // Draws 0, always.
  LoadMutator mutator_;
};

TEST_F(LoadMutatorTest, LoadsOfWatchedMemoryAreNotedAndAllAreCounted) {
  const uint64_t elsewhere = 0;
  {
    const LoadMutator::Scope scope(mutator_);
    Load<uint16_t>(2);
    mutator_.BeforeLoad(1, &elsewhere, sizeof(elsewhere));
    Load<uint32_t>(28);
  }
  EXPECT_EQ(mutator_.load_count(), 3u);
  ASSERT_EQ(mutator_.loads().size(), 2u);
  EXPECT_EQ(mutator_.loads()[0].at, &memory_[2]);
  EXPECT_EQ(mutator_.loads()[0].bytes, 2u);
  EXPECT_EQ(mutator_.loads()[1].at, &memory_[28]);
  EXPECT_TRUE(mutator_.writes().empty());
}

TEST_F(LoadMutatorTest, ALoadThatReachesBeyondTheMemoryIsNotWatched) {
  const LoadMutator::Scope scope(mutator_);
  mutator_.BeforeLoad(1, &memory_[28], 8);
  EXPECT_TRUE(mutator_.loads().empty());
}

TEST_F(LoadMutatorTest, AScopeForgetsTheLoadsOfTheLastOne) {
  {
    const LoadMutator::Scope scope(mutator_);
    Load<uint16_t>(0);
  }
  {
    const LoadMutator::Scope scope(mutator_);
  }
  EXPECT_TRUE(mutator_.loads().empty());
  EXPECT_EQ(mutator_.load_count(), 0u);
  EXPECT_EQ(mutator_.sites().size(), 1u);
}

TEST_F(LoadMutatorTest, OnlyTheKthLoadIsChanged) {
  mutator_.MutateAt(1, {PeerValue::kAllOnes, PeerMoment::kBefore}, plain_);
  const LoadMutator::Scope scope(mutator_);
  EXPECT_EQ(Load<uint16_t>(0), 0);
  EXPECT_EQ(Load<uint16_t>(2), 0xffff);
  EXPECT_EQ(Load<uint16_t>(4), 0);
  ASSERT_EQ(mutator_.writes().size(), 1u);
  EXPECT_EQ(mutator_.writes()[0].at, &memory_[2]);
}

TEST_F(LoadMutatorTest, AWriteAfterALoadIsSeenByTheNextOne) {
  mutator_.MutateAt(0, {PeerValue::kAllOnes, PeerMoment::kAfter}, plain_);
  const LoadMutator::Scope scope(mutator_);
  EXPECT_EQ(Load<uint16_t>(0), 0);
  EXPECT_EQ(Load<uint16_t>(0), 0xffff);
}

TEST_F(LoadMutatorTest, AWriteAfterTheLastLoadIsThereWhenTheScopeEnds) {
  mutator_.MutateAt(0, {PeerValue::kAllOnes, PeerMoment::kAfter}, plain_);
  {
    const LoadMutator::Scope scope(mutator_);
    EXPECT_EQ(Load<uint16_t>(0), 0);
  }
  EXPECT_EQ(Get<uint16_t>(0), 0xffff);
}

TEST_F(LoadMutatorTest, AWriteDuringALoadIsSeenByThatOneAlone) {
  Put<uint16_t>(0, 3);
  mutator_.MutateAt(0, {PeerValue::kOneMore, PeerMoment::kDuring}, plain_);
  const LoadMutator::Scope scope(mutator_);
  EXPECT_EQ(Load<uint16_t>(0), 4);
  EXPECT_EQ(Load<uint16_t>(0), 3);
}

TEST_F(LoadMutatorTest, EachValueIsWhatItsNameSays) {
  EXPECT_EQ(Written(PeerValue::kFlippedBit), 4u);
  EXPECT_EQ(Written(PeerValue::kOneMore), 6u);
  EXPECT_EQ(Written(PeerValue::kOneLess), 4u);
  EXPECT_EQ(Written(PeerValue::kZero), 0u);
  EXPECT_EQ(Written(PeerValue::kAllOnes), 0xffffffffu);
  EXPECT_EQ(Written(PeerValue::kRandom), 0u);
  Put<uint32_t>(0, 77);
  EXPECT_EQ(Written(PeerValue::kOtherField), 77u);
}

TEST_F(LoadMutatorTest, AValueThatIsThereAlreadyIsNoWrite) {
  Written(PeerValue::kZero);
  const auto counts = mutator_.sites().begin()->second;
  EXPECT_EQ(counts.changed_before, 1u);
  mutator_.MutateAt(0, {PeerValue::kZero, PeerMoment::kBefore}, plain_);
  {
    const LoadMutator::Scope scope(mutator_);
    Load<uint32_t>(8);
  }
  EXPECT_TRUE(mutator_.writes().empty());
  EXPECT_EQ(mutator_.sites().begin()->second.unchanged, 1u);
}

TEST_F(LoadMutatorTest, OfAWideLoadAWordOfFourBytesIsChanged) {
  mutator_.MutateAt(0, {PeerValue::kAllOnes, PeerMoment::kBefore}, plain_);
  const LoadMutator::Scope scope(mutator_);
  mutator_.BeforeLoad(1, memory_.data(), 16);
  EXPECT_EQ(Get<uint64_t>(0), 0xffffffffu);
  EXPECT_EQ(Get<uint64_t>(8), 0u);
}

TEST_F(LoadMutatorTest, SitesAreToldApartAndCounted) {
  Written(PeerValue::kOneMore);
  mutator_.MutateAt(1, {PeerValue::kOneMore, PeerMoment::kAfter}, plain_);
  {
    const LoadMutator::Scope scope(mutator_);
    Load<uint32_t>(8);
    Load<uint32_t>(8, 0x1000'0010);
  }
  ASSERT_EQ(mutator_.sites().size(), 2u);
  const SiteCounts first = mutator_.sites().begin()->second;
  const SiteCounts second = mutator_.sites().rbegin()->second;
  EXPECT_EQ(first.unchanged, 1u);
  EXPECT_EQ(first.changed_before, 1u);
  EXPECT_EQ(first.changed_after, 0u);
  EXPECT_EQ(second.unchanged, 0u);
  EXPECT_EQ(second.changed_after, 1u);
}

TEST_F(LoadMutatorTest, WithoutSitesAWriteIsTheSameAndLoadsAreCountedOn) {
  mutator_.KeepSites(false);
  mutator_.MutateAt(1, {PeerValue::kAllOnes, PeerMoment::kAfter}, plain_);
  for (int i = 0; i < 2; ++i) {
    memory_ = {};
    const LoadMutator::Scope scope(mutator_);
    EXPECT_FALSE(mutator_.OnlyCounts(memory_.data()));
    EXPECT_EQ(Load<uint16_t>(0), 0);
    EXPECT_EQ(Load<uint16_t>(2), 0);
    // What was promised for after the load comes first, wherever the next is.
    EXPECT_FALSE(mutator_.OnlyCounts(&i));
    EXPECT_EQ(Load<uint16_t>(2), 0xffff);
    EXPECT_TRUE(mutator_.OnlyCounts(memory_.data()));
    EXPECT_EQ(mutator_.writes().size(), 1u);
    EXPECT_EQ(mutator_.loads().size(), 2u);
    EXPECT_EQ(mutator_.load_count(), 4u);
  }
  EXPECT_TRUE(mutator_.sites().empty());
}

TEST_F(LoadMutatorTest, LoadsOfOtherMemoryAreOnlyCounted) {
  mutator_.Record();
  const LoadMutator::Scope scope(mutator_);
  EXPECT_FALSE(mutator_.OnlyCounts(memory_.data()));
  EXPECT_FALSE(mutator_.OnlyCounts(&memory_.back()));
  EXPECT_TRUE(mutator_.OnlyCounts(memory_.data() - 1));
  EXPECT_TRUE(mutator_.OnlyCounts(&memory_.back() + 1));
  EXPECT_TRUE(mutator_.OnlyCounts(&scope));
  EXPECT_EQ(mutator_.load_count(), 3u);
}

TEST_F(LoadMutatorTest, TheSameEntropyWritesTheSame) {
  std::vector<std::array<std::byte, 32>> results;
  for (int i = 0; i < 2; ++i) {
    SeededEntropy entropy(3);
    memory_ = {};
    mutator_.MutateRandomly({.hits = 1, .of = 2}, entropy);
    {
      const LoadMutator::Scope scope(mutator_);
      for (size_t at = 0; at < 32; at += 4) Load<uint32_t>(at);
    }
    EXPECT_FALSE(mutator_.writes().empty());
    results.push_back(memory_);
  }
  EXPECT_EQ(results[0], results[1]);
}

TEST_F(LoadMutatorTest, NewSitesAreWrittenAtUntilTheyHaveMetBoth) {
  SeededEntropy entropy(3);
  mutator_.MutateNewSites(entropy);
  const LoadMutator::Scope scope(mutator_);
  for (int i = 0; i < 100; ++i) Load<uint32_t>(0);
  const SiteCounts counts = mutator_.sites().begin()->second;
  EXPECT_GE(counts.changed_before, 1u);
  EXPECT_GE(counts.changed_after, 1u);
  EXPECT_GT(counts.unchanged, 60u);
}

TEST(LoadMutatorDeathTest, ACallWithoutAnEndEndsTheProcess) {
  LoadMutator mutator;
  const uint32_t word = 0;
  EXPECT_DEATH(
      {
        const LoadMutator::Scope scope(mutator);
        for (;;) mutator.BeforeLoad(1, &word, sizeof(word));
      },
      "no end of loads");
}

}  // namespace
}  // namespace backend_sim
