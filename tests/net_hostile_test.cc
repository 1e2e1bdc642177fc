// SPDX-License-Identifier: BSD-3-Clause
//
// Both directions over a ring whose device keeps to no rules. Whatever it does,
// the queue is sound or broken with a reason, every buffer comes back once, and
// nothing outside of rings and buffers is touched.

#include <atomic>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/bare_device.h"
#include "tests/net_support.h"

namespace virtio_user {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr uint16_t kNum = 8;

// num_buffers of 1 in front of every buffer.
void SayOneBuffer(NetBench& bench) {
  for (uint32_t i = 0; i < bench.pool.size(); ++i) {
    StoreRelaxed<uint16_t>(bench.ReceivedHeader(i) + 10, 1);
  }
}

class NetHostile : public ::testing::TestWithParam<NetLayout> {
 protected:
  NetHostile() {
    for (uint64_t i = 0; i < 6; ++i) {
      EXPECT_TRUE(tx_.Send(MakeFrame(60, i)));
    }
  }

  // The queues stay as they are, and give everything back.
  void ExpectRxBroken(const std::string& reason) {
    EXPECT_THAT(Poll(rx_, *rx_.queue), IsEmpty());
    ASSERT_TRUE(rx_.queue->broken().has_value());
    EXPECT_EQ(rx_.queue->broken()->code(), ErrorCode::kProtocol);
    EXPECT_THAT(std::string(rx_.queue->broken()->text()), HasSubstr(reason));
    rx_.Close();
    const size_t in_flight = rx_.queue->in_flight();
    EXPECT_EQ(rx_.queue->ReclaimAll(), in_flight);
    EXPECT_EQ(rx_.pool.free_count(), rx_.pool.size());
    EXPECT_TRUE(rx_.arena.GuardsIntact());
    rx_device_.Restart();
    rx_.Open();
    EXPECT_THAT(Poll(rx_, *rx_.queue), IsEmpty());
  }
  void ExpectTxBroken(const std::string& reason) {
    tx_.queue->Complete(64);
    ASSERT_TRUE(tx_.queue->broken().has_value());
    EXPECT_THAT(std::string(tx_.queue->broken()->text()), HasSubstr(reason));
    const Packet packet = tx_.Make(MakeFrame(60, 9));
    EXPECT_FALSE(tx_.Send(packet));
    tx_.pool.Free(packet);
    tx_.Close();
    const size_t in_flight = tx_.queue->in_flight();
    EXPECT_EQ(tx_.queue->ReclaimAll(), in_flight);
    EXPECT_EQ(tx_.pool.free_count(), tx_.pool.size());
    EXPECT_TRUE(tx_.arena.GuardsIntact());
    tx_device_.Restart();
    tx_.Open();
    EXPECT_TRUE(tx_.Send(MakeFrame(60, 1)));
  }

