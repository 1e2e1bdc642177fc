// SPDX-License-Identifier: BSD-3-Clause
//
// TxPath against the device's side of the ring, at random moments. What the
// driver sent and the device has not seen stands in a std::deque; every byte
// is compared when the device takes a chain and once more before it gives it
// back. Any kind of buffers.

#include "virtio_user/net/tx_path.h"

#include <cstdio>
#include <deque>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "gtest/gtest.h"
#include "tests/net_rig.h"
#include "tests/ring_support.h"

namespace virtio_user {
namespace {

constexpr FeatureSet kOffloads = {Feature::kNetCsum, Feature::kNetHostTso4};

class TxModel {
 public:
  TxModel(FeatureSet features, uint16_t num, uint64_t seed)
      : in_order_(features.Has(Feature::kInOrder)),
        num_(num),
        random_(seed),
        tx_(MakeTxRig({.features = features | kOffloads,
                       .num = num,
                       .buffer_count = BufferCount(),
                       .room_bytes = kRoom})),
        side_(tx_->side()) {}

  void Run(int steps) {
    for (int i = 0; i < steps && !::testing::Test::HasFailure(); ++i) {
      Step();
      ASSERT_EQ(tx_->buffers_out(), in_flight_buffers_ + held_buffers_);
    }
    if (::testing::Test::HasFailure()) return;
    Settle();
    EXPECT_EQ(tx_->stats().packets, sent_);
    Reclaim();
    tx_->ExpectSound();
  }
  uint64_t sent() const { return sent_; }

 private:
  static constexpr uint32_t kRoom = 64;

  struct Taken {
    DescriptorChain chain;
    Bytes want;
    size_t buffers;
  };
  struct Expected {
    Bytes wire;
    size_t buffers;
  };

  uint32_t BufferCount() {
    const uint32_t counts[] = {num_ / 2u + 8, num_ + 1u, 3u * num_};
    return std::max<uint32_t>(counts[random_.Below(3)], 8);
  }
  uint32_t Few() { return 1 + random_.Below(random_.OneIn(8) ? 2u * num_ : 6); }

  void Step() {
    switch (random_.Below(16)) {
      default:
        return Send(Few() - 1);
      case 5 ... 8:
        return Take(Few());
      case 9 ... 12:
        return Use(Few());
      case 13:
        return Complete(Few() - 1);
      case 14:
        if (random_.OneIn(30)) Restart();
        return;
      case 15:
        if (random_.OneIn(60)) Reclaim();
        return;
    }
  }

  // Makes packets until there are `count` of them, and offers them all.
  void Send(uint32_t count) {
    while (held_.size() < count && MakeOne()) continue;
    const size_t before = tx_->in_flight();
    const size_t taken = tx_->Send();
    ASSERT_FALSE(tx_->broken()) << tx_->broken()->text();
    ASSERT_LE(taken, held_.size());
    for (size_t i = 0; i < taken; ++i) {
      held_buffers_ -= held_.front().buffers;
      in_flight_buffers_ += held_.front().buffers;
      due_.push_back(std::move(held_.front()));
      held_.pop_front();
    }
    sent_ += taken;
    Completed(before + taken - tx_->in_flight());
  }
  bool MakeOne() {
    const uint32_t most = std::min<uint32_t>(num_ >= 32 ? 20 : num_ - 1, 20);
    const uint32_t buffers = random_.OneIn(2) ? 1 : 1 + random_.Below(most);
    const uint32_t least = (buffers - 1) * kRoom + 1;
    const Bytes frame = MakeFrame(least + random_.Below(kRoom), made_);
    if (!tx_->Make(frame)) return false;
    ++made_;
    // Takes the headroom away, or most of it.
    if (random_.OneIn(8)) {
      tx_->MoveFront(static_cast<uint16_t>(random_.Below(24)));
    }
    HashNetHeader header{};
    if (random_.OneIn(4)) header.base = Ask(frame.size());
    held_.push_back({WithHeader(side_.header_bytes(), header, frame), buffers});
    held_buffers_ += buffers;
    return true;
  }
  NetHeader Ask(size_t bytes) {
    if (bytes < 2) return {};
    const auto start =
        static_cast<uint16_t>(random_.Below(static_cast<uint32_t>(bytes) - 1));
    Offload offload{.checksum = Checksum::kPartial, .csum_start = start};
    NetHeader header{};
    header.flags = 1;
    header.csum_start = start;
    if (random_.OneIn(2)) {
      offload.segmentation = Segmentation::kTcp4;
      header.gso_type = 1;
      offload.segment_bytes = header.gso_size = 1448;
      offload.header_bytes = header.hdr_len = 54;
    }
    return tx_->Ask(offload) ? header : NetHeader{};
  }

  void Take(uint32_t count) {
    DescriptorChain chain;
    while (count-- != 0 && side_.Pop(chain)) {
      ASSERT_FALSE(due_.empty());
      ASSERT_EQ(side_.Gather(chain.readable), due_.front().wire);
      taken_.push_back(
          {chain, std::move(due_.front().wire), due_.front().buffers});
      due_.pop_front();
    }
  }
  void Use(uint32_t count) {
    while (count-- != 0 && !taken_.empty()) {
      std::vector<ChainToken> batch = {UseOne()};
      while (in_order_ && !taken_.empty() && !random_.OneIn(3)) {
        batch.push_back(UseOne());
      }
      // Some devices say how much they read.
      side_.device->PutBatch(batch, random_.OneIn(3) ? 60 : 0);
      if (!random_.OneIn(4)) Publish();
    }
  }
  ChainToken UseOne() {
    if (!in_order_) {
      const auto count = static_cast<uint32_t>(taken_.size());
      std::swap(taken_.front(), taken_[random_.Below(count)]);
    }
    const Taken taken = std::move(taken_.front());
    taken_.pop_front();
    EXPECT_EQ(side_.Gather(taken.chain.readable), taken.want);
    unpublished_.push_back(taken.buffers);
    return taken.chain.token;
  }
  void Publish() {
    if (!unpublished_.empty()) side_.device->Publish();
    used_.insert(used_.end(), unpublished_.begin(), unpublished_.end());
    unpublished_.clear();
  }

