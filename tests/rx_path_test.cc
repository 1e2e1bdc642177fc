// SPDX-License-Identifier: BSD-3-Clause
//
// RxPath against the device's side of the ring, at random moments. What the
// device has used and the driver has not seen stands in a std::deque, and is
// compared byte by byte. Any kind of buffers.

#include "virtio_user/net/rx_path.h"

#include <cstdio>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/net_rig.h"
#include "tests/ring_support.h"

namespace virtio_user {
namespace {

class RxModel {
 public:
  RxModel(const NetLayout& layout, uint16_t num, uint64_t seed)
      : in_order_(layout.in_order()),
        mergeable_(layout.mergeable()),
        num_(num),
        random_(seed),
        rx_(MakeRxRig({.features = layout.features,
                       .num = num,
                       .buffer_count = BufferCount(),
                       .room_bytes = kRoom})),
        side_(rx_->side()) {}

  void Run(int steps) {
    for (int i = 0; i < steps && !::testing::Test::HasFailure(); ++i) {
      Step();
      ASSERT_EQ(rx_->buffers_out(), rx_->in_flight() + held_buffers_);
    }
    if (::testing::Test::HasFailure()) return;
    Settle();
    EXPECT_EQ(rx_->stats().dropped, 0u);
    EXPECT_EQ(rx_->stats().packets, received_);
    Reclaim();
    rx_->ExpectSound();
  }
  uint64_t received() const { return received_; }

 private:
  static constexpr uint32_t kRoom = 64;

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
  // How many buffers FillOne takes for such a frame.
  size_t BuffersFor(size_t bytes) const {
    const size_t header = side_.header_bytes();
    return (bytes + header + kRoom + header - 1) / (kRoom + header);
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
    while (count-- != 0 && side_.Pop(chain)) taken_.push_back(chain);
  }

  // The device uses up to `count` frames' buffers.
  void Use(uint32_t count) {
    while (count-- != 0 && !taken_.empty()) {
      if (in_order_ && random_.OneIn(3)) {
        UseBatch();
      } else {
        const Filled filled = FillOne(false);
        for (size_t i = 0; i < filled.tokens.size(); ++i) {
          side_.device->Put(filled.tokens[i], filled.written[i]);
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
    side_.device->PutBatch(tokens, last);
  }
  void Publish() {
    if (!unpublished_.empty()) side_.device->Publish();
    due_.insert(due_.end(), unpublished_.begin(), unpublished_.end());
    unpublished_.clear();
  }

  Filled FillOne(bool full) {
    const uint32_t most =
        mergeable_ ? static_cast<uint32_t>(std::min<size_t>(taken_.size(), 5))
                   : 1;
    const uint32_t buffers = 1 + random_.Below(most);
    const size_t header = side_.header_bytes();
    const size_t each = kRoom + header;
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
      filled.written.push_back(side_.Fill(chain, rest));
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
    const std::vector<Bytes> frames = rx_->Receive(count);
    ASSERT_FALSE(rx_->broken()) << rx_->broken()->text();
    ASSERT_EQ(frames.size(), std::min<size_t>(count, due_.size()));
    for (const Bytes& frame : frames) {
      ASSERT_EQ(frame, due_.front());
      due_.pop_front();
      held_.push_back(BuffersFor(frame.size()));
      held_buffers_ += held_.back();
      ++received_;
    }
    if (!random_.OneIn(4)) FreeSome(2 * Few());
  }
  void FreeSome(uint32_t count) {
    while (count-- != 0 && !held_.empty()) {
      const size_t index = random_.Below(static_cast<uint32_t>(held_.size()));
      held_buffers_ -= held_[index];
      held_.erase(held_.begin() + static_cast<ptrdiff_t>(index));
      rx_->FreeHeld(index);
    }
  }

  // The device uses all that it took, then stops and starts.
  void Restart() {
    Use(UINT32_MAX);
    Publish();
    side_.Close();
    ASSERT_TRUE(rx_->Receive(4).empty());
    side_.RestartDevice();
    side_.Open();
  }
  // The device is gone, with everything that it had.
  void Reclaim() {
    side_.Close();
    const size_t in_flight = rx_->in_flight();
    ASSERT_EQ(rx_->ReclaimAll(), in_flight);
    ASSERT_EQ(rx_->buffers_out(), held_buffers_);
    taken_.clear();
    unpublished_.clear();
    due_.clear();
    side_.NewDevice();
    side_.Open();
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
  const std::unique_ptr<RxRig> rx_;
  DeviceSide& side_;
  std::deque<DescriptorChain> taken_;  // By the device, and not used.
  std::vector<Bytes> unpublished_;
  std::deque<Bytes> due_;
  std::vector<size_t> held_;  // By the rig: buffers of each.
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
INSTANTIATE_TEST_SUITE_P(All, RxPathTest, ::testing::ValuesIn(RigLayouts()),
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
