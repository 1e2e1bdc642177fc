// SPDX-License-Identifier: BSD-3-Clause
//
// Both directions over a ring whose device keeps to no rules. Whatever it does,
// the queue is sound or broken with a reason, every buffer comes back once, and
// nothing outside of rings and buffers is touched. Any kind of buffers.

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/bare_device.h"
#include "tests/net_rig.h"
#include "virtio_user/ring/shared_memory.h"

namespace virtio_user {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr uint16_t kNum = 8;

// Says whatever the test wants it to say.
BareDevice DeviceOn(NetRig& rig) {
  DeviceSide& side = rig.side();
  return BareDevice(side.Vring().ring.layout, [&side](DeviceBuffer buffer) {
    return side.Resolve(buffer);
  });
}

// num_buffers of 1 in front of every buffer.
void SayOneBuffer(RxRig& rig, uint32_t buffer_count) {
  for (uint32_t i = 0; i < buffer_count; ++i) {
    StoreRelaxed<uint16_t>(rig.ReceivedHeader(i) + 10, 1);
  }
}

// All buffers are back; the queue and the device are as new.
void StartOver(NetRig& rig, BareDevice& device) {
  rig.side().Close();
  const size_t in_flight = rig.in_flight();
  ASSERT_EQ(rig.ReclaimAll(), in_flight);
  ASSERT_EQ(rig.in_flight(), 0u);
  ASSERT_EQ(rig.buffers_out(), 0u);
  rig.ExpectSound();
  device.Restart();
  rig.side().Open();
}

class NetHostile : public ::testing::TestWithParam<NetLayout> {
 protected:
  NetHostile() { SendSix(); }

  void SendSix() {
    for (uint64_t i = 0; i < 6; ++i) {
      EXPECT_TRUE(tx_->SendOne(MakeFrame(60, i)));
    }
  }
  // The queues stay as they are, and give everything back.
  void ExpectRxBroken(const std::string& reason) {
    EXPECT_THAT(rx_->Poll(), IsEmpty());
    ASSERT_TRUE(rx_->broken().has_value());
    EXPECT_EQ(rx_->broken()->code(), ErrorCode::kProtocol);
    EXPECT_THAT(std::string(rx_->broken()->text()), HasSubstr(reason));
    EXPECT_EQ(rx_->buffers_out(), rx_->in_flight());
    ASSERT_NO_FATAL_FAILURE(StartOver(*rx_, rx_device_));
    EXPECT_THAT(rx_->Poll(), IsEmpty());
    EXPECT_EQ(rx_->in_flight(), kNum);
  }
  void ExpectTxBroken(const std::string& reason) {
    tx_->Complete(64);
    ASSERT_TRUE(tx_->broken().has_value());
    EXPECT_EQ(tx_->broken()->code(), ErrorCode::kProtocol);
    EXPECT_THAT(std::string(tx_->broken()->text()), HasSubstr(reason));
    EXPECT_EQ(tx_->buffers_out(), tx_->in_flight());
    EXPECT_FALSE(tx_->SendOne(MakeFrame(60, 9)));
    EXPECT_EQ(tx_->buffers_out(), tx_->in_flight());
    ASSERT_NO_FATAL_FAILURE(StartOver(*tx_, tx_device_));
    EXPECT_TRUE(tx_->SendOne(MakeFrame(60, 1)));
  }

  const std::unique_ptr<RxRig> rx_ =
      MakeRxRig({.features = GetParam().features, .num = kNum});
  const std::unique_ptr<TxRig> tx_ =
      MakeTxRig({.features = GetParam().features, .num = kNum});
  BareDevice rx_device_ = DeviceOn(*rx_);
  BareDevice tx_device_ = DeviceOn(*tx_);
};
INSTANTIATE_TEST_SUITE_P(All, NetHostile, ::testing::ValuesIn(ModernLayouts()),
                         NetLayoutName());

TEST_P(NetHostile, AnIdBeyondTheRingBreaksTheQueue) {
  for (const uint32_t id : {uint32_t{kNum}, 1000u, 65535u}) {
    rx_device_.UseId(id, 72);
    ExpectRxBroken("id " + std::to_string(id));
    tx_device_.UseId(id, 0);
    ExpectTxBroken("id " + std::to_string(id));
  }
}

TEST_P(NetHostile, AnIdThatWasUsedAlreadyBreaksTheQueue) {
  const auto chain = rx_device_.Pop();
  const auto sent = tx_device_.Pop();
  ASSERT_TRUE(chain && sent);
  SayOneBuffer(*rx_, kNum);
  rx_device_.Use(*chain, 72);
  rx_device_.Use(*chain, 72);
  EXPECT_THAT(rx_->Poll(), SizeIs(1));
  ExpectRxBroken("id");
  tx_device_.Use(*sent, 0);
  tx_device_.Use(*sent, 0);
  ExpectTxBroken("id");
}

TEST_P(NetHostile, AnIdThatWasNeverGivenBreaksTheQueue) {
  tx_device_.UseId(7, 0);  // Six of eight were.
  ExpectTxBroken("id");
}

// The queue may look at several elements before it takes one. The repeated one
// stands behind the first at every distance, in a look of all of them.
class NetTwice : public NetHostile {
 protected:
  static constexpr uint32_t kSent = 6;

