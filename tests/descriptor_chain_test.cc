// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/ring/descriptor_chain.h"

#include <atomic>
#include <string>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/ring_support.h"

namespace virtio_user {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr uint16_t kNext = 1;
constexpr uint16_t kWrite = 2;
constexpr uint16_t kIndirect = 4;

class DescriptorChainTest : public ::testing::Test {
 protected:
  Result<void> Walk(uint16_t head) {
    return WalkChain(
        layout_, head, [this](DeviceBuffer b) { return arena_.Resolve(b); },
        chain_);
  }
  std::string WhyNot(uint16_t head) {
    const Result<void> walked = Walk(head);
    return walked ? "" : std::string(walked.error().text());
  }
  static DeviceBuffer Buffer(uint64_t addr, uint32_t bytes) {
    return {{addr}, bytes};
  }
  // An indirect table at `offset` of a 16-aligned place, as a descriptor.
  VirtqDesc PutTable(std::span<const VirtqDesc> table, size_t offset = 0) {
    std::byte* const at = table_.data() + offset;
    std::memcpy(at, table.data(), table.size_bytes());
    return {arena_.Addr(at).value, static_cast<uint32_t>(table.size_bytes()),
            kIndirect, 0};
  }

  TestArena arena_{ArenaBytes(4, 8192)};
  RingLayout layout_ = TakeRing(arena_, 4);
  BareRing bare_{layout_};
  std::span<std::byte> table_ = arena_.Take(4096);
  DescriptorChain chain_;
};

TEST_F(DescriptorChainTest, AChainIsSplitIntoReadableAndWritable) {
  bare_.SetDesc(3, {0x10, 1, kNext, 0});
  bare_.SetDesc(0, {0x20, 2, kNext, 2});
  bare_.SetDesc(2, {0x30, 3, kNext | kWrite, 1});
  bare_.SetDesc(1, {0x40, 4, kWrite, 9});
  ASSERT_EQ(WhyNot(3), "");
  EXPECT_EQ(chain_.token.id, 3);
  EXPECT_THAT(chain_.readable, ElementsAre(Buffer(0x10, 1), Buffer(0x20, 2)));
  EXPECT_THAT(chain_.writable, ElementsAre(Buffer(0x30, 3), Buffer(0x40, 4)));
}

TEST_F(DescriptorChainTest, BuffersOfLengthZeroAndWildAddressesAreKept) {
  bare_.SetDesc(0, {0, 0, kNext, 1});
  bare_.SetDesc(1, {~uint64_t{0}, 0xffffffff, kWrite, 0});
  ASSERT_EQ(WhyNot(0), "");
  EXPECT_THAT(chain_.readable, ElementsAre(Buffer(0, 0)));
  EXPECT_THAT(chain_.writable, ElementsAre(Buffer(~uint64_t{0}, 0xffffffffu)));
}

TEST_F(DescriptorChainTest, NextIsLookedAtOnlyWithItsFlag_S63) {
  bare_.SetDesc(0, {0x10, 1, 0, 0xffff});
  EXPECT_EQ(WhyNot(0), "");
  bare_.SetDesc(0, {0x10, 1, kNext, 4});
  EXPECT_THAT(WhyNot(0), HasSubstr("descriptor 4 is beyond a table of 4"));
}

TEST_F(DescriptorChainTest, ALoopEndsWithAnError_S64_H15_B39) {
  bare_.SetDesc(0, {0x10, 1, kNext, 0});
  EXPECT_THAT(WhyNot(0), HasSubstr("loop"));
  EXPECT_EQ(chain_.readable.size(), 4u);
  bare_.SetDesc(1, {0x10, 0, kNext | kWrite, 2});
  bare_.SetDesc(2, {0x10, 0, kNext | kWrite, 1});
  EXPECT_THAT(WhyNot(1), HasSubstr("loop"));
}

TEST_F(DescriptorChainTest, AChainAsLongAsTheRingIsLegal_B39) {
  for (uint16_t i = 0; i < 4; ++i) {
    bare_.SetDesc(i, {i, 1, uint16_t(i < 3 ? kNext : 0), uint16_t(i + 1)});
  }
  EXPECT_EQ(WhyNot(0), "");
  EXPECT_EQ(chain_.readable.size(), 4u);
}

TEST_F(DescriptorChainTest, FlagBitsWithoutAMeaningAreIgnored_S65) {
  bare_.SetDesc(0, {0x10, 1, uint16_t(0xfff8 | kNext), 1});
  bare_.SetDesc(1, {0x20, 1, uint16_t(0xfff8 | kWrite), 0});
  ASSERT_EQ(WhyNot(0), "");
  EXPECT_EQ(chain_.readable.size() + chain_.writable.size(), 2u);
}

TEST_F(DescriptorChainTest, ReadableAfterWritableIsAnError_S66) {
  bare_.SetDesc(0, {0x10, 1, kNext | kWrite, 1});
  bare_.SetDesc(1, {0x20, 1, 0, 0});
  EXPECT_THAT(WhyNot(0), HasSubstr("descriptor 1 is readable"));
}

TEST_F(DescriptorChainTest, AnIndirectTableIsWalkedAndItsWriteFlagIgnored) {
  const VirtqDesc table[] = {
      {0x10, 1, kNext, 2}, {0x30, 3, kWrite, 0}, {0x20, 2, kNext, 1}};
  VirtqDesc reference = PutTable(table);
  reference.flags |= kWrite;
  bare_.SetDesc(2, reference);
  ASSERT_EQ(WhyNot(2), "");
  EXPECT_EQ(chain_.token.id, 2);
  EXPECT_THAT(chain_.readable, ElementsAre(Buffer(0x10, 1), Buffer(0x20, 2)));
  EXPECT_THAT(chain_.writable, ElementsAre(Buffer(0x30, 3)));
}

TEST_F(DescriptorChainTest, NormalDescriptorsThenATableAreOneChain_S65) {
  const VirtqDesc table[] = {{0x30, 3, kNext, 1}, {0x40, 4, kWrite, 0}};
  bare_.SetDesc(0, {0x10, 1, kNext, 1});
  bare_.SetDesc(1, {0x20, 2, kNext, 2});
  bare_.SetDesc(2, PutTable(table));
  ASSERT_EQ(WhyNot(0), "");
  EXPECT_EQ(chain_.readable.size(), 3u);
  EXPECT_EQ(chain_.writable.size(), 1u);
}

TEST_F(DescriptorChainTest, ATableAtAnyAlignmentIsRead) {
  const VirtqDesc table[] = {{0x1122334455667788, 0x99aabbcc, kNext, 1},
                             {0x40, 4, kWrite, 0}};
  for (size_t offset = 0; offset < 16; ++offset) {
    bare_.SetDesc(0, PutTable(table, offset));
    ASSERT_EQ(WhyNot(0), "") << offset;
    EXPECT_THAT(chain_.readable,
                ElementsAre(Buffer(0x1122334455667788, 0x99aabbcc)));
    EXPECT_THAT(chain_.writable, ElementsAre(Buffer(0x40, 4)));
  }
}

TEST_F(DescriptorChainTest, ATableLongerThanTheRingIsCutShort_B39) {
  VirtqDesc table[200];
  for (uint16_t i = 0; i < 200; ++i) {
    table[i] = {i, 1, kNext, uint16_t(i + 1)};
  }
  bare_.SetDesc(0, PutTable(table));
  EXPECT_THAT(WhyNot(0), HasSubstr("longer than the ring of 4"));
  EXPECT_EQ(chain_.readable.size(), 4u);
  table[3].flags = 0;  // Four buffers, then the rest of the table unused.
  bare_.SetDesc(0, PutTable(table));
  EXPECT_EQ(WhyNot(0), "");
}

TEST_F(DescriptorChainTest, EveryMalformedTableIsNamed_S65) {
  const VirtqDesc table[] = {{0x10, 1, 0, 0}, {0x20, 1, 0, 0}};
  const VirtqDesc good = PutTable(table);
  VirtqDesc bad = good;
  bad.flags |= kNext;
  bare_.SetDesc(1, bad);
  EXPECT_THAT(WhyNot(1), HasSubstr("descriptor 1 has both NEXT and INDIRECT"));
  for (const uint32_t bytes : {0u, 1u, 15u, 17u, 31u}) {
    bad = good;
    bad.len = bytes;
    bare_.SetDesc(1, bad);
    EXPECT_THAT(WhyNot(1), HasSubstr(std::to_string(bytes) + " bytes"));
  }
  bad = good;
  bad.addr = 0x10;
  bare_.SetDesc(1, bad);
  EXPECT_THAT(WhyNot(1), HasSubstr("outside memory: 0x10, 32 bytes"));
  bad = good;
  bad.len = 0xfffffff0;
  bare_.SetDesc(1, bad);
  EXPECT_THAT(WhyNot(1), HasSubstr("outside memory"));
  const VirtqDesc nested[] = {good};
  bare_.SetDesc(1, PutTable(nested, 64));
  EXPECT_THAT(WhyNot(1), HasSubstr("indirect descriptor 0 names another"));
}

TEST_F(DescriptorChainTest, AnErrorLeavesNoRestOfAnEarlierChain) {
  bare_.SetDesc(0, {0x10, 1, kNext, 1});
  bare_.SetDesc(1, {0x20, 2, kWrite, 0});
  ASSERT_EQ(WhyNot(0), "");
  bare_.SetDesc(2, {0x10, 1, kIndirect | kNext, 0});
  EXPECT_NE(WhyNot(2), "");
  EXPECT_EQ(chain_.token.id, 2);
  EXPECT_THAT(chain_.readable, IsEmpty());
  EXPECT_THAT(chain_.writable, IsEmpty());
}

// A descriptor says A or B, whole words each; a mixture of the two halves of
// one word, or a check of one and a use of the other, would show.
TEST_F(DescriptorChainTest, AChangingDescriptorIsReadOnce_B40) {
  std::atomic<bool> stop{false};
  const uint64_t flags_a = 0x100 | (uint64_t{kWrite} << 32);
  const uint64_t flags_b =
      0x200 | (uint64_t{kNext} << 32) | (uint64_t{1} << 48);
  bare_.SetDesc(1, {0x40, 4, 0, 0});
  StoreRelaxed<uint64_t>(layout_.desc + 8, flags_a);
  std::atomic<bool> writes{false};
  std::thread driver([&] {
    while (!stop.load(std::memory_order_relaxed)) {
      StoreRelaxed<uint64_t>(layout_.desc + 8, flags_b);
      StoreRelaxed<uint64_t>(layout_.desc + 8, flags_a);
      writes.store(true, std::memory_order_relaxed);
    }
  });
  while (!writes.load(std::memory_order_relaxed)) std::this_thread::yield();
  // Until either was seen so often that a second read would have met the other.
  constexpr int kEnough = 700'000;
  int one = 0;
  int two = 0;
  for (int i = 0; i < 40'000'000 && (one < kEnough || two < kEnough); ++i) {
    const std::string wrong = WhyNot(0);
    const bool single = chain_.writable.size() == 1;
    ++(single ? one : two);
    const bool whole =
        wrong.empty() &&
        (single ? chain_.writable[0].bytes == 0x100u && chain_.readable.empty()
                : chain_.readable.size() == 2 &&
                      chain_.readable[0].bytes == 0x200u);
    EXPECT_TRUE(whole) << wrong;
    if (!whole) break;
  }
  stop.store(true);
  driver.join();
}

}  // namespace
}  // namespace virtio_user
