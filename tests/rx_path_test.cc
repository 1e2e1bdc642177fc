// SPDX-License-Identifier: BSD-3-Clause
//
// RxPath against the device's side of the ring, at random moments. What the
// device has used and the driver has not seen stands in a std::deque, and is
// compared byte by byte.

#include "virtio_user/net/rx_path.h"

#include <cstdio>
#include <deque>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/net_support.h"

namespace virtio_user {
namespace {

class RxModel {
 public:
  RxModel(const NetLayout& layout, uint16_t num, uint64_t seed)
      : in_order_(layout.in_order()),
        mergeable_(layout.mergeable()),
        num_(num),
        random_(seed),
        rx_({.num = num,
             .buffer_count = BufferCount(),
             .buffer_bytes = 128,
             .features = layout.features}) {}

  void Run(int steps) {
    for (int i = 0; i < steps && !::testing::Test::HasFailure(); ++i) {
      Step();
      ASSERT_EQ(rx_.pool.free_count() + rx_.queue->in_flight() + held_buffers_,
                rx_.pool.size());
    }
    if (::testing::Test::HasFailure()) return;
    Settle();
    EXPECT_EQ(rx_.queue->stats().dropped, 0u);
    EXPECT_EQ(rx_.queue->stats().packets, received_);
    EXPECT_TRUE(rx_.arena.GuardsIntact());
    Reclaim();
  }
  uint64_t received() const { return received_; }

 private:
  // What the device is about to say that it used.
  struct Filled {
    Bytes frame;
    std::vector<ChainToken> tokens;
    std::vector<uint32_t> written;
  };

  uint32_t BufferCount() {
    const uint32_t counts[] = {num_ / 2u + 1, num_, num_ + 70u};
    return counts[random_.Below(3)];
  }
  uint32_t Few() { return 1 + random_.Below(random_.OneIn(8) ? 2u * num_ : 6); }

  void Step() {
    switch (random_.Below(16)) {
      default:
        return Take(Few());
      case 4 ... 8:
        return Use(Few());
      case 9 ... 12:
        return Receive(Few() - 1);
      case 13:
        return FreeSome(Few());
      case 14:
        if (random_.OneIn(30)) Restart();
        return;
      case 15:
        if (random_.OneIn(60)) Reclaim();
        return;
    }
  }

  void Take(uint32_t count) {
    DescriptorChain chain;
    while (count-- != 0 && rx_.Pop(chain)) taken_.push_back(chain);
  }

  // The device uses up to `count` frames' buffers.
  void Use(uint32_t count) {
    while (count-- != 0 && !taken_.empty()) {
      if (in_order_ && random_.OneIn(3)) {
        UseBatch();
      } else {
        const Filled filled = FillOne(false);
        for (size_t i = 0; i < filled.tokens.size(); ++i) {
          rx_.device->Put(filled.tokens[i], filled.written[i]);
        }
        unpublished_.push_back(filled.frame);
      }
      if (!random_.OneIn(4)) Publish();
    }
  }
  // Several frames by one used element: all but the last one end where a
  // buffer ends.
  void UseBatch() {
    std::vector<ChainToken> tokens;
    uint32_t last = 0;
    for (uint32_t left = 1 + random_.Below(5); left != 0; --left) {
      const bool final = left == 1 || taken_.size() < (mergeable_ ? 6 : 2);
      const Filled filled = FillOne(!final);
      tokens.insert(tokens.end(), filled.tokens.begin(), filled.tokens.end());
      last = filled.written.back();
      unpublished_.push_back(filled.frame);
      if (final) break;
    }
    rx_.device->PutBatch(tokens, last);
  }
  void Publish() {
    if (!unpublished_.empty()) rx_.device->Publish();
    due_.insert(due_.end(), unpublished_.begin(), unpublished_.end());
    unpublished_.clear();
  }