  void Complete(uint32_t count) {
    const size_t want = std::min<size_t>(count, used_.size());
    ASSERT_EQ(tx_->Complete(count), want);
    ASSERT_FALSE(tx_->broken()) << tx_->broken()->text();
    Completed(want);
  }
  void Completed(size_t count) {
    ASSERT_LE(count, used_.size());
    for (; count != 0; --count) {
      in_flight_buffers_ -= used_.front();
      used_.pop_front();
    }
  }

  // The device finishes what it took, then stops and starts.
  void Restart() {
    Use(UINT32_MAX);
    Publish();
    side_.Close();
    ASSERT_EQ(tx_->Send(), 0u);
    ASSERT_EQ(tx_->Complete(4), 0u);
    side_.RestartDevice();
    side_.Open();
  }
  // The device is gone, with everything that it had.
  void Reclaim() {
    side_.Close();
    const size_t in_flight = tx_->in_flight();
    ASSERT_EQ(in_flight,
              due_.size() + taken_.size() + unpublished_.size() + used_.size());
    ASSERT_EQ(tx_->ReclaimAll(), in_flight);
    in_flight_buffers_ = 0;
    due_.clear();
    taken_.clear();
    unpublished_.clear();
    used_.clear();
    side_.NewDevice();
    side_.Open();
  }
  // Everything that is under way arrives.
  void Settle() {
    while (!held_.empty() && !::testing::Test::HasFailure()) {
      Send(0);
      Take(UINT32_MAX);
      Use(UINT32_MAX);
      Publish();
    }
    Take(UINT32_MAX);
    Use(UINT32_MAX);
    Publish();
    Complete(UINT32_MAX);
    EXPECT_TRUE(due_.empty());
    EXPECT_EQ(tx_->buffers_out(), 0u);
  }

  const bool in_order_;
  const uint16_t num_;
  TestRandom random_;
  const std::unique_ptr<TxRig> tx_;
  DeviceSide& side_;
  std::deque<Expected> held_;  // By the rig, and refused up to now.
  std::deque<Expected> due_;
  std::deque<Taken> taken_;
  std::vector<size_t> unpublished_;  // Buffers of each.
  std::deque<size_t> used_;
  size_t held_buffers_ = 0;
  size_t in_flight_buffers_ = 0;
  uint64_t made_ = 0;
  uint64_t sent_ = 0;
};

class TxPathTest
    : public ::testing::TestWithParam<std::tuple<NetLayout, bool>> {
 protected:
  void Run(uint16_t num, uint64_t seed, int steps) {
    SCOPED_TRACE("ring of " + std::to_string(num) + ", seed " +
                 std::to_string(seed));
    const auto& [layout, indirect] = GetParam();
    FeatureSet features = layout.features;
    if (indirect) features.Add(Feature::kIndirectDesc);
    TxModel model(features, num, seed);
    model.Run(steps);
    EXPECT_GT(model.sent(), 20u);
  }
};
INSTANTIATE_TEST_SUITE_P(All, TxPathTest,
                         ::testing::Combine(::testing::ValuesIn(RigLayouts()),
                                            ::testing::Bool()),
                         [](const auto& chosen) {
                           return std::get<0>(chosen.param).name +
                                  (std::get<1>(chosen.param) ? "Indirect" : "");
                         });

TEST_P(TxPathTest, EveryByteGoesOutOnEveryRingUnderAnyInterleaving) {
  constexpr uint64_t kSeeds = 2;
  std::printf("seeds 1 to %d\n", static_cast<int>(kSeeds));
  for (const uint16_t num : {2, 4, 255, 256, 1024, 1025}) {
    if (num % 2 == 1 && !std::get<0>(GetParam()).packed()) continue;
    for (uint64_t seed = 1; seed <= kSeeds; ++seed) Run(num, seed, 1500);
  }
}

// Where a header goes, an earlier frame has been.
TEST_P(TxPathTest, AHeaderHasNoByteOfWhatLayThereBefore) {
  constexpr uint32_t kCount = 7;  // Four at a time, and three alone.
  const auto tx = MakeTxRig({.features = std::get<0>(GetParam()).features,
                             .num = 16,
                             .buffer_count = kCount});
  DeviceSide& side = tx->side();
  for (uint32_t i = 0; i < kCount; ++i) {
    ASSERT_TRUE(tx->Make(Bytes(160, std::byte{0xEE})));
    tx->MoveFront(24);
  }
  ASSERT_EQ(tx->Send(), kCount);
  for (uint32_t i = 0; i < kCount; ++i) (void)side.TakeSent();
  tx->Complete(kCount);
  ASSERT_EQ(tx->buffers_out(), 0u);

  for (uint32_t i = 0; i < kCount; ++i) {
    ASSERT_TRUE(tx->Make(MakeFrame(60, i)));
  }
  ASSERT_EQ(tx->Send(), kCount);
  for (uint32_t i = 0; i < kCount; ++i) {
    EXPECT_EQ(side.TakeSent(),
              WithHeader(side.header_bytes(), 0, MakeFrame(60, i)));
  }
}

TEST_P(TxPathTest, EveryByteGoesOutOnTheLargestRing) {
  std::printf("seed 1\n");
  Run(32768, 1, 60);
}

}  // namespace
}  // namespace virtio_user
