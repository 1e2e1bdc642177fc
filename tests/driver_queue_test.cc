// SPDX-License-Identifier: BSD-3-Clause
//
// What driver queues of all kinds have in common, against an honest device.

#include "virtio_user/ring/driver_queue.h"

#include <array>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/driver_queue_support.h"

namespace virtio_user {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

static_assert(DriverQueue<SplitDriverQueue<UseOrder::kAny, uint32_t>>);
static_assert(DriverQueue<SplitDriverQueue<UseOrder::kInOrder, uint32_t>>);
static_assert(DriverQueue<PackedDriverQueue<UseOrder::kAny, uint32_t>>);
static_assert(DriverQueue<PackedDriverQueue<UseOrder::kInOrder, uint32_t>>);
static_assert(DriverQueue<SplitDriverQueue<UseOrder::kAny, void*>>);
static_assert(DriverQueue<SplitDriverQueue<UseOrder::kInOrder, void*>>);
static_assert(DriverQueue<PackedDriverQueue<UseOrder::kAny, void*>>);
static_assert(DriverQueue<PackedDriverQueue<UseOrder::kInOrder, void*>>);

template <typename Kind>
class DriverQueueTest : public DriverQueueFixture<Kind> {};
TYPED_TEST_SUITE(DriverQueueTest, AllKinds, KindNames);

TYPED_TEST(DriverQueueTest, AChainStandsInTheRingAsTheSpecDrawsIt) {
  ASSERT_TRUE(this->Offer(7, 1, 2));
  EXPECT_EQ(this->queue_.free_count(), 5);
  EXPECT_EQ(this->queue_.in_flight(), 1);
  this->queue_.Publish();
  const std::vector<SeenChain> chains = this->PopAll();
  ASSERT_EQ(chains.size(), 1u);
  EXPECT_EQ(chains[0].count, 3);
  EXPECT_THAT(chains[0].buffers, ElementsAre(SeenBuffer{{{0x100}, 1}, false},
                                             SeenBuffer{{{0x200}, 2}, true},
                                             SeenBuffer{{{0x300}, 3}, true}));
}

TYPED_TEST(DriverQueueTest, OnlyPublishShowsWhatWasOffered) {
  ASSERT_TRUE(this->Offer(1, 1, 0));
  ASSERT_TRUE(this->Offer(2, 2, 1));
  this->queue_.template OfferOne<BufferUse::kDeviceReads>({{1}, 1}, 3);
  EXPECT_THAT(this->PopAll(), IsEmpty());
  EXPECT_EQ(this->ring_.published, RingPosition{});
  this->queue_.Publish();
  EXPECT_EQ(this->PopAll().size(), 3u);
  EXPECT_NE(this->ring_.published, RingPosition{});
}

TYPED_TEST(DriverQueueTest, OneBufferIsOfferedInEveryWayAlike) {
  const DeviceBuffer buffer{{0x1234567890}, 77};
  this->queue_.template OfferOne<BufferUse::kDeviceReads>(buffer, 1);
  this->queue_.template OfferOne<BufferUse::kDeviceWrites>(buffer, 2);
  const auto any = [](size_t) { return true; };
  EXPECT_EQ(
      this->queue_.template OfferEach<BufferUse::kDeviceReads>(
          1, any, [&](size_t) { return OfferedBuffer<uint32_t>{buffer, 3}; }),
      1u);
  EXPECT_EQ(
      this->queue_.template OfferEach<BufferUse::kDeviceWrites>(
          2, any, [&](size_t) { return OfferedBuffer<uint32_t>{buffer, 4}; }),
      2u);
  this->queue_.Publish();
  EXPECT_EQ(this->queue_.free_count(), 3);
  EXPECT_EQ(this->queue_.in_flight(), 5);
  const std::vector<SeenChain> chains = this->PopAll();
  ASSERT_EQ(chains.size(), 5u);
  const std::array writable = {false, true, false, true, true};
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_THAT(chains[i].buffers,
                ElementsAre(SeenBuffer{buffer, writable[i]}));
    this->device_.Use(chains[i], writable[i] ? 77 : 0);
  }
  EXPECT_THAT(this->Cookies(), ElementsAre(1, 2, 3, 4, 4));
}

TYPED_TEST(DriverQueueTest, OfferingNothingAndPublishingNothingChangeNothing) {
  this->queue_.template OfferEach<BufferUse::kDeviceReads>(
      0, [](size_t) { return true; },
      [](size_t) { return OfferedBuffer<uint32_t>{}; });
  this->queue_.Publish();
  this->queue_.Publish();
  EXPECT_EQ(this->ring_.published, RingPosition{});
  EXPECT_THAT(this->PopAll(), IsEmpty());
  EXPECT_THAT(this->Take(), IsEmpty());
  EXPECT_EQ(this->queue_.free_count(), 8);
}

