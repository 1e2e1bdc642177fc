// SPDX-License-Identifier: BSD-3-Clause
//
// The control queue on a packed ring: every list yields exactly one used
// descriptor, whatever is in it.

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/control_support.h"

namespace virtio_user {
namespace {

using ::testing::HasSubstr;

class ControlQueuePackedTest : public ::testing::Test {
 protected:
  ~ControlQueuePackedTest() override {
    EXPECT_TRUE(rig_.arena().GuardsIntact());
  }

  PackedDesc Readable(size_t offset, uint32_t bytes) {
    return {BufferAt(offset), bytes, 0, 0};
  }
  PackedDesc Writable(size_t offset, uint32_t bytes) {
    return {BufferAt(offset), bytes, 0, kDescFlagWrite};
  }
  uint64_t BufferAt(size_t offset) {
    return rig_.arena().Addr(rig_.buffers().data() + offset).value;
  }
  // {PROMISC, on}; its ack comes to byte 3.
  void PutPromiscuous() {
    const Bytes request = FromInts({0, 0, 1, 0xee});
    std::memcpy(rig_.buffers().data(), request.data(), request.size());
  }
  // One used descriptor of length 0, and nothing was carried out.
  void ExpectNotCarriedOut(std::vector<PackedDesc> list) {
    const ControlState state = rig_.state;
    const Bytes buffers(rig_.buffers().begin(), rig_.buffers().end());
    rig_.OfferList(7, std::move(list));
    ASSERT_EQ(rig_.Serve().value_or(99), 1u);
    const std::vector<VirtqUsedElem> used = rig_.TakeUsed();
    ASSERT_EQ(used.size(), 1u);
    EXPECT_EQ(used[0].id, 7u);
    EXPECT_EQ(used[0].len, 0u);
    EXPECT_EQ(rig_.state, state);
    EXPECT_EQ(Bytes(rig_.buffers().begin(), rig_.buffers().end()), buffers);
  }