  // All chains that a device has, in the ring's order; if it may, backwards.
  std::vector<SeenChain> PopAll(BareDevice& device, bool backwards) const {
    std::vector<SeenChain> chains;
    while (auto chain = device.Pop()) chains.push_back(*std::move(chain));
    if (backwards && !GetParam().in_order()) std::ranges::reverse(chains);
    return chains;
  }
  void ReceiveTwice(uint32_t first, uint32_t second, bool backwards) {
    std::vector<SeenChain> chains = PopAll(rx_device_, backwards);
    ASSERT_EQ(chains.size(), kNum);
    SayOneBuffer(*rx_, kNum);
    chains[second] = chains[first];
    for (const SeenChain& chain : chains) rx_device_.Use(chain, 72);
    ASSERT_THAT(rx_->Poll(), SizeIs(second));
    ASSERT_EQ(rx_->buffers_out(), kNum - second);
    ExpectRxBroken("id " + std::to_string(chains[first].id));
  }
  void SendTwice(uint32_t first, uint32_t second, bool backwards) {
    std::vector<SeenChain> chains = PopAll(tx_device_, backwards);
    ASSERT_EQ(chains.size(), kSent);
    chains[second] = chains[first];
    for (const SeenChain& chain : chains) tx_device_.Use(chain, 0);
    ASSERT_EQ(tx_->Complete(64), second);
    ASSERT_EQ(tx_->buffers_out(), kSent - second);
    ExpectTxBroken("id " + std::to_string(chains[first].id));
    StartOver(*tx_, tx_device_);
    SendSix();
  }
};
INSTANTIATE_TEST_SUITE_P(All, NetTwice, ::testing::ValuesIn(ModernLayouts()),
                         NetLayoutName());

TEST_P(NetTwice, ABufferIsReceivedOnceHoweverOftenItIsUsed) {
  for (uint32_t first = 0; first < kNum; ++first) {
    for (uint32_t second = first + 1; second < kNum; ++second) {
      SCOPED_TRACE(std::to_string(first) + " and " + std::to_string(second));
      ASSERT_NO_FATAL_FAILURE(ReceiveTwice(first, second, false));
      ASSERT_NO_FATAL_FAILURE(ReceiveTwice(first, second, true));
    }
  }
}

TEST_P(NetTwice, APacketIsFreedOnceHoweverOftenItIsUsed) {
  for (uint32_t first = 0; first < kSent; ++first) {
    for (uint32_t second = first + 1; second < kSent; ++second) {
      SCOPED_TRACE(std::to_string(first) + " and " + std::to_string(second));
      ASSERT_NO_FATAL_FAILURE(SendTwice(first, second, false));
      ASSERT_NO_FATAL_FAILURE(SendTwice(first, second, true));
    }
  }
}

class SplitHostile : public NetHostile {};
std::vector<NetLayout> SplitLayouts() {
  std::vector<NetLayout> layouts = ModernLayouts();
  std::erase_if(layouts, [](const auto& l) { return l.packed(); });
  return layouts;
}
INSTANTIATE_TEST_SUITE_P(All, SplitHostile, ::testing::ValuesIn(SplitLayouts()),
                         NetLayoutName());

TEST_P(SplitHostile, AnIndexThatJumpsOrRunsBackwardsBreaksTheQueue) {
  for (const uint16_t index : {9, 1000, 32768, 65535}) {
    rx_device_.SetUsedIndex(index);
    ExpectRxBroken("used index " + std::to_string(index));
    tx_device_.SetUsedIndex(index);
    ExpectTxBroken("used index " + std::to_string(index));
  }
}

// A device that writes whatever it likes, where it may write, most of it near
// the truth.
class NetFuzz : public ::testing::TestWithParam<NetLayout> {
 protected:
  static constexpr uint64_t kSeed = 7;
  static constexpr int kRounds = 20000;
  static constexpr uint32_t kRxBuffers = 11;
  static constexpr uint32_t kTxBuffers = 30;

  NetFuzz() { std::printf("seed %d\n", static_cast<int>(kSeed)); }

  void Corrupt(NetRig& rig) {
    const RingLayout& ring = rig.side().Vring().ring.layout;
    const bool descriptors = GetParam().packed() && random_.OneIn(2);
    std::byte* const at = descriptors ? ring.desc : ring.device;
    const size_t bytes = descriptors ? ring.DescBytes() : ring.DeviceBytes();
    const uint32_t place = random_.Below(static_cast<uint32_t>(bytes));
    StoreRelaxed<uint8_t>(at + place, static_cast<uint8_t>(random_.Next()));
  }
  void Use(BareDevice& device) {
    const uint32_t due = device.used() % kNum;
    uint32_t id = GetParam().in_order() ? due : random_.Below(kNum);
    if (random_.OneIn(30)) id = random_.Below(kNum + 2);
    uint32_t bytes = random_.Below(150);
    if (random_.OneIn(50)) bytes = static_cast<uint32_t>(random_.Next());
    device.UseId(id, bytes, 1);
  }
  void WriteHeader(RxRig& rig) {
    std::byte* const header = rig.ReceivedHeader(random_.Below(kRxBuffers));
    const uint32_t word = random_.Below(6);
    const uint32_t value =
        random_.OneIn(2) ? random_.Below(4) : random_.Below(65536);
    StoreRelaxed<uint16_t>(header + 2 * word, static_cast<uint16_t>(value));
    // Mostly one buffer a frame.
    StoreRelaxed<uint16_t>(header + 10, random_.OneIn(9) ? 2 : 1);
  }

