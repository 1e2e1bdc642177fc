// SPDX-License-Identifier: BSD-3-Clause
//
// The mbuf queues against a device that lies, where mbufs differ from our own
// buffers: references, chains, packets that the application still has. What any
// buffers have in common is in net_hostile_test and rx_queue_hostile_test,
// which this program has too.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/bare_device.h"
#include "tests/dpdk/mbuf_rig.h"
#include "virtio_user/base/log.h"

namespace virtio_user {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr uint16_t kNum = 16;

std::vector<std::string>& LoggedErrors() {
  static auto* const lines = new std::vector<std::string>;
  return *lines;
}
void KeepErrors(LogLevel level, std::string_view text) {
  if (level == LogLevel::kError) LoggedErrors().emplace_back(text);
}

class MbufHostile : public testing::TestWithParam<FeatureSet> {
 protected:
  MbufHostile() {
    LoggedErrors().clear();
    SetLogSink(&KeepErrors);
  }
  ~MbufHostile() override {
    SetLogSink(nullptr);
    rig_.Close();
  }

  std::vector<SeenChain> PopAll() {
    std::vector<SeenChain> chains;
    while (auto chain = device_.Pop()) chains.push_back(*std::move(chain));
    return chains;
  }

  MbufPool pool_;
  MbufRig rig_{GetParam(), kNum};
  BareDevice device_{rig_.vring.ring.layout, [this](DeviceBuffer buffer) {
                       return rig_.Resolve(buffer);
                     }};
};

class MbufHostileTx : public MbufHostile {
 protected:
  MbufHostileTx() {
    queue_ = *MbufTxQueue::Create(rig_.vring, rig_.tx_options());
    rig_.Open();
  }
  ~MbufHostileTx() override { Reclaim(); }

  uint16_t Send(std::vector<rte_mbuf*> packets) {
    return MbufTxQueue::BurstFor(GetParam())(
        queue_.get(), packets.data(), static_cast<uint16_t>(packets.size()));
  }
  void Reclaim() {
    rig_.Close();
    queue_->ReclaimAll();
    device_.Restart();
    EXPECT_TRUE(rig_.GuardsIntact());
    rig_.Open();
  }

  std::unique_ptr<MbufTxQueue> queue_;
};
INSTANTIATE_TEST_SUITE_P(Paths, MbufHostileTx,
                         testing::ValuesIn(AllMbufPaths()), MbufPathName());

TEST_P(MbufHostileTx, APacketThatOthersHoldTooLosesOneReference) {
  rte_mbuf* const packet = pool_.Make(MakeFrame(300, 1), 2048);
  rte_mbuf_refcnt_update(packet, 2);
  ASSERT_EQ(Send({packet, pool_.Make(MakeFrame(60, 2), 2048)}), 2);
  const auto chains = PopAll();
  ASSERT_EQ(chains.size(), 2u);

  device_.Use(chains[0], 0);
  device_.Use(chains[0], 0);
  EXPECT_EQ(queue_->Complete(64), 1u);

  EXPECT_TRUE(queue_->broken().has_value());
  EXPECT_EQ(rte_mbuf_refcnt_read(packet), 2);
  Reclaim();
  EXPECT_EQ(rte_mbuf_refcnt_read(packet), 2);
  EXPECT_EQ(pool_.out(), 1u);
  EXPECT_EQ(FrameOf(packet), MakeFrame(300, 1));
  rte_mbuf_refcnt_update(packet, -1);
  rte_pktmbuf_free(packet);
}

TEST_P(MbufHostileTx, AChainThatIsUsedTwiceGivesItsSegmentsBackOnce) {
  for (uint32_t second = 1; second < 4; ++second) {
    SCOPED_TRACE(second);
    for (uint64_t i = 0; i < 4; ++i) {
      ASSERT_EQ(Send({pool_.Make(MakeFrame(300, i), 100)}), 1);
    }
    ASSERT_EQ(pool_.out(), 12u);
    auto chains = PopAll();
    ASSERT_EQ(chains.size(), 4u);
    chains[second] = chains[0];

    for (const SeenChain& chain : chains) device_.Use(chain, 0);
    EXPECT_EQ(queue_->Complete(64), second);

    EXPECT_TRUE(queue_->broken().has_value());
    EXPECT_EQ(pool_.out(), 12u - 3 * second);
    Reclaim();
    EXPECT_EQ(pool_.out(), 0u);
    pool_.ExpectSound();
  }
}

TEST_P(MbufHostileTx, ABrokenQueueTakesNothingAndSaysSoOnce) {
  ASSERT_EQ(Send({pool_.Make(MakeFrame(60, 1), 2048)}), 1);
  device_.UseId(kNum, 0);
  queue_->Complete(64);
  rte_mbuf* const packet = pool_.Make(MakeFrame(60, 2), 2048);

  for (int i = 0; i < 3; ++i) EXPECT_EQ(Send({packet}), 0);

  EXPECT_THAT(LoggedErrors(),
              ElementsAre(HasSubstr("transmit ring, which rests until the port "
                                    "is stopped and started: used element 0")));
  EXPECT_EQ(FrameOf(packet), MakeFrame(60, 2));
  Reclaim();
  EXPECT_EQ(Send({packet}), 1);
  EXPECT_EQ(LoggedErrors().size(), 1u);
}

class MbufHostileRx : public MbufHostile {
 protected:
  MbufHostileRx() {
    queue_ = *MbufRxQueue::Create(
        rig_.vring, {.features = GetParam(), .pool = &pool_.get(), .port = 3});
    rig_.Open();
    EXPECT_THAT(Poll(), IsEmpty());
  }
  ~MbufHostileRx() override { Reclaim(); }