TYPED_TEST(DriverQueueTest, AFullRingRefusesAndRecovers_D01) {
  for (uint32_t i = 0; i < 4; ++i) ASSERT_TRUE(this->Offer(i, 1, 1));
  EXPECT_FALSE(this->Offer(4, 1, 0));
  EXPECT_EQ(this->queue_.free_count(), 0);
  this->queue_.Publish();
  this->device_.Use(*this->device_.Pop(), 2);
  EXPECT_THAT(this->Cookies(), ElementsAre(0));
  EXPECT_FALSE(this->Offer(4, 3, 0));
  EXPECT_TRUE(this->Offer(4, 2, 0));
}

TYPED_TEST(DriverQueueTest, RoundsOfEveryBurstSizeComeBackWhole) {
  uint32_t next = 0;
  for (uint32_t round = 0; round < 400; ++round) {
    const uint32_t count = 1 + round % 8;
    this->queue_.template OfferEach<BufferUse::kDeviceWrites>(
        count, [](size_t) { return true; },
        [&](size_t) {
          const uint32_t i = next++;
          return OfferedBuffer<uint32_t>{{{uint64_t{i}}, 9}, i};
        });
    this->queue_.Publish();
    const std::vector<SeenChain> chains = this->PopAll();
    ASSERT_EQ(chains.size(), count);
    for (const SeenChain& chain : chains) this->device_.Use(chain, round % 10);
    const auto used = this->Take();
    ASSERT_EQ(used.size(), count);
    for (uint32_t i = 0; i < count; ++i) {
      ASSERT_EQ(used[i].cookie, next - count + i);
      ASSERT_EQ(used[i].bytes, round % 10);
    }
    ASSERT_EQ(this->queue_.free_count(), 8);
  }
}

TYPED_TEST(DriverQueueTest, WrittenBytesAreHandedOn_S74) {
  ASSERT_TRUE(this->Offer(1, 1, 2));  // 2 + 3 writable bytes.
  ASSERT_TRUE(this->Offer(2, 0, 1));
  this->queue_.Publish();
  this->device_.Use(*this->device_.Pop(), 5);
  this->device_.Use(*this->device_.Pop(), 0);
  const auto used = this->Take();
  ASSERT_EQ(used.size(), 2u);
  EXPECT_EQ(used[0].bytes, 5u);
  EXPECT_EQ(used[1].bytes, 0u);
}

// Back-ends on rust-vmm's queue report the bytes that they read of a transmit
// chain, and nobody can have written past a buffer that nobody may write.
TYPED_TEST(DriverQueueTest, TheLengthOfAReadableChainIsIgnored) {
  ASSERT_TRUE(this->Offer(1, 2, 0));
  ASSERT_TRUE(this->Offer(2, 1, 0));
  this->queue_.Publish();
  this->device_.Use(*this->device_.Pop(), 1526);
  this->device_.Use(*this->device_.Pop(), 0xffffffff);
  const auto used = this->Take();
  ASSERT_EQ(used.size(), 2u);
  EXPECT_EQ(used[0].bytes, 0u);
  EXPECT_EQ(used[1].bytes, 0u);
  EXPECT_FALSE(this->queue_.broken().has_value());
}

TYPED_TEST(DriverQueueTest, TakingInPiecesLosesNothing) {
  for (const SeenChain& chain : this->OfferAndPop(7)) {
    this->device_.Use(chain, 1);
  }
  EXPECT_THAT(this->Cookies(0), IsEmpty());
  EXPECT_THAT(this->Cookies(3), ElementsAre(0, 1, 2));
  EXPECT_THAT(this->Cookies(1), ElementsAre(3));
  EXPECT_EQ(this->queue_.in_flight(), 3);
  EXPECT_THAT(this->Cookies(), ElementsAre(4, 5, 6));
  EXPECT_THAT(this->Cookies(), IsEmpty());
}

