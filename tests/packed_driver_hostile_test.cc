// SPDX-License-Identifier: BSD-3-Clause
//
// The driver's side of a packed ring against a device that lies in ways that
// only a packed ring knows. The rest: driver_queue_hostile_test.

#include <array>
#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/driver_queue_support.h"

namespace virtio_user {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

template <typename Kind>
class PackedHostileDevice : public DriverQueueFixture<Kind> {
 protected:
  void SetTail(uint32_t index, uint64_t len, uint64_t id, uint64_t flags) {
    Tail(index).store(len | id << 32 | flags << 48);
  }
  std::atomic_ref<uint64_t> Tail(uint32_t index) {
    return SharedWord<uint64_t>(this->ring_.layout.desc + 16 * index + 8);
  }
};
using PackedKinds = ::testing::Types<PackedAny, PackedInOrder>;
TYPED_TEST_SUITE(PackedHostileDevice, PackedKinds, KindNames);

TYPED_TEST(PackedHostileDevice, OnlyBothFlagsOfThisRoundSayThatAChainIsUsed) {
  (void)this->OfferAndPop(8);
  for (uint32_t flags = 0; flags < 0x10000; ++flags) {
    const bool used = (flags & 0x8080) == 0x8080;
    if (used) continue;
    this->SetTail(0, 1, 0, flags);
    ASSERT_THAT(this->Take(), IsEmpty()) << flags;
    ASSERT_FALSE(this->queue_.broken()) << flags;
  }
  this->SetTail(0, 1, 0, 0xffff);  // The other bits mean nothing.
  EXPECT_THAT(this->Cookies(), ElementsAre(0));
}

TYPED_TEST(PackedHostileDevice, InTheNextRoundOnlyNoneOfBothFlags) {
  for (const SeenChain& chain : this->OfferAndPop(8)) {
    this->device_.Use(chain, 1);
  }
  ASSERT_EQ(this->Take().size(), 8u);
  const SeenChain chain = this->OfferAndPop(1)[0];
  for (const uint32_t flags : {0x80u, 0x8000u, 0x8080u, 0xffffu, 0x8087u}) {
    this->SetTail(0, 1, chain.id, flags);
    ASSERT_THAT(this->Take(), IsEmpty());
  }
  this->SetTail(0, 1, chain.id, 0x7f7f);
  EXPECT_THAT(this->Cookies(), ElementsAre(0));
}

// A slot that was emptied in sequence keeps what stood in it.
TYPED_TEST(PackedHostileDevice, WhatIsUsedWithNothingInFlightIsNoChain_H18) {
  for (const uint32_t round : {0u, 1u}) {
    const uint64_t flags = round == 0 ? 0x8080 : 0;
    for (uint32_t i = 0; i < 8; ++i) {
      this->queue_.template OfferOne<BufferUse::kDeviceWrites>({{0x100}, 9}, i);
    }
    this->queue_.Publish();
    for (uint32_t i = 0; i < 8; ++i) this->SetTail(i, 1, i, flags);
    ASSERT_EQ(this->Take().size(), 8u);
  }
  this->SetTail(0, 1, 0, 0x8080);
  EXPECT_THAT(this->Take(), IsEmpty());
  EXPECT_EQ(this->queue_.in_flight(), 0);
  EXPECT_THAT(this->Reclaim(), IsEmpty());
}

// A plain chain under an id that had a chain with a note before.
TEST(PackedAnyHostileDevice, AnIdIsTakenOnceWhateverItWasBefore_H18) {
  TestArena arena(ArenaBytes(8));
  Ring ring{.layout = TakeRing(arena, 8, RingFormat::kPacked),
            .published = {},
            .gate = {}};
  PackedDriverQueue<UseOrder::kAny, uint32_t> queue(ring);
  const std::array buffer = {DeviceBuffer{{0x100}, 64}};
  const auto use = [&](uint64_t place, uint64_t id, uint64_t flags) {
    SharedWord<uint64_t>(ring.layout.desc + 16 * place + 8)
        .store(1 | id << 32 | flags << 48);
  };
  std::vector<UsedChain<uint32_t>> used(8);
  for (uint32_t i = 0; i < 8; ++i) {
    ASSERT_TRUE(queue.Offer({.writable = buffer, .cookie = i}));
  }
  queue.Publish();
  for (uint32_t i = 0; i < 8; ++i) use(i, i, 0x8080);
  ASSERT_EQ(queue.TakeUsed(used), 8u);
  for (uint32_t i = 0; i < 8; ++i) {
    queue.OfferOne<BufferUse::kDeviceWrites>(buffer[0], 100 + i);
  }
  queue.Publish();
  use(0, 3, 0);  // Out of sequence.
  use(1, 1, 0);
  EXPECT_EQ(queue.TakeUsed(used), 2u);
  use(2, 1, 0);
  EXPECT_EQ(queue.TakeUsed(used), 0u);
  EXPECT_TRUE(queue.broken().has_value());
  size_t lost = 0;
  queue.ReclaimAll([&](uint32_t) { ++lost; });
  EXPECT_EQ(lost, 6u);
}

TYPED_TEST(PackedHostileDevice, ARingFullOfUsedFlagsIsReadOnceAround) {
  (void)this->OfferAndPop(3);
  for (uint32_t i = 0; i < 8; ++i) this->SetTail(i, 1, i, 0x8080);
  std::vector<UsedChain<uint32_t>> used(1000);
  const size_t count = this->queue_.TakeUsed(used);
  EXPECT_EQ(count, 3u);
  EXPECT_EQ(this->queue_.in_flight(), 0);
  EXPECT_EQ(this->queue_.free_count(), 8);
  EXPECT_THAT(this->Reclaim(), IsEmpty());
}

// In order one id alone is due at a time.
using PackedHostileAny = PackedHostileDevice<PackedAny>;

TEST_F(PackedHostileAny, AWordThatChangesIsBelievedAsAWhole) {
  queue_.OfferOne<BufferUse::kDeviceWrites>({{0}, 1}, 100);
  queue_.OfferOne<BufferUse::kDeviceWrites>({{0}, 2}, 200);
  queue_.Publish();
  (void)PopAll();
  std::atomic<bool> done{false};
  std::thread device([&] {
    while (!done.load(std::memory_order_relaxed)) {
      SetTail(0, 1, 0, 0x8080);
      SetTail(0, 2, 1, 0x8080);
    }
  });
  for (int i = 0; i < 20000; ++i) {
    std::array<UsedChain<uint32_t>, 1> used;
    if (queue_.TakeUsed(used) == 0) continue;
    EXPECT_EQ(used[0].cookie, 100 * used[0].bytes);
    break;
  }
  done.store(true);
  device.join();
  EXPECT_FALSE(queue_.broken().has_value());
}

using PackedHostileInOrder = PackedHostileDevice<PackedInOrder>;

// A batch is skipped as a whole: what stands inside of it is not looked at.
TEST_F(PackedHostileInOrder, NothingInsideABatchIsRead_D06) {
  const std::vector<SeenChain> chains = OfferAndPop(8);
  device_.UseBatch(std::span(chains).first(6), 1);
  for (uint32_t i = 1; i < 6; ++i) SetTail(i, 77, 99, 0x8080);
  EXPECT_THAT(Cookies(), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_FALSE(queue_.broken().has_value());
  SetTail(6, 77, 99, 0x8080);
  EXPECT_THAT(Cookies(), IsEmpty());
  EXPECT_TRUE(queue_.broken().has_value());
  EXPECT_THAT(Reclaim(), UnorderedElementsAre(6, 7));
}

}  // namespace
}  // namespace virtio_user