  std::vector<rte_mbuf*> Poll() {
    std::vector<rte_mbuf*> packets(64);
    packets.resize(MbufRxQueue::BurstFor(GetParam())(
        queue_.get(), packets.data(), static_cast<uint16_t>(packets.size())));
    return packets;
  }
  void Reclaim() {
    rig_.Close();
    queue_->ReclaimAll();
    device_.Restart();
    EXPECT_TRUE(rig_.GuardsIntact());
    rig_.Open();
  }
  // The device writes a frame into a chain and says that it used it.
  void Write(const SeenChain& chain, const Bytes& frame) {
    const Bytes wire = WithHeader(rig_.header_bytes(), 1, frame);
    const auto room = *rig_.Resolve(chain.buffers[0].buffer);
    std::ranges::copy(wire, room.begin());
    device_.Use(chain, static_cast<uint32_t>(wire.size()));
  }

  std::unique_ptr<MbufRxQueue> queue_;
};
INSTANTIATE_TEST_SUITE_P(Paths, MbufHostileRx,
                         testing::ValuesIn(AllMbufPaths()), MbufPathName());

// The pool is empty, so that no new mbuf takes the place of the old one.
TEST_P(MbufHostileRx, APacketThatTheApplicationHasIsNotReceivedAgain) {
  const std::vector<SeenChain> chains = PopAll();
  ASSERT_EQ(chains.size(), kNum);
  std::vector<rte_mbuf*> taken(MbufPool::kCount - kNum);
  ASSERT_EQ(rte_pktmbuf_alloc_bulk(&pool_.get(), taken.data(),
                                   static_cast<unsigned>(taken.size())),
            0);
  Write(chains[0], MakeFrame(100, 1));
  const auto first = Poll();
  ASSERT_EQ(first.size(), 1u);

  device_.Use(chains[0], 72);
  EXPECT_THAT(Poll(), IsEmpty());

  EXPECT_TRUE(queue_->broken().has_value());
  EXPECT_EQ(queue_->in_flight(), kNum - 1u);
  EXPECT_EQ(FrameOf(first[0]), MakeFrame(100, 1));
  EXPECT_EQ(rte_mbuf_refcnt_read(first[0]), 1);
  Reclaim();
  EXPECT_EQ(pool_.out(), taken.size() + 1);
  EXPECT_EQ(FrameOf(first[0]), MakeFrame(100, 1));
  rte_pktmbuf_free(first[0]);
  rte_pktmbuf_free_bulk(taken.data(), static_cast<unsigned>(taken.size()));
}

TEST_P(MbufHostileRx, ABrokenQueueGivesNothingAndSaysSoOnce) {
  device_.UseId(kNum, 72);

  for (int i = 0; i < 3; ++i) EXPECT_THAT(Poll(), IsEmpty());

  EXPECT_THAT(LoggedErrors(),
              ElementsAre(HasSubstr("receive ring, which rests until the port "
                                    "is stopped and started: used element 0")));
  EXPECT_EQ(pool_.out(), kNum);
  Reclaim();
  EXPECT_EQ(pool_.out(), 0u);
  EXPECT_THAT(Poll(), IsEmpty());
  EXPECT_EQ(LoggedErrors().size(), 1u);
}

// What is in order before the lie is received, and is the application's.
TEST_P(MbufHostileRx, WhatCameBeforeTheLieOutlivesTheQueue) {
  const std::vector<SeenChain> chains = PopAll();
  for (uint32_t i = 0; i < 6; ++i) Write(chains[i], MakeFrame(200, i));
  device_.Use(chains[6], 1 << 30);

  const auto packets = Poll();
  ASSERT_EQ(packets.size(), 6u);
  EXPECT_THAT(Poll(), IsEmpty());
  EXPECT_TRUE(queue_->broken().has_value());
  Reclaim();
  queue_ = *MbufRxQueue::Create(
      rig_.vring, {.features = GetParam(), .pool = &pool_.get(), .port = 3});

  EXPECT_EQ(pool_.out(), 6u);
  for (uint32_t i = 0; i < 6; ++i) {
    EXPECT_EQ(rte_mbuf_check(packets[i], 1, nullptr), 0);
    EXPECT_EQ(FrameOf(packets[i]), MakeFrame(200, i));
    rte_pktmbuf_free(packets[i]);
  }
}

class MbufHostileMerge : public MbufHostile {
 protected:
  // A frame of more bytes than any can have takes this many buffers.
  static constexpr uint16_t kRing = 64;
  static constexpr uint16_t kBuffers = 32;