TYPED_TEST(DriverQueueTest, AnIndirectTableTakesOneDescriptor) {
  const std::span<std::byte> table = this->arena_.Take(3 * 16);
  for (uint32_t round = 0; round < 20; ++round) {
    ASSERT_TRUE(
        this->queue_.Offer({.readable = std::span(this->buffers_).first(2),
                            .writable = std::span(this->buffers_).subspan(2, 1),
                            .cookie = round,
                            .table_memory = table,
                            .table_addr = this->arena_.Addr(table.data())}));
    EXPECT_EQ(this->queue_.free_count(), 7);
    this->queue_.Publish();
    const SeenChain chain = *this->device_.Pop();
    EXPECT_TRUE(chain.indirect);
    EXPECT_EQ(chain.count, 1);
    EXPECT_THAT(chain.buffers, ElementsAre(SeenBuffer{{{0x100}, 1}, false},
                                           SeenBuffer{{{0x200}, 2}, false},
                                           SeenBuffer{{{0x300}, 3}, true}));
    this->device_.Use(chain, 3);
    const auto used = this->Take();
    ASSERT_EQ(used.size(), 1u);
    EXPECT_EQ(used[0].cookie, round);
    EXPECT_EQ(used[0].bytes, 3u);
  }
  EXPECT_TRUE(this->arena_.GuardsIntact());
}

TYPED_TEST(DriverQueueTest, ASlotIsOneChainsUntilItIsTaken) {
  std::array<bool, 8> taken{};
  std::vector<uint16_t> slot_of(200);
  uint32_t oldest = 0;
  for (uint32_t i = 0; i < 200; ++i) {
    const size_t length = 1 + i % 3;
    while (this->queue_.free_count() < length) {
      this->device_.Use(*this->device_.Pop(), 0);
      ASSERT_THAT(this->Cookies(), ElementsAre(oldest));
      taken[slot_of[oldest++]] = false;
    }
    slot_of[i] = this->queue_.next_slot();
    ASSERT_LT(slot_of[i], 8);
    ASSERT_FALSE(taken[slot_of[i]]);
    taken[slot_of[i]] = true;
    ASSERT_TRUE(this->Offer(i, length, 0));
    this->queue_.Publish();
  }
}

TYPED_TEST(DriverQueueTest, KicksAndInterruptsFollowTheFlags) {
  EXPECT_TRUE(this->device_.InterruptsSuppressed());
  this->queue_.SuppressInterrupts(false);
  EXPECT_FALSE(this->device_.InterruptsSuppressed());
  EXPECT_TRUE(this->queue_.DeviceWantsKick());
  this->device_.SuppressKicks(true);
  EXPECT_FALSE(this->queue_.DeviceWantsKick());
  this->device_.SuppressKicks(false);
  EXPECT_TRUE(this->queue_.DeviceWantsKick());
  this->Reclaim();
  // The wish outlives the ring's content.
  EXPECT_FALSE(this->device_.InterruptsSuppressed());
  this->queue_.SuppressInterrupts(true);
  EXPECT_TRUE(this->device_.InterruptsSuppressed());
}

TYPED_TEST(DriverQueueTest, ReclaimAllHandsBackEverythingAndMends_D18) {
  for (uint32_t i = 0; i < 4; ++i) {
    ASSERT_TRUE(this->Offer(i, i % 2, 1));
  }
  this->queue_.Publish();
  this->device_.Use(*this->device_.Pop(), 0);
  EXPECT_THAT(this->Cookies(), ElementsAre(0));
  ASSERT_TRUE(this->Offer(9, 1, 0));  // Offered, never published.
  this->queue_.Break(Error::Make(ErrorCode::kProtocol, "enough"));
  ASSERT_FALSE(this->Offer(10, 1, 0));
  EXPECT_THAT(this->Reclaim(), UnorderedElementsAre(1, 2, 3, 9));
  EXPECT_FALSE(this->queue_.broken().has_value());
  EXPECT_EQ(this->queue_.free_count(), 8);
  EXPECT_EQ(this->queue_.in_flight(), 0);
  EXPECT_EQ(this->ring_.published, RingPosition{});
  EXPECT_THAT(this->PopAll(), IsEmpty());
  ASSERT_TRUE(this->Offer(11, 1, 0));
  this->queue_.Publish();
  this->device_.Use(*this->device_.Pop(), 0);
  EXPECT_THAT(this->Cookies(), ElementsAre(11));
  EXPECT_THAT(this->Reclaim(), IsEmpty());
}

