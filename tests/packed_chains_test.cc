// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/ring/packed_chains.h"

#include <algorithm>
#include <set>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace virtio_user {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

using AnyOrder = PackedChains<UseOrder::kAny, uint32_t>;
using InOrder = PackedChains<UseOrder::kInOrder, uint32_t>;

// As a queue would put a chain of `count` descriptors of 10 bytes each; its id.
template <typename Chains>
uint32_t Put(Chains& chains, uint32_t cookie, uint32_t count = 1) {
  const uint32_t id = chains.next_slot();
  if (count == 1) {
    chains.slot(id) = {cookie, 11};
    chains.PutPlain(1);
    return id;
  }
  for (uint32_t i = 0; i < count; ++i) chains.PutPart();
  chains.PutChain(id, {count, 10 * count}, cookie);
  return id;
}

template <typename Chains>
std::vector<uint32_t> InFlight(const Chains& chains) {
  std::vector<uint32_t> cookies;
  chains.ForEachInFlight([&](uint32_t cookie) { cookies.push_back(cookie); });
  return cookies;
}

class PackedChainsTest : public ::testing::Test {
 protected:
  PackedChainsTest() {
    any_.Reset();
    in_order_.Reset();
  }
  AnyOrder any_{5};
  InOrder in_order_{5};
};

TEST_F(PackedChainsTest, IdsAreThePlacesAsLongAsTheOrderIsKept) {
  for (uint32_t i = 0; i < 23; ++i) {
    EXPECT_EQ(Put(any_, i), i % 5);
    EXPECT_EQ(Put(in_order_, i), i % 5);
    EXPECT_EQ(any_.Take(i % 5).cookie, i);
    EXPECT_EQ(in_order_.TakeOldest().cookie, i);
    EXPECT_TRUE(any_.in_sequence());
    EXPECT_EQ(any_.oldest(), (i + 1) % 5);
    EXPECT_EQ(any_.next(), any_.oldest());
    EXPECT_EQ(any_.next_wrap(), (i + 1) / 5 % 2 == 0);
    EXPECT_EQ(any_.next_wrap(), any_.oldest_wrap());
  }
}

TEST_F(PackedChainsTest, WhatIsInFlightIsKnownByItsIdAlone) {
  Put(any_, 1, 2);
  Put(any_, 2);
  EXPECT_EQ(any_.InFlight(0).count, 2u);
  EXPECT_EQ(any_.InFlight(0).writable_bytes, 20u);
  EXPECT_EQ(any_.InFlight(1).count, 0u);  // The middle of a chain.
  EXPECT_EQ(any_.InFlight(2).count, 1u);
  EXPECT_EQ(any_.InFlight(2).writable_bytes, 10u);
  for (const uint32_t id : {3u, 4u, 5u, 65535u}) {
    EXPECT_EQ(any_.InFlight(id).count, 0u) << id;
  }
  any_.Take(0);
  EXPECT_EQ(any_.InFlight(0).count, 0u);
  EXPECT_EQ(any_.InFlight(2).count, 1u);
  EXPECT_EQ(any_.free_count(), 4u);
  EXPECT_EQ(any_.in_flight(), 1u);
}

TEST_F(PackedChainsTest, AChainOutOfOrderEndsTheSequence) {
  Put(any_, 1, 2);
  Put(any_, 2);
  Put(any_, 3);
  const UsedChain<uint32_t> chain = any_.Take(2);
  EXPECT_EQ(chain.cookie, 2u);
  EXPECT_EQ(chain.bytes, 10u);
  EXPECT_FALSE(any_.in_sequence());
  EXPECT_EQ(any_.oldest(), 1u);  // Its own descriptors, and no more.
  EXPECT_EQ(any_.free_count(), 2u);
  EXPECT_THAT(InFlight(any_), UnorderedElementsAre(1, 3));
  EXPECT_EQ(any_.InFlight(2).count, 0u);
  EXPECT_EQ(any_.InFlight(0).count, 2u);
  EXPECT_EQ(any_.InFlight(3).writable_bytes, 10u);
}

TEST_F(PackedChainsTest, NoIdIsGivenTwiceOutOfSequence) {
  for (uint32_t i = 0; i < 5; ++i) Put(any_, i);
  any_.Take(4);
  any_.Take(1);
  std::set<uint32_t> ids = {Put(any_, 5), Put(any_, 6)};
  EXPECT_THAT(ids, ElementsAre(1, 4));
  EXPECT_EQ(any_.free_count(), 0u);
  EXPECT_THAT(InFlight(any_), UnorderedElementsAre(0, 2, 3, 5, 6));
}

TEST_F(PackedChainsTest, TheSequenceDoesNotComeBackByItself) {
  Put(any_, 1);
  Put(any_, 2);
  any_.Take(1);
  any_.Take(0);
  EXPECT_EQ(any_.in_flight(), 0u);
  EXPECT_FALSE(any_.in_sequence());
  any_.Reset();
  EXPECT_TRUE(any_.in_sequence());
}

TEST_F(PackedChainsTest, AResetForgetsEverything) {
  Put(any_, 1, 3);
  Put(any_, 2);
  any_.Take(3);
  any_.Reset();
  EXPECT_TRUE(any_.in_sequence());
  EXPECT_EQ(any_.free_count(), 5u);
  EXPECT_THAT(InFlight(any_), ElementsAre());
  EXPECT_EQ(any_.next_position(), RingPosition{});
}

// Every order in which four chains of one or two descriptors come back, again
// and again, against a map.
TEST_F(PackedChainsTest, EveryOrderOfUseKeepsTheBooks) {
  std::vector<uint32_t> order = {0, 1, 2, 3};
  do {
    AnyOrder chains(8);
    chains.Reset();
    for (uint32_t round = 0; round < 6; ++round) {
      std::vector<uint32_t> ids;
      for (uint32_t i = 0; i < 4; ++i) {
        ids.push_back(Put(chains, 10 * round + i, 1 + (i + round) % 2));
      }
      EXPECT_EQ(std::set<uint32_t>(ids.begin(), ids.end()).size(), 4u);
      for (const uint32_t i : order) {
        EXPECT_EQ(chains.InFlight(ids[i]).count, 1 + (i + round) % 2);
        EXPECT_EQ(chains.Take(ids[i]).cookie, 10 * round + i);
        EXPECT_EQ(chains.InFlight(ids[i]).count, 0u);
      }
      EXPECT_EQ(chains.free_count(), 8u);
      EXPECT_EQ(chains.oldest(), chains.next());
    }
  } while (std::ranges::next_permutation(order).found);
}

}  // namespace
}  // namespace virtio_user
