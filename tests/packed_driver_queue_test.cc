// SPDX-License-Identifier: BSD-3-Clause
//
// What only a packed ring has, as literal words. The rest: driver_queue_test.

#include "virtio_user/ring/packed_driver_queue.h"

#include <array>
#include <cstdint>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/driver_queue_support.h"

namespace virtio_user {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Desc {
  uint64_t addr;
  uint32_t len;
  uint16_t id;
  uint16_t flags;

  friend bool operator==(const Desc&, const Desc&) = default;
};

// Rings of 5: no power of two.
template <typename Kind>
class PackedDriverQueueTest : public DriverQueueFixture<Kind, 5> {
 protected:
  Desc At(uint32_t index) const {
    Desc desc;
    std::memcpy(&desc, this->ring_.layout.desc + 16 * index, sizeof(desc));
    return desc;
  }
  uint32_t DriverEvent() const {
    return LoadRelaxed<uint32_t>(this->ring_.layout.driver);
  }
  void SetDeviceEvent(uint32_t word) const {
    StoreRelaxed<uint32_t>(this->ring_.layout.device, word);
  }
  void OfferRead(uint64_t addr) {
    this->queue_.template OfferOne<BufferUse::kDeviceReads>({{addr}, 1}, 0);
  }
};
using PackedKinds = ::testing::Types<PackedAny, PackedInOrder>;
TYPED_TEST_SUITE(PackedDriverQueueTest, PackedKinds, KindNames);

TYPED_TEST(PackedDriverQueueTest, DescriptorsStandInTheRingAsTheSpecDrawsThem) {
  ASSERT_TRUE(this->Offer(7, 1, 2));
  this->queue_.Publish();
  EXPECT_EQ(this->At(0), (Desc{0x100, 1, 0, 0x81}));
  EXPECT_EQ(this->At(1), (Desc{0x200, 2, 0, 0x83}));
  EXPECT_EQ(this->At(2), (Desc{0x300, 3, 0, 0x82}));
  EXPECT_EQ(this->At(3), Desc{});
  EXPECT_EQ(this->ring_.published, (RingPosition{3, true}));
}

TYPED_TEST(PackedDriverQueueTest, TheFirstFlagsOfABurstAreWrittenByPublish) {
  this->OfferRead(0x10);
  this->OfferRead(0x20);
  EXPECT_EQ(this->At(0), (Desc{0x10, 0, 0, 0}));
  EXPECT_EQ(this->At(1), (Desc{0x20, 1, 1, 0x80}));
  EXPECT_THAT(this->PopAll(), IsEmpty());
  this->queue_.Publish();
  EXPECT_EQ(this->At(0), (Desc{0x10, 1, 0, 0x80}));
  EXPECT_EQ(this->PopAll().size(), 2u);
}

TYPED_TEST(PackedDriverQueueTest, TheWrapCounterTogglesInsideAChain) {
  for (const SeenChain& chain : this->OfferAndPop(4)) {
    this->device_.Use(chain, 0);
  }
  ASSERT_EQ(this->Take().size(), 4u);
  ASSERT_TRUE(this->Offer(0, 1, 1));
  this->queue_.Publish();
  const uint16_t id = this->At(4).id;
  EXPECT_EQ(this->At(4), (Desc{0x100, 1, id, 0x81}));
  EXPECT_EQ(this->At(0), (Desc{0x200, 2, id, 0x8002}));
  EXPECT_EQ(this->ring_.published, (RingPosition{1, false}));
  EXPECT_EQ(this->queue_.NotificationData(9), 0x10009u);
  this->device_.Use(*this->device_.Pop(), 2);
  EXPECT_EQ(this->Take().size(), 1u);
  EXPECT_EQ(this->queue_.free_count(), 5);
}

TYPED_TEST(PackedDriverQueueTest, AFullRingOfOneListTogglesTheWrapCounter) {
  for (const bool wrap : {true, false, true, false}) {
    EXPECT_EQ(this->ring_.published, (RingPosition{0, wrap}));
    ASSERT_TRUE(this->Offer(3, 2, 3));
    EXPECT_THAT(this->PopAll(), IsEmpty());
    this->queue_.Publish();
    EXPECT_EQ(this->At(4).flags, wrap ? 0x82 : 0x8002);
    this->device_.Use(*this->device_.Pop(), 12);
    EXPECT_THAT(this->Cookies(), ElementsAre(3));
  }
}

TYPED_TEST(PackedDriverQueueTest, AFullRingOfSingleBuffersGoesRound) {
  for (int round = 0; round < 9; ++round) {
    const std::vector<SeenChain> chains = this->OfferAndPop(5);
    EXPECT_EQ(this->queue_.free_count(), 0);
    for (const SeenChain& chain : chains) this->device_.Use(chain, 1);
    EXPECT_THAT(this->Cookies(), ElementsAre(0, 1, 2, 3, 4));
  }
}

TYPED_TEST(PackedDriverQueueTest, ATableIsADescriptorWithIndirectAlone) {
  const std::span<std::byte> table = this->arena_.Take(32);
  ASSERT_TRUE(
      this->queue_.Offer({.readable = std::span(this->buffers_).first(1),
                          .writable = std::span(this->buffers_).subspan(1, 1),
                          .cookie = 0,
                          .table_memory = table,
                          .table_addr = {0x7000}}));
  this->queue_.Publish();
  EXPECT_EQ(this->At(0), (Desc{0x7000, 32, 0, 0x84}));
  std::array<Desc, 2> inside;
  std::memcpy(inside.data(), table.data(), 32);
  EXPECT_THAT(inside, ElementsAre(Desc{0x100, 1, 0, 0}, Desc{0x200, 2, 0, 2}));
}

TYPED_TEST(PackedDriverQueueTest, ADeviceNoticeHasOffsetAndWrapCounter) {
  EXPECT_EQ(this->queue_.NotificationData(2), 0x80000002u);
  (void)this->OfferAndPop(3);
  EXPECT_EQ(this->queue_.NotificationData(2), 0x80030002u);
}

TYPED_TEST(PackedDriverQueueTest, EventAreasSayWhoWantsToBeWoken) {
  EXPECT_EQ(this->DriverEvent(), 0x10000u);
  this->queue_.SuppressInterrupts(false);
  EXPECT_EQ(this->DriverEvent(), 0u);
  for (const uint32_t word : {0u, 0xffffu, 0x20000u, 0x30000u, 0xfffc0000u}) {
    this->SetDeviceEvent(word);
    EXPECT_TRUE(this->queue_.DeviceWantsKick()) << word;
  }
  for (const uint32_t word : {0x10000u, 0x1ffffu, 0xfffd0000u}) {
    this->SetDeviceEvent(word);
    EXPECT_FALSE(this->queue_.DeviceWantsKick()) << word;
  }
}

TYPED_TEST(PackedDriverQueueTest, AnUnchangedWishIsNotWrittenAgain) {
  StoreRelaxed<uint32_t>(this->ring_.layout.driver, 0xabcd);
  this->queue_.SuppressInterrupts(true);
  EXPECT_EQ(this->DriverEvent(), 0xabcdu);
  this->queue_.SuppressInterrupts(false);
  EXPECT_EQ(this->DriverEvent(), 0u);
}

TYPED_TEST(PackedDriverQueueTest, AfterAStopTheQueueGoesOnWhereItStood) {
  const std::vector<SeenChain> chains = this->OfferAndPop(4);
  this->device_.Use(chains[0], 1);
  this->ring_.gate.Open();
  this->ring_.gate.Close();
  for (size_t i = 1; i < 4; ++i) this->device_.Use(chains[i], 1);
  EXPECT_THAT(this->Cookies(), ElementsAre(0, 1, 2, 3));
  EXPECT_EQ(this->ring_.published, (RingPosition{4, true}));
}

TYPED_TEST(PackedDriverQueueTest, RingsOfOneDescriptorWork) {
  TestArena arena(ArenaBytes(1));
  Ring ring{.layout = TakeRing(arena, 1, RingFormat::kPacked),
            .published = {},
            .gate = {}};
  typename TestFixture::Queue queue(ring);
  BareDevice device(ring.layout, arena);
  for (uint32_t i = 0; i < 9; ++i) {
    queue.template OfferOne<BufferUse::kDeviceWrites>({{i}, i}, i);
    EXPECT_FALSE(device.Pop().has_value());
    queue.Publish();
    device.Use(*device.Pop(), i);
    std::array<UsedChain<uint32_t>, 2> used;
    ASSERT_EQ(queue.TakeUsed(used), 1u);
    EXPECT_EQ(used[0].cookie, i);
  }
}

using PackedInOrderTest = PackedDriverQueueTest<PackedInOrder>;

TEST_F(PackedInOrderTest, TheIdIsWhereTheChainStarts) {
  ASSERT_TRUE(Offer(0, 2, 0));
  ASSERT_TRUE(Offer(1, 1, 0));
  ASSERT_TRUE(Offer(2, 1, 1));
  queue_.Publish();
  const std::vector<SeenChain> chains = PopAll();
  EXPECT_EQ(chains[0].id, 0);
  EXPECT_EQ(chains[1].id, 2);
  EXPECT_EQ(chains[2].id, 3);
  EXPECT_EQ(At(4).id, 3);
}

}  // namespace
}  // namespace virtio_user
