// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/device/control_queue.h"

#include <algorithm>
#include <atomic>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/control_fixture.h"

namespace virtio_user {
namespace {

using ::testing::Each;

using ControlQueueTest = ControlQueueFixture;

// --- One used element a head -------------------------------------------------

TEST_F(ControlQueueTest, AnEmptyRingIsServedInNoTime) {
  const Bytes before = rig_.DeviceMemory();
  EXPECT_EQ(*rig_.Serve(), 0u);
  EXPECT_EQ(rig_.DeviceMemory(), before);
}

TEST_F(ControlQueueTest, TheUsedElementIsTheHeadAndOneByte_S73_S74_F26) {
  for (uint16_t slot = 0; slot < ControlRig::kNum; ++slot) {
    const auto head = static_cast<uint16_t>((3 * slot + 1) % ControlRig::kNum);
    rig_.OfferRequest(head, {{2, 2}, {1}, {}}, FromInts({4, 0, 2, 0}));
    ASSERT_EQ(*rig_.Serve(), 1u);
    EXPECT_EQ(bare().used_idx(), slot + 1);
    EXPECT_EQ(bare().Used(slot).id, head);
    EXPECT_EQ(bare().Used(slot).len, 1u);
    EXPECT_THAT(rig_.Written(), Each(std::byte{0}));
  }
}

TEST_F(ControlQueueTest, EveryHeadGivesExactlyOneUsedElementInOrder_S71) {
  PutPromiscuous();
  bare().SetDesc(9, {BufferAt(8), 1, kWrite, 0});   // Nothing readable.
  bare().SetDesc(17, {BufferAt(0), 2, 0, 0});       // Nothing writable.
  bare().SetDesc(20, {BufferAt(0), 2, kNext, 20});  // A loop.
  const uint16_t heads[] = {17, 0, 20, 9, 17, 0};
  for (const uint16_t head : heads) rig_.Offer(head);
  ASSERT_EQ(*rig_.Serve(), 6u);
  EXPECT_EQ(bare().used_idx(), 6);
  const uint32_t lengths[] = {0, 1, 0, 1, 0, 1};
  for (size_t i = 0; i < 6; ++i) {
    EXPECT_EQ(bare().Used(static_cast<uint32_t>(i)).id, heads[i]);
    EXPECT_EQ(bare().Used(static_cast<uint32_t>(i)).len, lengths[i]);
  }
  EXPECT_EQ(rig_.buffers()[3], std::byte{0});
  EXPECT_EQ(rig_.buffers()[8], std::byte{1});
}

TEST_F(ControlQueueTest, AtMostOneRingFullIsServedInACall_S71) {
  PutPromiscuous();
  for (uint16_t i = 0; i < ControlRig::kNum; ++i) rig_.Offer(0);
  ASSERT_EQ(*rig_.Serve(), size_t{ControlRig::kNum});
  EXPECT_EQ(bare().used_idx(), ControlRig::kNum);
  EXPECT_EQ(*rig_.Serve(), 0u);
}

// A resolver that makes one more head available each time it is asked.
TEST_F(ControlQueueTest, ADriverThatKeepsAddingGetsItsTurnLater_S71) {
  PutPromiscuous();
  rig_.Offer(0);
  size_t calls = 0;
  const auto resolve = [&](DeviceBuffer buffer) {
    // Three buffers a request.
    if (calls++ % 3 == 0) rig_.Offer(0);
    return rig_.arena().Resolve(buffer);
  };
  const ControlTarget target = WillingTarget(rig_.accepted, rig_.state);
  ASSERT_EQ(*rig_.queue().Serve(resolve, target), size_t{ControlRig::kNum});
  EXPECT_EQ(bare().used_idx(), ControlRig::kNum);
  EXPECT_EQ(*rig_.Serve(), 1u);
}

TEST_F(ControlQueueTest, IndexesRunOnThrough65536) {
  for (uint32_t i = 0; i < 70000; ++i) {
    rig_.OfferRequest(static_cast<uint16_t>(i % ControlRig::kNum),
                      {{3}, {1}, {}}, FromInts({0, 0, 1}));
    ASSERT_EQ(*rig_.Serve(), 1u);
    ASSERT_EQ(bare().used_idx(), static_cast<uint16_t>(i + 1));
    ASSERT_EQ(rig_.LastUsed().id, i % ControlRig::kNum);
  }
}

TEST_F(ControlQueueTest, AFailedCommandIsAnsweredWith1AndChangesNothing_S61) {
  rig_.pairs = 2;
  rig_.refuse_pairs = true;
  rig_.OfferRequest(3, {{4}, {1}, {}}, FromInts({4, 0, 3, 0}));
  ASSERT_EQ(*rig_.Serve(), 1u);
  EXPECT_THAT(rig_.Written(), Each(std::byte{1}));
  EXPECT_EQ(rig_.pairs, 2);
  EXPECT_EQ(rig_.LastUsed().len, 1u);
}

TEST_F(ControlQueueTest, AddressesAreTranslatedNotCast_S68_F47) {
  // Device addresses of the rig are no pointers: it would not live otherwise.
  ASSERT_NE(BufferAt(0), reinterpret_cast<uintptr_t>(rig_.buffers().data()));
  PutPromiscuous();
  rig_.Offer(0);
  ASSERT_EQ(*rig_.Serve(), 1u);
  EXPECT_TRUE(rig_.state.promiscuous);
}

// Publication in both directions: ThreadSanitizer sees a missing acquire or
// release, and a plain run on a weakly ordered machine would.
TEST_F(ControlQueueTest, ADriverInAnotherThreadSeesEveryAck_S70) {
  constexpr uint16_t kRequests = 2000;
  PutPromiscuous();
  std::byte* const avail_idx = rig_.layout().driver + kAvailIdxOffset;
  std::byte* const used_idx = rig_.layout().device + kUsedIdxOffset;
  std::thread driver([&] {
    for (uint16_t i = 1; i <= kRequests; ++i) {
      rig_.buffers()[2] = static_cast<std::byte>(i % 2);
      rig_.buffers()[3] = ControlRig::kUntouched;
      bare().SetAvail(i - 1u, 0);
      SharedWord<uint16_t>(avail_idx).store(i, std::memory_order_release);
      const auto used = [&] {
        return SharedWord<uint16_t>(used_idx).load(std::memory_order_acquire);
      };
      while (used() != i) std::this_thread::yield();
      ASSERT_EQ(rig_.buffers()[3], std::byte{0});
    }
  });
  size_t served = 0;
  while (served < kRequests) {
    served += rig_.Serve().value_or(kRequests);
    std::this_thread::yield();
  }
  driver.join();
  EXPECT_EQ(served, size_t{kRequests});
  EXPECT_FALSE(rig_.state.promiscuous);
}

// --- Requests that cannot be read --------------------------------------------

TEST_F(ControlQueueTest, ARequestOutsideMemoryIsAnsweredWith1_S67_S68) {
  PutPromiscuous();
  const VirtqDesc bad[] = {{0, 1, kNext, 2},
                           {~uint64_t{0}, 1, kNext, 2},
                           {TestArena::kPublished - 1, 2, kNext, 2},
                           {BufferAt(0), 100000, kNext, 2}};
  for (const VirtqDesc& desc : bad) {
    rig_.buffers()[3] = ControlRig::kUntouched;
    bare().SetDesc(1, desc);
    rig_.Offer(0);
    ASSERT_EQ(*rig_.Serve(), 1u);
    EXPECT_EQ(rig_.LastUsed().len, 1u);
    EXPECT_EQ(rig_.buffers()[3], std::byte{1});
    EXPECT_FALSE(rig_.state.promiscuous);
  }
}

// The bytes that can be read would be a whole request.
TEST_F(ControlQueueTest, AnUnreadableBufferIsNotSkipped_S67_S68) {
  PutPromiscuous();
  bare().SetDesc(1, {BufferAt(2), 1, kNext, 3});
  bare().SetDesc(3, {0x10, 1, kNext, 2});
  rig_.Offer(0);
  ASSERT_EQ(*rig_.Serve(), 1u);
  EXPECT_EQ(rig_.buffers()[3], std::byte{1});
  EXPECT_FALSE(rig_.state.promiscuous);
}

class LongRequestTest : public ::testing::TestWithParam<size_t> {};

// An address table of `count` entries, in buffers of at most 1000 bytes.
TEST_P(LongRequestTest, MoreThan8192BytesAreAnsweredWith1_S67_H15) {
  const size_t count = GetParam();
  TestArena arena(ArenaBytes(32, 65536));
  const RingLayout layout = TakeRing(arena, 32);
  const BareRing bare(layout);
  const std::span<std::byte> memory = arena.Take(20000);
  Bytes request = FromInts({1, 0});
  Put(request, count, 4);
  for (size_t i = 0; i < count; ++i) Put(request, 0x02, 6);
  Put(request, 0, 4);
  std::ranges::copy(request, memory.begin());
  uint16_t index = 0;
  for (size_t at = 0; at < request.size(); at += 1000, ++index) {
    const auto bytes =
        static_cast<uint32_t>(std::min<size_t>(1000, request.size() - at));
    bare.SetDesc(index, {arena.Addr(memory.data() + at).value, bytes, kNext,
                         static_cast<uint16_t>(index + 1)});
  }
  std::byte& ack = memory.back();
  bare.SetDesc(index, {arena.Addr(&ack).value, 1, kWrite, 0});
  bare.set_avail_idx(1);
  ControlQueue queue(layout);
  ControlState state;
  const auto resolve = [&](DeviceBuffer b) { return arena.Resolve(b); };
  ack = std::byte{0xee};
  ASSERT_EQ(*queue.Serve(resolve, WillingTarget({Feature::kNetCtrlRx}, state)),
            1u);
  const bool fits = request.size() <= 8192;
  EXPECT_EQ(ack, fits ? std::byte{0} : std::byte{1});
  EXPECT_EQ(state.unicast_table.size(), fits ? count : 0);
  EXPECT_EQ(bare.Used(0).len, 1u);
}

// 10 + 6 * 1363 = 8188 bytes; with one address more, 8194.
INSTANTIATE_TEST_SUITE_P(Sizes, LongRequestTest,
                         ::testing::Values(1, 1000, 1363, 1364, 1365, 3000));

}  // namespace
}  // namespace virtio_user
