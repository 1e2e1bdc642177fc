// SPDX-License-Identifier: BSD-3-Clause
//
// Lanes against the same done one by one, over all mixes of numbers that lie at
// the edges.

#include "virtio_user/base/lanes.h"

#include <array>
#include <cstdint>
#include <vector>

#include "gtest/gtest.h"

namespace virtio_user {
namespace {

constexpr std::array<uint32_t, 9> kEdges = {
    0, 1, 2, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0x80000001, 0xffffffff};

// Calls `use` with every vector of four edges.
template <typename Use>
void ForEachFour(const Use& use) {
  for (const uint32_t a : kEdges) {
    for (const uint32_t b : kEdges) {
      for (const uint32_t c : kEdges) {
        for (const uint32_t d : kEdges) use(U32x4{a, b, c, d});
      }
    }
  }
}

std::vector<uint32_t> Numbers(U32x4 lanes) {
  return {lanes[0], lanes[1], lanes[2], lanes[3]};
}
std::vector<uint32_t> Numbers(U64x2 lanes) {
  return Numbers(reinterpret_cast<U32x4>(lanes));
}

TEST(Lanes, EachLaneIsVisitedOnceInOrder) {
  std::vector<size_t> seen;
  ForEachLane([&](size_t lane) { seen.push_back(lane); });
  EXPECT_EQ(seen, (std::vector<size_t>{0, 1, 2, 3}));
}

TEST(Lanes, MemoryOfAnyAlignmentIsLoadedAndStored) {
  alignas(16) std::array<uint32_t, 6> memory = {1, 2, 3, 4, 5, 6};
  EXPECT_EQ(Numbers(LoadLanes<U32x4>(memory.data() + 1)),
            (std::vector<uint32_t>{2, 3, 4, 5}));
  StoreLanes(memory.data() + 1, U32x4{7, 8, 9, 10});
  EXPECT_EQ(memory, (std::array<uint32_t, 6>{1, 7, 8, 9, 10, 6}));
  StoreAligned(memory.data(), U32x4{11, 12, 13, 14});
  EXPECT_EQ(memory, (std::array<uint32_t, 6>{11, 12, 13, 14, 10, 6}));
}

TEST(Lanes, LanesAreSortedAndPaired) {
  const auto low = reinterpret_cast<U64x2>(U32x4{1, 2, 3, 4});
  const auto high = reinterpret_cast<U64x2>(U32x4{5, 6, 7, 8});
  using V = std::vector<uint32_t>;
  EXPECT_EQ(Numbers(EvenLanes(low, high)), (V{1, 3, 5, 7}));
  EXPECT_EQ(Numbers(OddLanes(low, high)), (V{2, 4, 6, 8}));
  EXPECT_EQ(Numbers(LowHalves(low, high)), (V{1, 2, 5, 6}));
  EXPECT_EQ(Numbers(HighHalves(low, high)), (V{3, 4, 7, 8}));
  const U32x4 a = {1, 2, 3, 4};
  const U32x4 b = {5, 6, 7, 8};
  EXPECT_EQ(Numbers(LowPairs(a, b)), (V{1, 5, 2, 6}));
  EXPECT_EQ(Numbers(HighPairs(a, b)), (V{3, 7, 4, 8}));
  EXPECT_EQ(Numbers(Splat(9)), (V{9, 9, 9, 9}));
}

TEST(Lanes, SumsAndProductsAreThoseOfNumbers) {
  ForEachFour([](U32x4 lanes) {
    ASSERT_EQ(SumOfLanes(lanes), lanes[0] + lanes[1] + lanes[2] + lanes[3]);
    for (const uint64_t by :
         {uint64_t{0}, uint64_t{1}, uint64_t{65536}, uint64_t{0xffffffff}}) {
      const U64Four products = Times(lanes, U64x2{by, by});
      ASSERT_EQ(products.even[0], lanes[0] * by);
      ASSERT_EQ(products.odd[0], lanes[1] * by);
      ASSERT_EQ(products.even[1], lanes[2] * by);
      ASSERT_EQ(products.odd[1], lanes[3] * by);
    }
  });
}

TEST(Lanes, QuestionsAboutAllLanesAreAnsweredAsOneByOne) {
  ForEachFour([](U32x4 lanes) {
    bool high = true;
    bool any = false;
    ForEachLane([&](size_t k) {
      high = high && lanes[k] >= 0x80000000;
      any = any || lanes[k] >= 0x80000000;
    });
    ASSERT_EQ(AllHighBits(lanes), high);
    ASSERT_EQ(AnyHighBit(lanes), any);
  });
}

TEST(Lanes, BelowHoldsForNumbersThatAreNotNegative) {
  for (const uint32_t a : kEdges) {
    for (const uint32_t b : kEdges) {
      const bool below = a < b && b <= 0x7fffffff;
      const U32x4 answer = BelowSigned(Splat(a), Splat(b));
      ForEachLane([&](size_t k) {
        ASSERT_EQ(answer[k] >= 0x80000000, below) << a << " " << b;
      });
    }
  }
}

}  // namespace
}  // namespace virtio_user
