// SPDX-License-Identifier: BSD-3-Clause
//
// Driver queues of all kinds against a device that lies.

#include <array>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/driver_queue_support.h"

namespace virtio_user {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

// Four published chains (0 to 3) of two writable buffers with 8 bytes, which
// the device has taken, in a ring of 16.
template <typename Kind>
class HostileDevice : public DriverQueueFixture<Kind, 16> {
 protected:
  HostileDevice() { Begin(); }

  void Begin() {
    for (uint32_t i = 0; i < 4; ++i) EXPECT_TRUE(OfferPair(i));
    this->queue_.Publish();
    chains_ = this->PopAll();
  }
  bool OfferPair(uint32_t cookie) {
    return this->queue_.Offer({.writable = pair_, .cookie = cookie});
  }
  // The queue is broken, says why, again and again, and looks no more; the
  // `left` chains come back once.
  void ExpectBroken(const std::string& reason,
                    const std::vector<uint32_t>& left) {
    EXPECT_THAT(this->Take(), IsEmpty());
    ASSERT_TRUE(this->queue_.broken().has_value());
    const Error why = *this->queue_.broken();
    EXPECT_EQ(why.code(), ErrorCode::kProtocol);
    EXPECT_THAT(std::string(why.text()), HasSubstr(reason));
    this->ring_.layout.Zero();
    EXPECT_THAT(this->Take(), IsEmpty());
    EXPECT_EQ(this->queue_.broken()->text(), why.text());
    EXPECT_FALSE(OfferPair(9));
    EXPECT_EQ(this->queue_.in_flight(), left.size());
    EXPECT_THAT(this->Reclaim(), ::testing::UnorderedElementsAreArray(left));
    EXPECT_EQ(this->queue_.free_count(), 16);
    EXPECT_TRUE(this->arena_.GuardsIntact());
  }