  Receiver rx_{{.num = kNum, .features = GetParam().features}};
  Sender tx_{{.num = kNum, .features = GetParam().features}};
  BareDevice rx_device_{rx_.vring.ring.layout, rx_.arena};
  BareDevice tx_device_{tx_.vring.ring.layout, tx_.arena};
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
  SayOneBuffer(rx_);
  rx_device_.Use(*chain, 72);
  rx_device_.Use(*chain, 72);
  EXPECT_THAT(Poll(rx_, *rx_.queue), SizeIs(1));
  ExpectRxBroken("id");
  tx_device_.Use(*sent, 0);
  tx_device_.Use(*sent, 0);
  ExpectTxBroken("id");
}

TEST_P(NetHostile, AnIdThatWasNeverGivenBreaksTheQueue) {
  tx_device_.UseId(7, 0);  // Six of eight were.
  ExpectTxBroken("id");
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

  NetFuzz() { std::printf("seed %d\n", static_cast<int>(kSeed)); }

  void Corrupt(NetBench& bench) {
    const RingLayout& ring = bench.vring.ring.layout;
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
  void WriteHeader(NetBench& bench) {
    std::byte* const header =
        bench.ReceivedHeader(random_.Below(bench.pool.size()));
    const uint32_t word = random_.Below(6);
    const uint32_t value =
        random_.OneIn(2) ? random_.Below(4) : random_.Below(65536);
    StoreRelaxed<uint16_t>(header + 2 * word, static_cast<uint16_t>(value));
    // Mostly one buffer a frame.
    StoreRelaxed<uint16_t>(header + 10, random_.OneIn(9) ? 2 : 1);
  }
  template <typename Bench>
  void Reclaim(Bench& bench, BareDevice& device) {
    bench.Close();
    bench.queue->ReclaimAll();
    ASSERT_EQ(bench.pool.free_count(), bench.pool.size());
    ASSERT_EQ(bench.queue->in_flight(), 0u);
    ASSERT_TRUE(bench.arena.GuardsIntact());
    device.Restart();
    bench.Open();
  }

  const FeatureSet features_ =
      GetParam().features |
      FeatureSet{Feature::kNetGuestCsum, Feature::kNetGuestTso4};
  TestRandom random_{kSeed};
};
INSTANTIATE_TEST_SUITE_P(All, NetFuzz, ::testing::ValuesIn(ModernLayouts()),
                         NetLayoutName());

TEST_P(NetFuzz, ReceivingLosesNoBufferAndTouchesNothingElse) {
  Receiver rx({.num = kNum, .buffer_count = 11, .features = features_});
  BareDevice device(rx.vring.ring.layout, rx.arena);
  uint64_t received = 0;
  int broken = 0;
  for (int i = 0; i < kRounds && !HasFailure(); ++i) {
    for (uint32_t k = random_.Below(4); k != 0; --k) WriteHeader(rx);
    for (uint32_t k = random_.Below(3); k != 0; --k) Use(device);
    if (random_.OneIn(60)) Corrupt(rx);
    std::vector<Packet> got(1 + random_.Below(10));
    got.resize(rx.queue->Receive(got));
    for (const Packet& packet : got) {
      const Offload offload = rx.pool.offload(packet);
      if (offload.checksum == Checksum::kPartial) {
        ASSERT_LE(offload.csum_start + offload.csum_offset + 2u, packet.bytes);
      }
      ASSERT_EQ(rx.Frame(packet).size(), packet.bytes);
    }
    received += got.size();
    ASSERT_EQ(rx.pool.free_count() + rx.queue->in_flight(), rx.pool.size());
    if (rx.queue->broken()) ++broken;
    if (rx.queue->broken() || random_.OneIn(200)) Reclaim(rx, device);
  }
  EXPECT_GT(received, 1000u);
  EXPECT_GT(broken, 100);
}

TEST_P(NetFuzz, SendingLosesNoBufferAndTouchesNothingElse) {
  Sender tx({.num = kNum, .buffer_count = 30, .features = features_});
  BareDevice device(tx.vring.ring.layout, tx.arena);
  uint64_t sent = 0;
  int broken = 0;
  for (int i = 0; i < kRounds && !HasFailure(); ++i) {
    for (uint32_t k = random_.Below(3); k != 0; --k) Use(device);
    if (random_.OneIn(60)) Corrupt(tx);
    std::vector<Packet> packets;
    while (packets.size() < 3 && tx.pool.free_count() >= 2) {
      packets.push_back(tx.Make(MakeFrame(60 + random_.Below(200), sent)));
    }
    const size_t taken = tx.queue->Send(packets);
    sent += taken;
    for (size_t k = taken; k < packets.size(); ++k) tx.pool.Free(packets[k]);
    tx.queue->Complete(random_.Below(9));
    if (tx.queue->broken()) ++broken;
    if (tx.queue->broken() || random_.OneIn(200)) Reclaim(tx, device);
  }
  EXPECT_GT(sent, 1000u);
  EXPECT_GT(broken, 100);
}

// Headers that change while they are looked at. Run it with ThreadSanitizer
// too: a header that was not loaded atomically would be a race.
TEST_P(NetFuzz, HeadersThatChangeAllTheTimeAreReadOnce) {
  Receiver rx({.num = kNum, .buffer_count = 11, .features = features_});
  BareDevice device(rx.vring.ring.layout, rx.arena);
  SayOneBuffer(rx);
  std::atomic<bool> started{false};
  std::atomic<bool> done{false};
  std::thread mutator([&] {
    TestRandom random(kSeed);
    while (!done.load(std::memory_order_relaxed)) {
      std::byte* const header = rx.ReceivedHeader(random.Below(rx.pool.size()));
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
    std::vector<Packet> got(8);
    got.resize(rx.queue->Receive(got));
    for (const Packet& packet : got) {
      const Offload offload = rx.pool.offload(packet);
      if (offload.checksum == Checksum::kPartial) {
        ASSERT_LE(offload.csum_start + offload.csum_offset + 2u, packet.bytes);
      }
      rx.pool.Free(packet);
    }
    received += got.size();
    if (rx.queue->broken()) {
      ++broken;
      Reclaim(rx, device);
    }
  }
  done.store(true);
  mutator.join();
  // Each had its turn, whatever its header said at that moment.
  EXPECT_GT(received + broken + rx.queue->stats().dropped, 1000u);
}

}  // namespace
}  // namespace virtio_user