  MbufPool pool_;
  MbufRig rig_{GetParam(), kRing};
};
std::vector<FeatureSet> MergingPaths() {
  std::vector<FeatureSet> paths = AllMbufPaths();
  std::erase_if(
      paths, [](FeatureSet path) { return !path.Has(Feature::kNetMrgRxbuf); });
  return paths;
}
INSTANTIATE_TEST_SUITE_P(Paths, MbufHostileMerge,
                         testing::ValuesIn(MergingPaths()), MbufPathName());

TEST_P(MbufHostileMerge, AFrameLongerThanAnyIsDroppedWithAllItsMbufs) {
  const auto queue = *MbufRxQueue::Create(
      rig_.vring, {.features = GetParam(), .pool = &pool_.get(), .port = 3});
  rig_.Open();
  std::vector<rte_mbuf*> packets(4);
  const auto poll = MbufRxQueue::BurstFor(GetParam());
  ASSERT_EQ(poll(queue.get(), packets.data(), 4), 0);
  // 65589 bytes are the most that a frame can have.
  ASSERT_TRUE(rig_.DeliverFrame(MakeFrame(65590, 1), kBuffers));
  ASSERT_TRUE(rig_.DeliverFrame(MakeFrame(60, 2), 1));

  EXPECT_EQ(poll(queue.get(), packets.data(), 4), 1);

  EXPECT_EQ(FrameOf(packets[0]), MakeFrame(60, 2));
  rte_pktmbuf_free(packets[0]);
  EXPECT_EQ(queue->stats().dropped, 1u);
  EXPECT_FALSE(queue->broken().has_value());
  EXPECT_EQ(pool_.out(), kRing);
  ASSERT_TRUE(rig_.DeliverFrame(MakeFrame(65589, 3), kBuffers));
  EXPECT_EQ(poll(queue.get(), packets.data(), 4), 1);
  EXPECT_EQ(FrameOf(packets[0]), MakeFrame(65589, 3));
  EXPECT_EQ(packets[0]->nb_segs, kBuffers);
  rte_pktmbuf_free(packets[0]);
  rig_.Close();
  queue->ReclaimAll();
}

}  // namespace
}  // namespace virtio_user