  std::unique_ptr<RxRig> NewRx() {
    return MakeRxRig(
        {.features = features_, .num = kNum, .buffer_count = kRxBuffers});
  }
  std::unique_ptr<TxRig> NewTx() {
    return MakeTxRig(
        {.features = features_, .num = kNum, .buffer_count = kTxBuffers});
  }

  const FeatureSet features_ =
      GetParam().features |
      FeatureSet{Feature::kNetGuestCsum, Feature::kNetGuestTso4};
  TestRandom random_{kSeed};
};
INSTANTIATE_TEST_SUITE_P(All, NetFuzz, ::testing::ValuesIn(ModernLayouts()),
                         NetLayoutName());

TEST_P(NetFuzz, ReceivingLosesNoBufferAndTouchesNothingElse) {
  const auto rx = NewRx();
  BareDevice device = DeviceOn(*rx);
  uint64_t received = 0;
  int broken = 0;
  for (int i = 0; i < kRounds && !HasFailure(); ++i) {
    for (uint32_t k = random_.Below(4); k != 0; --k) WriteHeader(*rx);
    for (uint32_t k = random_.Below(3); k != 0; --k) Use(device);
    if (random_.OneIn(60)) Corrupt(*rx);
    received += rx->Poll(1 + random_.Below(10)).size();
    ASSERT_EQ(rx->buffers_out(), rx->in_flight());
    if (rx->broken()) ++broken;
    if (rx->broken() || random_.OneIn(200)) StartOver(*rx, device);
  }
  EXPECT_GT(received, 1000u);
  EXPECT_GT(broken, 100);
}

TEST_P(NetFuzz, SendingLosesNoBufferAndTouchesNothingElse) {
  const auto tx = NewTx();
  BareDevice device = DeviceOn(*tx);
  uint64_t sent = 0;
  int broken = 0;
  for (int i = 0; i < kRounds && !HasFailure(); ++i) {
    for (uint32_t k = random_.Below(3); k != 0; --k) Use(device);
    if (random_.OneIn(60)) Corrupt(*tx);
    while (tx->held_count() < 3 && kTxBuffers - tx->buffers_out() >= 2) {
      ASSERT_TRUE(tx->Make(MakeFrame(60 + random_.Below(200), sent)));
    }
    sent += tx->Send();
    tx->FreeAllHeld();
    tx->Complete(random_.Below(9));
    ASSERT_GE(tx->buffers_out(), tx->in_flight());
    ASSERT_LE(tx->buffers_out(), 2 * tx->in_flight());
    if (tx->broken()) ++broken;
    if (tx->broken() || random_.OneIn(200)) StartOver(*tx, device);
  }
  EXPECT_GT(sent, 1000u);
  EXPECT_GT(broken, 100);
}

// Headers that change while they are looked at. Run it with ThreadSanitizer
// too: a header that was not loaded atomically would be a race.
TEST_P(NetFuzz, HeadersThatChangeAllTheTimeAreReadOnce) {
  const auto rx = NewRx();
  BareDevice device = DeviceOn(*rx);
  SayOneBuffer(*rx, kRxBuffers);
  std::atomic<bool> started{false};
  std::atomic<bool> done{false};
  std::thread mutator([&] {
    TestRandom random(kSeed);
    while (!done.load(std::memory_order_relaxed)) {
      std::byte* const header = rx->ReceivedHeader(random.Below(kRxBuffers));
      const uint64_t value = random.Next();
      StoreRelaxed<uint16_t>(header + 2 * random.Below(5),
                             static_cast<uint16_t>(value & 0x0303));
      StoreRelaxed<uint16_t>(header + 10, random.OneIn(9) ? 2 : 1);
      started.store(true, std::memory_order_relaxed);
    }
  });
  while (!started.load(std::memory_order_relaxed)) std::this_thread::yield();
  uint64_t received = 0;
  uint64_t broken = 0;
  for (int i = 0; i < kRounds && !HasFailure(); ++i) {
    for (uint32_t k = random_.Below(4); k != 0; --k) {
      if (const auto chain = device.Pop()) device.Use(*chain, 112);
    }
    // What lies in the frames is the mutator's.
    received += rx->Take(8);
    rx->FreeAllHeld();
    if (rx->broken()) {
      ++broken;
      StartOver(*rx, device);
    }
  }
  done.store(true);
  mutator.join();
  // Each had its turn, whatever its header said at that moment.
  EXPECT_GT(received + broken + rx->stats().dropped, 1000u);
}

}  // namespace
}  // namespace virtio_user