  Filled FillOne(bool full) {
    const uint32_t most =
        mergeable_ ? static_cast<uint32_t>(std::min<size_t>(taken_.size(), 5))
                   : 1;
    const uint32_t buffers = 1 + random_.Below(most);
    const size_t header = rx_.header_bytes();
    const size_t each = rx_.pool.room_bytes() + header;
    const size_t whole = buffers * each - header;
    size_t bytes = whole;
    if (!full) {
      const size_t least = buffers == 1 ? 1 : whole - each + 1;
      bytes = least + random_.Below(static_cast<uint32_t>(whole - least + 1));
    }
    Filled filled;
    filled.frame = MakeFrame(bytes, used_++);
    const Bytes wire =
        WithHeader(header, static_cast<uint16_t>(buffers), filled.frame);
    std::span<const std::byte> rest = wire;
    for (uint32_t i = 0; i < buffers; ++i) {
      const DescriptorChain chain = PickTaken();
      filled.tokens.push_back(chain.token);
      filled.written.push_back(rx_.Fill(chain, rest));
    }
    EXPECT_TRUE(rest.empty());
    return filled;
  }
  DescriptorChain PickTaken() {
    if (!in_order_) {
      const auto count = static_cast<uint32_t>(taken_.size());
      std::swap(taken_.front(), taken_[random_.Below(count)]);
    }
    DescriptorChain chain = std::move(taken_.front());
    taken_.pop_front();
    return chain;
  }

  void Receive(uint32_t count) {
    std::vector<Packet> packets(count);
    packets.resize(rx_.queue->Receive(packets));
    ASSERT_FALSE(rx_.queue->broken()) << rx_.queue->broken()->text();
    ASSERT_EQ(packets.size(), std::min<size_t>(count, due_.size()));
    for (const Packet& packet : packets) {
      Bytes frame(packet.bytes);
      ASSERT_EQ(rx_.pool.CopyOut(packet, frame), frame.size());
      ASSERT_EQ(frame, due_.front());
      due_.pop_front();
      held_.push_back(packet);
      held_buffers_ += packet.buffer_count;
      ++received_;
    }
    if (!random_.OneIn(4)) FreeSome(2 * Few());
  }
  void FreeSome(uint32_t count) {
    while (count-- != 0 && !held_.empty()) {
      std::swap(held_.back(),
                held_[random_.Below(static_cast<uint32_t>(held_.size()))]);
      held_buffers_ -= held_.back().buffer_count;
      rx_.pool.Free(held_.back());
      held_.pop_back();
    }
  }

  // The device uses all that it took, then stops and starts.
  void Restart() {
    Use(UINT32_MAX);
    Publish();
    rx_.Close();
    std::vector<Packet> none(4);
    ASSERT_EQ(rx_.queue->Receive(none), 0u);
    rx_.RestartDevice();
    rx_.Open();
  }
  // The device is gone, with everything that it had.
  void Reclaim() {
    rx_.Close();
    const size_t in_flight = rx_.queue->in_flight();
    ASSERT_EQ(rx_.queue->ReclaimAll(), in_flight);
    ASSERT_EQ(rx_.pool.free_count() + held_buffers_, rx_.pool.size());
    taken_.clear();
    unpublished_.clear();
    due_.clear();
    rx_.device.emplace(rx_.vring.ring.layout);
    rx_.Open();
  }
  // Everything that is under way arrives.
  void Settle() {
    Publish();
    while (!due_.empty() && !::testing::Test::HasFailure()) Receive(64);
    FreeSome(UINT32_MAX);
  }

  const bool in_order_;
  const bool mergeable_;
  const uint16_t num_;
  TestRandom random_;
  Receiver rx_;
  std::deque<DescriptorChain> taken_;  // By the device, and not used.
  std::vector<Bytes> unpublished_;
  std::deque<Bytes> due_;
  std::vector<Packet> held_;
  size_t held_buffers_ = 0;
  uint64_t used_ = 0;
  uint64_t received_ = 0;
};

class RxPathTest : public ::testing::TestWithParam<NetLayout> {
 protected:
  void Run(uint16_t num, uint64_t seed, int steps) {
    SCOPED_TRACE("ring of " + std::to_string(num) + ", seed " +
                 std::to_string(seed));
    RxModel model(GetParam(), num, seed);
    model.Run(steps);
    EXPECT_GT(model.received(), 20u);
  }
};
INSTANTIATE_TEST_SUITE_P(All, RxPathTest, ::testing::ValuesIn(AllLayouts()),
                         NetLayoutName());

TEST_P(RxPathTest, EveryByteArrivesOnEveryRingUnderAnyInterleaving) {
  constexpr uint64_t kSeeds = 3;
  std::printf("seeds 1 to %d\n", static_cast<int>(kSeeds));
  for (const uint16_t num : {2, 4, 255, 256, 1024, 1025}) {
    if (num % 2 == 1 && !GetParam().packed()) continue;
    for (uint64_t seed = 1; seed <= kSeeds; ++seed) Run(num, seed, 5000);
  }
}

TEST_P(RxPathTest, EveryByteArrivesOnTheLargestRing) {
  std::printf("seed 1\n");
  Run(32768, 1, 60);
}

}  // namespace
}  // namespace virtio_user