  ControlRig rig_{RingFormat::kPacked};
};

TEST_F(ControlQueuePackedTest, EachListGivesOneUsedDescriptorInOrder) {
  PutPromiscuous();
  rig_.OfferList(40000, {Readable(0, 2)});              // No ack possible.
  rig_.OfferList(3, {Readable(0, 3), Writable(3, 1)});  // Good.
  rig_.OfferList(3, {Writable(8, 1), Readable(0, 3)});  // Turned round.
  rig_.OfferList(9, {Writable(9, 1)});                  // No request.
  ASSERT_EQ(rig_.Serve().value_or(99), 4u);
  const std::vector<VirtqUsedElem> used = rig_.TakeUsed();
  ASSERT_EQ(used.size(), 4u);
  const uint32_t ids[] = {40000, 3, 3, 9};
  const uint32_t lengths[] = {0, 1, 0, 1};
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(used[i].id, ids[i]);
    EXPECT_EQ(used[i].len, lengths[i]);
  }
  EXPECT_EQ(rig_.buffers()[3], std::byte{0});
  EXPECT_EQ(rig_.buffers()[9], std::byte{1});
  EXPECT_TRUE(rig_.state.promiscuous);
}

TEST_F(ControlQueuePackedTest, MalformedListsAreNotCarriedOut) {
  PutPromiscuous();
  const uint64_t table = rig_.arena().Addr(rig_.table().data()).value;
  const PackedDesc entries[] = {Readable(0, 3), Writable(3, 1)};
  std::memcpy(rig_.table().data(), entries, sizeof(entries));
  const PackedDesc good{table, 32, 0, kDescFlagIndirect};
  ExpectNotCarriedOut({good, Writable(3, 1)});
  ExpectNotCarriedOut({Readable(0, 3), good});
  ExpectNotCarriedOut({Readable(0, 2), Writable(3, 1), Readable(2, 1)});
  for (const uint32_t bytes : {0u, 16u, 31u, 33u * 16, 0xfffffff0u}) {
    PackedDesc bad = good;
    bad.len = bytes;
    ExpectNotCarriedOut({bad});
  }
  ExpectNotCarriedOut({{16, 32, 0, kDescFlagIndirect}});
  ExpectNotCarriedOut({Readable(0, 3), {16, 1, 0, kDescFlagWrite}});
  // The good one, so that the bad ones are known to be near it.
  rig_.OfferList(1, {good});
  ASSERT_EQ(rig_.Serve().value_or(99), 1u);
  EXPECT_TRUE(rig_.state.promiscuous);
}

TEST_F(ControlQueuePackedTest, AListWithoutAnEndBreaksTheQueue) {
  std::vector<PackedDesc> list(ControlRig::kNum, Readable(0, 1));
  list.back().flags |= kDescFlagNext;
  rig_.OfferList(1, list);
  const Result<size_t> served = rig_.Serve();
  ASSERT_FALSE(served.has_value());
  EXPECT_THAT(std::string(served.error().text()), HasSubstr("does not end"));
  EXPECT_TRUE(rig_.TakeUsed().empty());
  EXPECT_EQ(rig_.Serve().error().text(), served.error().text());
}

TEST_F(ControlQueuePackedTest, AtMostOneRingFullIsServedInACall) {
  PutPromiscuous();
  for (uint16_t i = 0; i < ControlRig::kNum; ++i) {
    rig_.OfferList(i, {Writable(3, 1)});
  }
  ASSERT_EQ(*rig_.Serve(), size_t{ControlRig::kNum});
  EXPECT_EQ(rig_.TakeUsed().size(), size_t{ControlRig::kNum});
  EXPECT_EQ(*rig_.Serve(), 0u);
}

TEST_F(ControlQueuePackedTest, EveryGarbageRingIsSurvived) {
  TestRandom random(20260830);
  size_t served = 0;
  size_t broken = 0;
  const BarePacked bare(rig_.layout());
  for (int round = 0; round < 20000; ++round) {
    ControlQueue queue(rig_.layout());
    rig_.layout().Zero();
    uint32_t available = random.Below(ControlRig::kNum + 1);
    for (uint32_t i = 0; i < available; ++i) {
      const uint64_t addr = random.OneIn(8) ? random.Next()
                            : random.OneIn(4)
                                ? rig_.arena().Addr(rig_.table().data()).value
                                : BufferAt(random.Below(1024));
      const uint32_t flags = random.OneIn(3) ? random.Below(8) : 2;
      bare.SetDesc(i, {addr, random.OneIn(4) ? 32 : random.Below(12),
                       static_cast<uint16_t>(random.Next()),
                       static_cast<uint16_t>(flags | 0x80)});
    }
    for (std::byte& byte : rig_.table()) {
      byte = static_cast<std::byte>(random.Below(4));
    }
    const auto resolve = [this](DeviceBuffer b) {
      return rig_.arena().Resolve(b);
    };
    const auto done =
        queue.Serve(resolve, WillingTarget(rig_.accepted, rig_.state));
    served += done.value_or(0);
    broken += done ? 0 : 1;
    size_t used = 0;
    for (uint32_t i = 0; i < ControlRig::kNum; ++i) {
      const PackedDesc desc = bare.Desc(i);
      if ((desc.flags & 0x8080) != 0x8080) continue;
      ++used;
      // The length has a meaning only with WRITE.
      ASSERT_TRUE((desc.flags & kDescFlagWrite) == 0 || desc.len == 1);
    }
    // What came before the mistake of a broken ring was served.
    ASSERT_TRUE(!done || *done == used);
  }
  EXPECT_GT(served, 50000u);
  EXPECT_GT(broken, 500u);
}

// As in the test of the split ring: ThreadSanitizer sees a missing acquire or
// release.
TEST_F(ControlQueuePackedTest, ADriverInAnotherThreadSeesEveryAck) {
  constexpr uint32_t kRequests = 2000;
  PutPromiscuous();
  std::thread driver([&] {
    for (uint32_t i = 0; i < kRequests; ++i) {
      const uint32_t first = 2 * i % ControlRig::kNum;
      const bool wrap = 2 * i / ControlRig::kNum % 2 == 0;
      std::byte* const at = rig_.layout().desc + 16 * first;
      const auto word = [&](uint32_t len, uint16_t flags) {
        return len | uint64_t{static_cast<uint16_t>(flags |
                                                    BarePacked::AvailIn(wrap))}
                         << 48;
      };
      rig_.buffers()[2] = static_cast<std::byte>(i % 2);
      rig_.buffers()[3] = ControlRig::kUntouched;
      StoreRelaxed<uint64_t>(at, BufferAt(0));
      StoreRelaxed<uint64_t>(at + 16, BufferAt(3));
      StoreRelaxed<uint64_t>(at + 24, word(1, kDescFlagWrite));
      SharedWord<uint64_t>(at + 8).store(word(3, kDescFlagNext),
                                         std::memory_order_release);
      const auto used = [&] {
        const uint64_t tail =
            SharedWord<uint64_t>(at + 8).load(std::memory_order_acquire);
        return (tail >> 48 & 0x8080) == BarePacked::UsedIn(wrap);
      };
      while (!used()) std::this_thread::yield();
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
  EXPECT_TRUE(rig_.state.promiscuous);
}

}  // namespace
}  // namespace virtio_user
