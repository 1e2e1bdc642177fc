// SPDX-License-Identifier: BSD-3-Clause
//
// The driver's side of a split ring against a device that lies.

#include <array>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/ring_support.h"
#include "virtio_user/ring/split_driver_queue.h"

namespace virtio_user {
namespace {

using ::testing::HasSubstr;

// A queue with four published chains (0 to 3) of two writable buffers with 8
// bytes, and one (4) that was offered and never published.
class HostileDevice : public ::testing::Test {
 protected:
  explicit HostileDevice(bool in_order = false)
      : queue_(ring_, {.in_order = in_order}) {
    for (uint32_t i = 0; i < 5; ++i) {
      if (i == 4) queue_.Publish();
      EXPECT_TRUE(queue_.Offer({.writable = buffers_, .cookie = i}));
    }
  }

  void Use(uint32_t id, uint32_t bytes) {
    bare_.SetUsed(bare_.used_idx(), {id, bytes});
    bare_.set_used_idx(static_cast<uint16_t>(bare_.used_idx() + 1));
  }
  uint16_t Head(uint32_t chain) const { return bare_.Avail(chain); }
  Result<size_t> Take() { return queue_.TakeUsed(used_); }

  // The queue is broken, says why, again and again, and looks no more.
  void ExpectBroken(const std::string& reason) {
    const Result<size_t> taken = Take();
    ASSERT_FALSE(taken.has_value());
    EXPECT_EQ(taken.error().code(), ErrorCode::kProtocol);
    EXPECT_THAT(std::string(taken.error().text()), HasSubstr(reason));
    ASSERT_TRUE(queue_.broken().has_value());
    ring_.layout.Zero();
    EXPECT_EQ(Take().error().text(), queue_.broken()->text());
    EXPECT_FALSE(queue_.Offer({.writable = buffers_, .cookie = 9}));
    EXPECT_TRUE(arena_.GuardsIntact());
  }