  std::array<DeviceBuffer, 2> pair_ = {{{{0x100}, 5}, {{0x200}, 3}}};
  std::vector<SeenChain> chains_;
};
TYPED_TEST_SUITE(HostileDevice, AllKinds, KindNames);

TYPED_TEST(HostileDevice, AnIdBeyondTheRingBreaksTheQueue_H18) {
  for (const uint32_t id : {16u, 17u, 65535u}) {
    SCOPED_TRACE(id);
    this->device_.UseId(id, 0);
    this->ExpectBroken(
        "used element 0: id " + std::to_string(id) + " is no chain",
        {0, 1, 2, 3});
    this->Begin();
  }
}

TYPED_TEST(HostileDevice, AnIdThatWasNeverGivenBreaksTheQueue_H18) {
  this->device_.UseId(15, 0);
  this->ExpectBroken("id 15 is no chain that the device has", {0, 1, 2, 3});
}

TYPED_TEST(HostileDevice, TheMiddleOfAChainIsNoId_H18) {
  this->device_.UseId(3, 0);  // The second descriptor of chain 1.
  this->ExpectBroken("id 3", {0, 1, 2, 3});
}

TYPED_TEST(HostileDevice,
           AChainUsedTwiceInOneLookBreaksTheQueueAtTheSecond_H18) {
  this->device_.Use(this->chains_[0], 8);
  this->device_.Use(this->chains_[0], 8);
  EXPECT_THAT(this->Cookies(), ElementsAre(0));
  this->ExpectBroken("id " + std::to_string(this->chains_[0].id), {1, 2, 3});
}

TYPED_TEST(HostileDevice, AChainUsedTwiceInTwoLooksBreaksTheQueue_H18) {
  this->device_.Use(this->chains_[0], 8);
  EXPECT_THAT(this->Cookies(), ElementsAre(0));
  EXPECT_FALSE(this->queue_.broken().has_value());
  this->device_.Use(this->chains_[0], 8);
  this->ExpectBroken("id " + std::to_string(this->chains_[0].id), {1, 2, 3});
}

TYPED_TEST(HostileDevice, ASingleBufferUsedTwiceBreaksTheQueue_H18) {
  this->Reclaim();
  const std::vector<SeenChain> chains = this->OfferAndPop(3);
  this->device_.Use(chains[0], 1);
  this->device_.Use(chains[0], 1);
  EXPECT_THAT(this->Cookies(), ElementsAre(0));
  this->ExpectBroken("id " + std::to_string(chains[0].id), {1, 2});
}

TYPED_TEST(HostileDevice, BytesBeyondTheBuffersBreakTheQueue_H18) {
  this->device_.Use(this->chains_[0], 8);
  EXPECT_THAT(this->Cookies(), ElementsAre(0));
  this->device_.Use(this->chains_[1], 9);
  this->ExpectBroken("9 bytes in chain " + std::to_string(this->chains_[1].id) +
                         ", which takes 8",
                     {1, 2, 3});
}

TYPED_TEST(HostileDevice, BytesBeyondASingleBufferBreakTheQueue_H18) {
  this->Reclaim();
  const std::vector<SeenChain> chains = this->OfferAndPop(3);
  this->device_.Use(chains[0], 1);
  this->device_.Use(chains[1], 2);
  EXPECT_THAT(this->Cookies(), ElementsAre(0));
  this->ExpectBroken(", which takes 1", {1, 2});
}

TYPED_TEST(HostileDevice, BytesBeyondAnIndirectTablesBuffersBreakTheQueue) {
  this->Reclaim();
  const std::span<std::byte> table = this->arena_.Take(32);
  ASSERT_TRUE(
      this->queue_.Offer({.writable = this->pair_,
                          .cookie = 6,
                          .table_memory = table,
                          .table_addr = this->arena_.Addr(table.data())}));
  this->queue_.Publish();
  this->device_.Use(*this->device_.Pop(), 32);  // As long as the table.
  this->ExpectBroken("32 bytes in chain 0, which takes 8", {6});
}

TYPED_TEST(HostileDevice, NothingThatTheDeviceRewritesIsBelieved_H18) {
  std::vector<std::byte> before(this->ring_.layout.DescBytes());
  std::memcpy(before.data(), this->ring_.layout.desc, before.size());
  for (size_t i = 0; i < before.size(); i += 16) {
    // Address, length and id; in a packed ring the flags stay.
    std::memset(this->ring_.layout.desc + i, 0x5a, 14);
  }
  for (const SeenChain& chain : this->chains_) this->device_.Use(chain, 1);
  EXPECT_THAT(this->Cookies(), ElementsAre(0, 1, 2, 3));
  EXPECT_EQ(this->queue_.free_count(), 16);
  ASSERT_TRUE(this->Offer(5, 1, 2));
  this->queue_.Publish();
  EXPECT_EQ(this->device_.Pop()->buffers.size(), 3u);
}

template <typename Kind>
class HostileInOrderDevice : public HostileDevice<Kind> {};
TYPED_TEST_SUITE(HostileInOrderDevice, InOrderKinds, KindNames);

TYPED_TEST(HostileInOrderDevice, ABatchUpToNoChainBreaksTheQueue_D06) {
  for (const uint16_t id : {1, 3, 8, 15}) {
    SCOPED_TRACE(id);
    this->device_.UseId(id, 0, 4);
    this->ExpectBroken("id " + std::to_string(id), {0, 1, 2, 3});
    this->Begin();
  }
}

TYPED_TEST(HostileInOrderDevice, AChainBeforeTheOldestBreaksTheQueue_D06) {
  const std::span<const SeenChain> chains(this->chains_);
  this->device_.UseBatch(chains.first(2), 0);
  EXPECT_EQ(this->Take().size(), 2u);
  this->device_.Use(chains[1], 0);
  this->ExpectBroken("id " + std::to_string(chains[1].id), {2, 3});
}

TYPED_TEST(HostileInOrderDevice, TheLengthOfABatchIsThatOfItsLastChain_D06) {
  this->device_.UseBatch(std::span(this->chains_).first(3), 9);
  this->ExpectBroken("9 bytes in chain " + std::to_string(this->chains_[2].id),
                     {0, 1, 2, 3});
}

// Descriptors of an earlier round were chains then and are none now.
TYPED_TEST(HostileInOrderDevice, AStaleIdBreaksTheQueue) {
  this->Reclaim();
  const std::vector<SeenChain> chains = this->OfferAndPop(16);
  this->device_.UseBatch(chains, 1);
  EXPECT_EQ(this->Take().size(), 16u);
  ASSERT_TRUE(this->Offer(20, 4, 0));
  this->queue_.Publish();
  (void)this->PopAll();
  this->device_.UseId(2, 0);  // The middle of the chain at 0.
  this->ExpectBroken("id 2", {20});
}

// Every chain comes back once, with no more bytes than it takes, whatever the
// device says.
template <typename Kind>
void ThrowGarbage(uint64_t seed) {
  TestRandom random(seed);
  TestArena arena(ArenaBytes(8));
  Ring ring{
      .layout = TakeRing(arena, 8, Kind::kFormat), .published = {}, .gate = {}};
  BareDevice device(ring.layout, arena);
  typename Kind::template Queue<uint32_t> queue(ring);
  const DeviceBuffer buffers[] = {{{1}, 4}, {{2}, 4}};
  std::set<uint32_t> with_device;
  uint32_t next_cookie = 0;
  for (int step = 0; step < 200; ++step) {
    while (
        queue.Offer({.writable = std::span(buffers).first(1 + random.Below(2)),
                     .cookie = next_cookie})) {
      with_device.insert(next_cookie++);
      if (random.OneIn(4)) break;
    }
    queue.Publish();
    const uint32_t count = random.Below(4);
    for (uint32_t i = 0; i < count; ++i) {
      device.UseId(
          random.Below(random.OneIn(9) ? 70000 : 8),
          random.Below(random.OneIn(9) ? 70000 : 5),
          static_cast<uint16_t>(random.OneIn(3) ? random.Below(3) : 1));
    }
    std::array<UsedChain<uint32_t>, 4> used;
    const size_t taken = queue.TakeUsed(std::span(used).first(random.Below(5)));
    for (size_t i = 0; i < taken; ++i) {
      ASSERT_EQ(with_device.erase(used[i].cookie), 1u);
      ASSERT_LE(used[i].bytes, 8u);
    }
    ASSERT_EQ(queue.in_flight(), with_device.size());
    if (!queue.broken()) continue;
    queue.ReclaimAll(
        [&](uint32_t cookie) { ASSERT_EQ(with_device.erase(cookie), 1u); });
    ASSERT_TRUE(with_device.empty());
    device.Restart();
  }
  ASSERT_TRUE(arena.GuardsIntact());
}

template <typename Kind>
class HostileDeviceGarbage : public ::testing::Test {};
TYPED_TEST_SUITE(HostileDeviceGarbage, AllKinds, KindNames);

TYPED_TEST(HostileDeviceGarbage, NoChainComesBackTwiceOrWithTooManyBytes_H18) {
  for (uint64_t seed = 1; seed <= 500; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    ThrowGarbage<TypeParam>(seed);
    ASSERT_FALSE(::testing::Test::HasFailure());
  }
}

}  // namespace
}  // namespace virtio_user
