// SPDX-License-Identifier: BSD-3-Clause
//
// What both formats promise, tried on both with one driver that was typed from
// the spec.

#include "virtio_user/ring/device_queue.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/bare_driver.h"
#include "tests/ring_support.h"

namespace virtio_user {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

using Order = BareDriver::Order;

struct Shape {
  RingFormat format;
  uint16_t num;
  RingPosition start;
};

std::string NameOf(const ::testing::TestParamInfo<Shape>& info) {
  const Shape& shape = info.param;
  return std::string(shape.format == RingFormat::kSplit ? "Split" : "Packed") +
         std::to_string(shape.num) + "At" + std::to_string(shape.start.index) +
         (shape.start.wrap ? "" : "Turned");
}

class DeviceQueueTest : public ::testing::TestWithParam<Shape> {
 protected:
  ~DeviceQueueTest() override { EXPECT_TRUE(arena_.GuardsIntact()); }

  bool packed() const { return layout_.format == RingFormat::kPacked; }
  uint16_t num() const { return layout_.num; }
  bool Pop() {
    const Result<bool> taken = queue_.Pop(
        [this](DeviceBuffer b) { return arena_.Resolve(b); }, chain_);
    EXPECT_TRUE(taken.has_value());
    return taken.value_or(false);
  }
  RingPosition After(RingPosition at) const {
    if (!packed()) return {.index = static_cast<uint16_t>(at.index + 1)};
    if (at.index + 1 < num()) {
      return {static_cast<uint16_t>(at.index + 1), at.wrap};
    }
    return {0, !at.wrap};
  }
  // Offers and takes a chain of one buffer.
  ChainToken Token(uint32_t bytes, bool writable = true) {
    driver_.Offer({.buffer = {{0x10}, bytes}, .writable = writable});
    EXPECT_TRUE(Pop());
    return chain_.token;
  }

  TestArena arena_{16 * 1024};
  RingLayout layout_ = TakeRing(arena_, GetParam().num, GetParam().format);
  BareDriver driver_{layout_, GetParam().start};
  DeviceQueue queue_{
      layout_, {.next_avail = GetParam().start, .next_used = StartUsed()}};
  DescriptorChain chain_;

