// SPDX-License-Identifier: BSD-3-Clause
//
// The proof that a double fetch would be found: functions that make one, and
// one that does not.

#include <array>
#include <cstring>

#include "backend_sim/load_mutator.h"
#include "backend_sim/seeded_entropy.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/doublefetch/repeated_loads.h"
#include "tests/ring_support.h"

namespace virtio_user {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

using backend_sim::kPeerMoments;
using backend_sim::LoadMutator;
using backend_sim::PeerMoment;
using backend_sim::PeerValue;
using backend_sim::SeededEntropy;

constexpr uint32_t kMost = 7;

// What a length of at most kMost is: both look at it, only one decides by what
// it then uses.
[[gnu::noinline]] uint32_t CheckedThenReadAgain(std::byte* at) {
  if (LoadRelaxed<uint32_t>(at) > kMost) return 0;
  return LoadRelaxed<uint32_t>(at);
}
[[gnu::noinline]] uint32_t CheckedCopy(std::byte* at) {
  const auto bytes = LoadRelaxed<uint32_t>(at);
  return bytes > kMost ? 0 : bytes;
}
// One whole word, and then a part of it.
[[gnu::noinline]] uint32_t PartReadAgain(std::byte* at) {
  const auto word = LoadRelaxed<uint64_t>(at);
  return static_cast<uint32_t>(word >> 32) + LoadRelaxed<uint16_t>(at);
}

class PlantedDoubleFetch : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!LoadMutator::available()) {
      GTEST_SKIP() << "loads are seen only with --config=doublefetch";
    }
    mutator_.Watch(std::array{std::span<std::byte>(memory_)});
  }

  uint32_t Call(uint32_t (*function)(std::byte*)) {
    const uint32_t honest = 3;
    std::memcpy(memory_.data(), &honest, sizeof(honest));
    const LoadMutator::Scope scope(mutator_);
    return function(memory_.data());
  }
  // Whether a peer that writes at some load gets more than kMost out of it.
  bool CanBeFooled(uint32_t (*function)(std::byte*)) {
    for (uint64_t k = 0; k < 2; ++k) {
      for (const PeerMoment moment : kPeerMoments) {
        mutator_.MutateAt(k, {PeerValue::kAllOnes, moment}, entropy_);
        if (Call(function) > kMost) return true;
      }
    }
    return false;
  }

  LoadMutator mutator_;
  SeededEntropy entropy_{1};
  alignas(8) std::array<std::byte, 8> memory_{};
};

TEST_F(PlantedDoubleFetch, AWordThatIsReadAgainIsNamed) {
  EXPECT_EQ(Call(CheckedThenReadAgain), 3u);
  const std::byte* const at = memory_.data();
  EXPECT_THAT(RepeatedBytes(mutator_.loads()),
              ElementsAre(Pair(at, 2), Pair(at + 1, 2), Pair(at + 2, 2),
                          Pair(at + 3, 2)));
}

TEST_F(PlantedDoubleFetch, APartOfAWordThatIsReadAgainIsNamed) {
  Call(PartReadAgain);
  const std::byte* const at = memory_.data();
  EXPECT_THAT(RepeatedBytes(mutator_.loads()),
              ElementsAre(Pair(at, 2), Pair(at + 1, 2)));
}

TEST_F(PlantedDoubleFetch, AWordThatIsReadOnceIsNot) {
  EXPECT_EQ(Call(CheckedCopy), 3u);
  EXPECT_EQ(mutator_.loads().size(), 1u);
  EXPECT_THAT(RepeatedBytes(mutator_.loads()), IsEmpty());
}

TEST_F(PlantedDoubleFetch, APeerThatWritesBetweenTheTwoLoadsShowsTheMistake) {
  EXPECT_TRUE(CanBeFooled(CheckedThenReadAgain));
  EXPECT_FALSE(CanBeFooled(CheckedCopy));
}

}  // namespace
}  // namespace virtio_user