TYPED_TEST(DriverQueueTest, AFullRingIsReclaimedWhole) {
  for (uint32_t i = 0; i < 8; ++i) ASSERT_TRUE(this->Offer(i, 1, 0));
  EXPECT_THAT(this->Reclaim(), UnorderedElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
  for (uint32_t i = 0; i < 8; ++i) ASSERT_TRUE(this->Offer(i, 1, 0));
  this->queue_.Publish();
  EXPECT_EQ(this->PopAll().size(), 8u);
}

TYPED_TEST(DriverQueueTest, ABreakOfTheCallersIsKeptWithItsFirstReason) {
  const auto chains = this->OfferAndPop(1);
  this->device_.Use(chains[0], 1);
  this->queue_.Break(Error::Make(ErrorCode::kProtocol, "a frame of 9 buffers"));
  this->queue_.Break(Error::Make(ErrorCode::kProtocol, "another"));
  EXPECT_THAT(this->Take(), IsEmpty());
  EXPECT_EQ(this->queue_.broken()->text(), "a frame of 9 buffers");
  EXPECT_FALSE(this->Offer(1, 1, 0));
}

TYPED_TEST(DriverQueueTest, ThePlatformsBarriersChangeNothingElse) {
  typename TestFixture::Queue queue(this->ring_, RingOrder::kPlatform);
  queue.template OfferOne<BufferUse::kDeviceWrites>({{0x100}, 9}, 5);
  queue.Publish();
  EXPECT_TRUE(queue.DeviceWantsKick());
  queue.SuppressInterrupts(false);
  this->device_.Use(*this->device_.Pop(), 9);
  std::array<UsedChain<uint32_t>, 2> used;
  ASSERT_EQ(queue.TakeUsed(used), 1u);
  EXPECT_EQ(used[0].cookie, 5u);
  EXPECT_EQ(used[0].bytes, 9u);
}

TYPED_TEST(DriverQueueTest, AChainMayFillTheRing) {
  for (uint32_t i = 0; i < 20; ++i) {
    ASSERT_TRUE(this->Offer(i, 3, 5));
    EXPECT_EQ(this->queue_.free_count(), 0);
    this->queue_.Publish();
    const SeenChain chain = *this->device_.Pop();
    EXPECT_EQ(chain.buffers.size(), 8u);
    this->device_.Use(chain, 4 + 5 + 6 + 7 + 8);
    EXPECT_THAT(this->Cookies(), ElementsAre(i));
    ASSERT_TRUE(this->Offer(i, 1, 0));  // So that the next one begins later.
    this->queue_.Publish();
    this->device_.Use(*this->device_.Pop(), 0);
    EXPECT_THAT(this->Cookies(), ElementsAre(i));
  }
}

TYPED_TEST(DriverQueueTest, ACookieMayBeAPointer) {
  typename TypeParam::template Queue<void*> queue(this->ring_);
  int here = 0;
  queue.template OfferOne<BufferUse::kDeviceWrites>({{1}, 9}, &here);
  queue.template OfferOne<BufferUse::kDeviceReads>({{1}, 9}, nullptr);
  queue.Publish();
  this->device_.Use(*this->device_.Pop(), 9);
  this->device_.Use(*this->device_.Pop(), 0);
  std::array<UsedChain<void*>, 2> used;
  ASSERT_EQ(queue.TakeUsed(used), 2u);
  EXPECT_EQ(used[0].cookie, &here);
  EXPECT_EQ(used[1].cookie, nullptr);
}

template <typename Kind>
class DriverQueueDeathTest : public DriverQueueFixture<Kind> {};
TYPED_TEST_SUITE(DriverQueueDeathTest, AllKinds, KindNames);

TYPED_TEST(DriverQueueDeathTest, WhatOnlyTheCallerCanGetWrongEndsTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  auto& queue = this->queue_;
  EXPECT_DEATH(queue.Offer({}), "buffer_count");
  const DeviceBuffer huge[] = {{{0}, 0xfffffffe}, {{0}, 1}};
  OfferedChain<uint32_t> chain{.writable = huge};
  EXPECT_DEATH(queue.Offer(chain), "bytes");
  EXPECT_DEATH(
      queue.template OfferOne<BufferUse::kDeviceWrites>({{0}, 0xffffffff}, 1),
      "bytes");
  chain.writable = std::span(huge).last(1);
  chain.table_memory = this->arena_.Take(8);
  EXPECT_DEATH(queue.Offer(chain), "table");
  for (uint32_t i = 0; i < 8; ++i) ASSERT_TRUE(this->Offer(i, 1, 0));
  EXPECT_DEATH(queue.template OfferOne<BufferUse::kDeviceReads>({}, 1), "free");
  EXPECT_DEATH(queue.next_slot(), "free_count");
  EXPECT_DEATH(queue.TakeUsed({}), "published");
  this->ring_.gate.Open();
  EXPECT_DEATH(queue.ReclaimAll([](uint32_t) {}), "gate");
  const bool split = TypeParam::kFormat == RingFormat::kSplit;
  this->ring_.layout.format = split ? RingFormat::kPacked : RingFormat::kSplit;
  EXPECT_DEATH(typename TestFixture::Queue other(this->ring_), "format");
}

}  // namespace
}  // namespace virtio_user