  TestArena arena_{ArenaBytes(16)};
  Ring ring_{.layout = TakeRing(arena_, 16), .published = {}, .gate = {}};
  BareRing bare_{ring_.layout};
  std::array<DeviceBuffer, 2> buffers_ = {{{{0x100}, 5}, {{0x200}, 3}}};
  SplitDriverQueue queue_;
  std::array<UsedChain, 16> used_;
};

class HostileInOrderDevice : public HostileDevice {
 protected:
  HostileInOrderDevice() : HostileDevice(true) {}
};

TEST_F(HostileDevice, AnIdBeyondTheTableBreaksTheQueue_H18) {
  for (const uint32_t id : {16u, 17u, 65535u, 65536u, 0xffffffffu}) {
    SCOPED_TRACE(id);
    Use(id, 0);
    ExpectBroken("id " + std::to_string(id));
    queue_.ReclaimAll([](uint32_t) {});
    ASSERT_TRUE(queue_.Offer({.writable = buffers_, .cookie = 0}));
    queue_.Publish();
  }
}

TEST_F(HostileDevice, AnIdWithSurplusHighBitsIsNotCutToAValidOne_H18) {
  Use(0x10000u | Head(0), 0);
  ExpectBroken("id " + std::to_string(0x10000u | Head(0)));
}

TEST_F(HostileDevice, TheMiddleOfAChainIsNoHead_H18) {
  const uint16_t middle = bare_.Desc(Head(1)).next;
  Use(middle, 0);
  ExpectBroken("id " + std::to_string(middle));
}

TEST_F(HostileDevice, AFreeDescriptorIsNoHead_H18) {
  Use(15, 0);
  ExpectBroken("id 15 is no chain that the device has");
}

TEST_F(HostileDevice, AChainUsedTwiceInOneLookBreaksTheQueueAtTheSecond_H18) {
  Use(Head(2), 8);
  Use(Head(2), 8);
  ASSERT_EQ(Take(), 1u);
  EXPECT_EQ(used_[0].cookie, 2u);
  ExpectBroken("id " + std::to_string(Head(2)));
}

TEST_F(HostileDevice, AChainUsedTwiceInTwoLooksBreaksTheQueue_H18) {
  const uint16_t head = Head(0);
  Use(head, 8);
  ASSERT_EQ(Take(), 1u);
  Use(head, 8);
  ExpectBroken("id " + std::to_string(head));
}

TEST_F(HostileDevice, AChainThatWasNeverPublishedBreaksTheQueue) {
  Use(Head(4), 0);
  ExpectBroken("id " + std::to_string(Head(4)));
}

TEST_F(HostileDevice, BytesBeyondTheBuffersBreakTheQueue_H18) {
  Use(Head(0), 8);
  ASSERT_EQ(Take(), 1u);
  Use(Head(1), 9);
  ExpectBroken("9 bytes in chain " + std::to_string(Head(1)) +
               ", which takes 8");
}

TEST_F(HostileDevice, AnIndexBeyondWhatWasPublishedBreaksTheQueue) {
  bare_.set_used_idx(5);
  ExpectBroken("used index 5: it was 0 and the device had 4 more");
}

TEST_F(HostileDevice, AnIndexThatRunsBackwardsBreaksTheQueue) {
  Use(Head(0), 0);
  Use(Head(1), 0);
  ASSERT_EQ(Take(), 2u);
  bare_.set_used_idx(1);
  ExpectBroken("used index 1: it was 2");
}

TEST_F(HostileDevice, AnIndexThatTakesBackAnElementBreaksTheQueue) {
  Use(Head(0), 0);
  Use(Head(1), 0);
  ASSERT_EQ(queue_.TakeUsed(std::span(used_).first(1)), 1u);
  bare_.set_used_idx(1);
  ExpectBroken("used index 1: it was 2");
}

TEST_F(HostileDevice, NoDescriptorThatTheDeviceRewritesIsBelieved_H18) {
  const VirtqDesc loop{0, 0xffffffff, kDescFlagNext, Head(0)};
  for (uint32_t i = 0; i < 16; ++i) bare_.SetDesc(i, loop);
  for (uint32_t i = 0; i < 16; ++i) bare_.SetAvail(i, 7);
  bare_.set_avail_idx(999);
  for (const uint16_t head : {0, 2, 4, 6}) Use(head, 1);
  ASSERT_EQ(Take(), 4u);
  EXPECT_EQ(queue_.free_count(), 14);
  queue_.Publish();
  EXPECT_EQ(bare_.avail_idx(), 5);
}

TEST_F(HostileInOrderDevice, ABatchLongerThanTheIndexBreaksTheQueue_D06) {
  bare_.SetUsed(0, {Head(2), 0});
  bare_.set_used_idx(2);
  ExpectBroken("stands for 3 chains, but the index for 2");
}

TEST_F(HostileInOrderDevice, AChainBeforeTheOldestBreaksTheQueue_D06) {
  const uint16_t head = Head(0);
  Use(head, 0);
  ASSERT_EQ(Take(), 1u);
  Use(head, 0);
  ExpectBroken("id " + std::to_string(head));
}

TEST_F(HostileInOrderDevice, AnUnpublishedChainIsNoEndOfABatch_D06) {
  bare_.SetUsed(0, {Head(4), 0});
  bare_.set_used_idx(4);
  ExpectBroken("id " + std::to_string(Head(4)));
}

TEST_F(HostileInOrderDevice, TheLengthOfABatchIsThatOfItsLastChain_D06) {
  bare_.SetUsed(0, {Head(2), 9});
  bare_.set_used_idx(3);
  ExpectBroken("9 bytes in chain " + std::to_string(Head(2)));
}

// Every chain comes back once, with no more bytes than it takes, whatever
// stands in the used ring.
void ThrowGarbage(bool in_order, uint64_t seed) {
  TestRandom random(seed);
  TestArena arena(ArenaBytes(8));
  Ring ring{.layout = TakeRing(arena, 8), .published = {}, .gate = {}};
  const BareRing bare(ring.layout);
  SplitDriverQueue queue(ring, {.in_order = in_order});
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
    if (!random.OneIn(4)) queue.Publish();
    for (uint32_t i = 0; i < 8; ++i) {
      bare.SetUsed(i, {random.Below(random.OneIn(9) ? 70000 : 8),
                       random.Below(random.OneIn(9) ? 70000 : 5)});
    }
    bare.set_used_idx(static_cast<uint16_t>(bare.used_idx() + random.Below(3)));
    std::array<UsedChain, 4> used;
    const auto count = queue.TakeUsed(std::span(used).first(random.Below(5)));
    for (size_t i = 0; i < count.value_or(0); ++i) {
      ASSERT_EQ(with_device.erase(used[i].cookie), 1u);
      ASSERT_LE(used[i].bytes, 8u);
    }
    ASSERT_EQ(queue.in_flight(), with_device.size());
    if (count) continue;
    queue.ReclaimAll(
        [&](uint32_t cookie) { ASSERT_EQ(with_device.erase(cookie), 1u); });
    ASSERT_TRUE(with_device.empty());
  }
  ASSERT_TRUE(arena.GuardsIntact());
}

TEST(HostileDeviceGarbage, NoChainComesBackTwiceOrWithTooManyBytes_H18) {
  for (uint64_t seed = 1; seed <= 500; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    ThrowGarbage(false, seed);
    ThrowGarbage(true, seed);
    ASSERT_FALSE(::testing::Test::HasFailure());
  }
}

}  // namespace
}  // namespace virtio_user