 private:
  // What a ring that was used up to its start holds.
  RingPosition StartUsed() {
    const RingPosition start = GetParam().start;
    if (!packed()) {
      BareRing(layout_).set_avail_idx(start.index);
      BareRing(layout_).set_used_idx(start.index);
      return start;
    }
    for (uint16_t i = 0; i < num(); ++i) {
      const bool round = (i < start.index) == start.wrap;
      BarePacked(layout_).SetDesc(i, {0, 0, 0, BarePacked::UsedIn(round)});
    }
    return start;
  }
};

INSTANTIATE_TEST_SUITE_P(
    Rings, DeviceQueueTest,
    ::testing::Values(Shape{RingFormat::kSplit, 1, {}},
                      Shape{RingFormat::kSplit, 4, {}},
                      Shape{RingFormat::kSplit, 4, {65534, true}},
                      Shape{RingFormat::kPacked, 1, {}},
                      Shape{RingFormat::kPacked, 4, {}},
                      Shape{RingFormat::kPacked, 5, {4, true}},
                      Shape{RingFormat::kPacked, 7, {3, false}}),
    NameOf);

TEST_P(DeviceQueueTest, NothingIsThereAtFirst) {
  EXPECT_FALSE(Pop());
  SingleBuffer one;
  EXPECT_EQ(queue_.PopOne(one), PopOutcome::kNothing);
  EXPECT_EQ(queue_.layout().num, num());
  EXPECT_FALSE(queue_.broken());
}

TEST_P(DeviceQueueTest, ChainsGoThroughManyRounds) {
  for (uint32_t i = 0; i < 1000; ++i) {
    const uint16_t id = driver_.Offer({.buffer = {{i}, i}, .writable = true});
    ASSERT_TRUE(Pop());
    ASSERT_EQ(chain_.token.id, id);
    ASSERT_THAT(chain_.writable, ElementsAre(DeviceBuffer{{i}, i}));
    ASSERT_FALSE(Pop());
    queue_.Put(chain_.token, i);
    ASSERT_FALSE(driver_.Take());
    queue_.Publish();
    ASSERT_EQ(driver_.Take(), (BareUsed{id, i}));
    ASSERT_FALSE(driver_.Take());
    ASSERT_EQ(queue_.next_avail(), queue_.next_used());
    ASSERT_EQ(queue_.next_used(), driver_.next_used());
  }
}

TEST_P(DeviceQueueTest, AChainAsLongAsTheRingGoesThrough) {
  std::vector<BareBuffer> buffers;
  for (uint16_t i = 0; i < num(); ++i) {
    buffers.push_back({.buffer = {{i}, 1}, .writable = i + 1 == num()});
  }
  for (int round = 0; round < 5; ++round) {
    const uint16_t id = driver_.Offer(buffers);
    ASSERT_TRUE(Pop());
    EXPECT_FALSE(chain_.malformed);
    EXPECT_EQ(chain_.buffer_count(), size_t{num()});
    EXPECT_EQ(chain_.token.descriptor_count, packed() ? num() : 1);
    EXPECT_FALSE(Pop());
    queue_.Push(chain_.token, 1);
    EXPECT_EQ(driver_.Take(), (BareUsed{id, 1}));
  }
}

TEST_P(DeviceQueueTest, SingleBuffersComeTheFastWayAndOthersTheGeneral) {
  SingleBuffer one;
  for (int round = 0; round < 20; ++round) {
    const uint16_t id =
        driver_.Offer({.buffer = {{0x99}, 3}, .writable = round % 2 == 0});
    ASSERT_EQ(queue_.PopOne(one), PopOutcome::kOne);
    EXPECT_EQ(one.buffer, (DeviceBuffer{{0x99}, 3}));
    EXPECT_EQ(one.token, (ChainToken{id, 1}));
    EXPECT_EQ(one.writable, round % 2 == 0);
    queue_.Push(one.token, 0);
    EXPECT_TRUE(driver_.Take());
    if (num() == 1) continue;
    driver_.Offer(
        std::vector<BareBuffer>{{.buffer = {{1}, 1}}, {.buffer = {{2}, 2}}});
    const RingPosition before = queue_.next_avail();
    ASSERT_EQ(queue_.PopOne(one), PopOutcome::kChain);
    ASSERT_EQ(queue_.next_avail(), before);
    ASSERT_TRUE(Pop());
    EXPECT_EQ(chain_.readable.size(), 2u);
    queue_.Push(chain_.token, 0);
    EXPECT_TRUE(driver_.Take());
  }
}

TEST_P(DeviceQueueTest, WhatIsPutIsSeenTogether) {
  if (num() < 4) return;
  std::vector<ChainToken> tokens;
  for (uint32_t i = 0; i < 3; ++i) tokens.push_back(Token(10));
  for (uint32_t i = 0; i < 3; ++i) {
    queue_.Put(tokens[i], i);
    ASSERT_FALSE(driver_.Take());
  }
  queue_.Publish();
  for (uint32_t i = 0; i < 3; ++i) {
    EXPECT_EQ(driver_.Take(), (BareUsed{tokens[i].id, i}));
  }
}

TEST_P(DeviceQueueTest, ChainsGoBackInAnyOrder) {
  if (num() < 4) return;
  for (int round = 0; round < 10; ++round) {
    std::vector<ChainToken> tokens;
    for (int i = 0; i < 4; ++i) tokens.push_back(Token(10));
    for (const size_t i : {2u, 0u, 3u, 1u}) {
      queue_.Push(tokens[i], static_cast<uint32_t>(i));
      EXPECT_EQ(driver_.Take(),
                (BareUsed{tokens[i].id, static_cast<uint32_t>(i)}));
    }
  }
}

TEST_P(DeviceQueueTest, OneElementStandsForABatch) {
  if (num() < 4) return;
  BareDriver driver(layout_, GetParam().start, Order::kInOrder);
  for (int round = 0; round < 20; ++round) {
    std::vector<ChainToken> tokens;
    const auto offer = [&](std::vector<BareBuffer> buffers) {
      driver.Offer(buffers);
      ASSERT_TRUE(Pop());
      tokens.push_back(chain_.token);
    };
    offer({{.buffer = {{1}, 10}, .writable = true}});
    offer({{.buffer = {{2}, 20}, .writable = true},
           {.buffer = {{3}, 1}, .writable = true}});
    offer({{.buffer = {{4}, 40}, .writable = true}});
    queue_.PutBatch(std::span(tokens).first(2), 7);
    queue_.PutBatch(std::span(tokens).last(1), 8);
    ASSERT_FALSE(driver.Take());
    queue_.Publish();
    EXPECT_EQ(driver.Take(), (BareUsed{tokens[0].id, 10}));
    EXPECT_EQ(driver.Take(), (BareUsed{tokens[1].id, 7}));
    EXPECT_EQ(driver.Take(), (BareUsed{tokens[2].id, 8}));
    EXPECT_FALSE(driver.Take());
    EXPECT_EQ(queue_.next_used(), driver.next_used());
  }
}

TEST_P(DeviceQueueTest, AnotherQueueGoesOnAtItsPositions) {
  if (num() < 4) return;
  const ChainToken out = Token(10);
  DeviceQueue next(layout_, {.next_avail = queue_.next_avail(),
                             .next_used = queue_.next_used()});
  const ChainToken second = [&] {
    driver_.Offer({.buffer = {{5}, 5}, .writable = true});
    SingleBuffer one;
    EXPECT_EQ(next.PopOne(one), PopOutcome::kOne);
    return one.token;
  }();
  next.Put(out, 1);
  next.Put(second, 2);
  next.Publish();
  EXPECT_EQ(driver_.Take(), (BareUsed{out.id, 1}));
  EXPECT_EQ(driver_.Take(), (BareUsed{second.id, 2}));
}

TEST_P(DeviceQueueTest, AMalformedChainIsGivenBackOnceLikeAnyOther) {
  if (num() < 4) return;
  const uint16_t id = driver_.Offer(std::vector<BareBuffer>{
      {.buffer = {{1}, 1}, .writable = true}, {.buffer = {{2}, 2}}});
  ASSERT_TRUE(Pop());
  ASSERT_TRUE(chain_.malformed);
  EXPECT_THAT(std::string(chain_.malformed->text()), HasSubstr("readable"));
  // Up to where it went wrong.
  EXPECT_EQ(chain_.writable.size(), 1u);
  EXPECT_EQ(chain_.readable.size(), 0u);
  queue_.Push(chain_.token, 0);
  EXPECT_EQ(driver_.Take(), (BareUsed{id, 0}));
  Token(3);
  EXPECT_FALSE(chain_.malformed);
}

TEST_P(DeviceQueueTest, ABrokenQueueSaysWhyAndIsLeftAlone) {
  driver_.Offer({.buffer = {{1}, 1}});
  queue_.Break(Error::Make(ErrorCode::kProtocol, "a reason"));
  SingleBuffer one;
  EXPECT_EQ(queue_.PopOne(one), PopOutcome::kBroken);
  const auto taken =
      queue_.Pop([this](DeviceBuffer b) { return arena_.Resolve(b); }, chain_);
  ASSERT_FALSE(taken.has_value());
  EXPECT_EQ(taken.error().text(), "a reason");
  EXPECT_EQ(queue_.broken()->text(), "a reason");
}

TEST_P(DeviceQueueTest, ADriverWithoutEventIdxIsAskedByItsFlags) {
  EXPECT_TRUE(queue_.DriverWantsInterrupt());
  driver_.SuppressInterrupts(true);
  EXPECT_FALSE(queue_.DriverWantsInterrupt());
  driver_.SuppressInterrupts(false);
  EXPECT_TRUE(queue_.DriverWantsInterrupt());
}

// Whichever chain the driver waits for: one interrupt, with the first question
// after that chain was published.
TEST_P(DeviceQueueTest, WithEventIdxTheAwaitedChainInterruptsOnce) {
  DeviceQueue queue(layout_, {.next_avail = GetParam().start,
                              .next_used = GetParam().start,
                              .event_index = EventIndex::kOn});
  TestRandom random(5);
  for (int round = 0; round < 500; ++round) {
    const uint32_t awaited = random.Below(num());
    RingPosition event = queue.next_used();
    for (uint32_t i = 0; i < awaited; ++i) event = After(event);
    driver_.InterruptAt(event);
    uint32_t published = 0;
    while (published <= awaited) {
      const uint32_t more = random.Below(4);
      for (uint32_t i = 0; i < more; ++i, ++published) {
        driver_.Offer({.buffer = {{1}, 1}});
        SingleBuffer one;
        ASSERT_EQ(queue.PopOne(one), PopOutcome::kOne);
        queue.Push(one.token, 0);
        ASSERT_TRUE(driver_.Take());
      }
      ASSERT_EQ(queue.DriverWantsInterrupt(), published > awaited) << round;
    }
    ASSERT_FALSE(queue.DriverWantsInterrupt());
  }
}

}  // namespace
}  // namespace virtio_user
