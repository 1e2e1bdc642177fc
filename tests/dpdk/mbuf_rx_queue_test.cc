// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/dpdk/mbuf_rx_queue.h"

#include <gtest/gtest.h>

#include "tests/dpdk/mbuf_rig.h"

namespace virtio_user {
namespace {

constexpr uint16_t kPort = 7;

class MbufRxQueueTest : public testing::TestWithParam<FeatureSet> {
 protected:
  MbufRxQueueTest() {
    queue_ = *MbufRxQueue::Create(
        rig_.vring,
        {.features = GetParam(), .pool = &pool_.get(), .port = kPort});
    rig_.Open();
  }
  ~MbufRxQueueTest() override {
    rig_.Close();
    queue_->ReclaimAll();
  }
  std::vector<rte_mbuf*> Poll() {
    std::vector<rte_mbuf*> packets(64);
    packets.resize(MbufRxQueue::BurstFor(GetParam())(
        queue_.get(), packets.data(), static_cast<uint16_t>(packets.size())));
    return packets;
  }
  bool mergeable() const { return GetParam().Has(Feature::kNetMrgRxbuf); }

  MbufPool pool_;
  MbufRig rig_{GetParam(), 16};
  std::unique_ptr<MbufRxQueue> queue_;
};

TEST_P(MbufRxQueueTest, BytesArriveUnchangedRoundAndRoundTheRing) {
  EXPECT_TRUE(Poll().empty());
  for (uint64_t i = 0; i < 200; ++i) {
    const Bytes frame = MakeFrame(60 + i * 7, i);
    ASSERT_TRUE(rig_.DeliverFrame(frame, 1));
    const auto packets = Poll();
    ASSERT_EQ(packets.size(), 1u);
    EXPECT_EQ(packets[0]->port, kPort);
    EXPECT_EQ(packets[0]->nb_segs, 1);
    EXPECT_EQ(packets[0]->ol_flags, 0u);
    EXPECT_EQ(packets[0]->data_off, RTE_PKTMBUF_HEADROOM);
    ASSERT_EQ(FrameOf(packets[0]), frame);
    rte_pktmbuf_free(packets[0]);
  }
  EXPECT_EQ(queue_->stats().packets, 200u);
}

// Without merging such a frame does not fit one buffer.
class MbufRxMergeableTest : public MbufRxQueueTest {};

TEST_P(MbufRxMergeableTest, AFrameOfSeveralBuffersIsAChain) {
  EXPECT_TRUE(Poll().empty());
  for (uint64_t i = 0; i < 20; ++i) {
    const Bytes frame = MakeFrame(9728, i);
    ASSERT_TRUE(rig_.DeliverFrame(frame, 5));
    const auto packets = Poll();
    ASSERT_EQ(packets.size(), 1u);
    EXPECT_EQ(packets[0]->nb_segs, 5);
    ASSERT_EQ(rte_mbuf_check(packets[0], 1, nullptr), 0);
    ASSERT_EQ(FrameOf(packets[0]), frame);
    rte_pktmbuf_free(packets[0]);
  }
}

// D01.
TEST_P(MbufRxQueueTest, D01AnEmptyPoolIsRecoveredFrom) {
  std::vector<rte_mbuf*> taken(MbufPool::kCount);
  ASSERT_EQ(
      rte_pktmbuf_alloc_bulk(&pool_.get(), taken.data(), MbufPool::kCount), 0);
  EXPECT_TRUE(Poll().empty());
  EXPECT_EQ(queue_->in_flight(), 0u);
  EXPECT_GT(queue_->stats().no_buffer, 0u);
  // Fewer than the ring has room for: better than none.
  rte_pktmbuf_free_bulk(taken.data(), 3);
  EXPECT_TRUE(Poll().empty());
  EXPECT_EQ(queue_->in_flight(), 3u);
  rte_pktmbuf_free_bulk(taken.data() + 3, MbufPool::kCount - 3);
  EXPECT_TRUE(Poll().empty());
  EXPECT_EQ(queue_->in_flight(), 16u);

  const Bytes frame = MakeFrame(100, 1);
  ASSERT_TRUE(rig_.DeliverFrame(frame, 1));
  const auto packets = Poll();
  ASSERT_EQ(packets.size(), 1u);
  EXPECT_EQ(FrameOf(packets[0]), frame);
  rte_pktmbuf_free(packets[0]);
}

// What an mbuf was used for before must not show.
TEST_P(MbufRxQueueTest, MbufsWithAPastComeBackAsNew) {
  std::vector<rte_mbuf*> taken(MbufPool::kCount);
  ASSERT_EQ(
      rte_pktmbuf_alloc_bulk(&pool_.get(), taken.data(), MbufPool::kCount), 0);
  for (rte_mbuf* const mbuf : taken) {
    mbuf->data_off = 3;
    mbuf->port = 1;
    mbuf->ol_flags = RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_FDIR;
    mbuf->packet_type = RTE_PTYPE_L4_TCP;
  }
  rte_pktmbuf_free_bulk(taken.data(), MbufPool::kCount);
  EXPECT_TRUE(Poll().empty());

  const Bytes frame = MakeFrame(1000, 2);
  ASSERT_TRUE(rig_.DeliverFrame(frame, 1));
  const auto packets = Poll();

  ASSERT_EQ(packets.size(), 1u);
  EXPECT_EQ(packets[0]->data_off, RTE_PKTMBUF_HEADROOM);
  EXPECT_EQ(packets[0]->port, kPort);
  EXPECT_EQ(packets[0]->ol_flags, 0u);
  EXPECT_EQ(packets[0]->packet_type, 0u);
  EXPECT_EQ(FrameOf(packets[0]), frame);
  rte_pktmbuf_free(packets[0]);
}

// D09: what was received of a frame that is not complete is not lost.
TEST_P(MbufRxQueueTest, D09ABrokenFrameGivesAllOfItsMbufsBack) {
  EXPECT_TRUE(Poll().empty());
  // A header and nothing behind it.
  ASSERT_TRUE(rig_.DeliverFrame({}, 1));
  EXPECT_TRUE(Poll().empty());
  EXPECT_EQ(queue_->stats().dropped, 1u);
  EXPECT_EQ(pool_.out(), 16u);
}

TEST_P(MbufRxQueueTest, D18EveryMbufIsBackAfterTheStop) {
  EXPECT_TRUE(Poll().empty());
  ASSERT_TRUE(rig_.DeliverFrame(MakeFrame(64, 1), 1));
  EXPECT_EQ(pool_.out(), 16u);

  rig_.Close();
  EXPECT_EQ(queue_->ReclaimAll(), 16u);

  EXPECT_EQ(pool_.out(), 0u);
}

INSTANTIATE_TEST_SUITE_P(Paths, MbufRxQueueTest,
                         testing::ValuesIn(AllMbufPaths()), MbufPathName());

std::vector<FeatureSet> MergeablePaths() {
  std::vector<FeatureSet> paths;
  for (const FeatureSet path : AllMbufPaths()) {
    if (path.Has(Feature::kNetMrgRxbuf)) paths.push_back(path);
  }
  return paths;
}
INSTANTIATE_TEST_SUITE_P(Paths, MbufRxMergeableTest,
                         testing::ValuesIn(MergeablePaths()), MbufPathName());

TEST(MbufRxPoolTest, APoolOfTinyMbufsIsRefusedByName) {
  MbufRig rig({Feature::kVersion1}, 16);
  rte_mempool* const pool = rte_pktmbuf_pool_create(
      "tiny", 31, 0, 0, RTE_PKTMBUF_HEADROOM + 10, SOCKET_ID_ANY);
  ASSERT_NE(pool, nullptr);

  const auto made = MbufRxQueue::Create(
      rig.vring, {.features = rig.features, .pool = pool, .port = 0});

  ASSERT_FALSE(made.has_value());
  EXPECT_EQ(made.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(made.error().text().find("tiny"), std::string_view::npos);
  rte_mempool_free(pool);
}

}  // namespace
}  // namespace virtio_user
