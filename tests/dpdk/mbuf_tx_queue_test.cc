// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/dpdk/mbuf_tx_queue.h"

#include <gtest/gtest.h>

#include "tests/dpdk/mbuf_rig.h"

namespace virtio_user {
namespace {

class MbufTxQueueTest : public testing::TestWithParam<FeatureSet> {
 protected:
  MbufTxQueueTest() {
    queue_ = *MbufTxQueue::Create(rig_.vring, rig_.tx_options());
    rig_.Open();
  }
  ~MbufTxQueueTest() override {
    rig_.Close();
    queue_->ReclaimAll();
  }
  uint16_t Send(std::vector<rte_mbuf*> packets) {
    return MbufTxQueue::BurstFor(GetParam())(
        queue_.get(), packets.data(), static_cast<uint16_t>(packets.size()));
  }

  MbufPool pool_;
  MbufRig rig_{GetParam(), 16};
  std::unique_ptr<MbufTxQueue> queue_;
};

TEST_P(MbufTxQueueTest, BytesArriveUnchangedRoundAndRoundTheRing) {
  for (uint64_t i = 0; i < 200; ++i) {
    const Bytes frame = MakeFrame(60 + i * 7, i);
    ASSERT_EQ(Send({pool_.Make(frame, 2048)}), 1);
    ASSERT_EQ(rig_.TakeSent(), rig_.Plain(frame));
  }
  EXPECT_EQ(queue_->stats().packets, 200u);
}

TEST_P(MbufTxQueueTest, FourSegmentsOf2000BytesArriveAsOneFrame) {
  for (uint64_t i = 0; i < 50; ++i) {
    const Bytes frame = MakeFrame(8000, i);
    ASSERT_EQ(Send({pool_.Make(frame, 2000)}), 1);
    ASSERT_EQ(rig_.TakeSent(), rig_.Plain(frame));
  }
  EXPECT_EQ(queue_->stats().bytes, 50u * 8000);
}

// D03, D10: a header in front of a shared buffer would be in somebody's way.
TEST_P(MbufTxQueueTest, D03AClonedPacketAndItsOriginalStayAsTheyWere) {
  const Bytes frame = MakeFrame(500, 1);
  rte_mbuf* const packet = pool_.Make(frame, 2048);
  std::byte* const headroom = static_cast<std::byte*>(packet->buf_addr);
  std::fill_n(headroom, packet->data_off, std::byte{0x5a});
  rte_mbuf* const clone = rte_pktmbuf_clone(packet, &pool_.get());

  ASSERT_EQ(Send({clone, packet}), 2);
  EXPECT_EQ(rig_.TakeSent(), rig_.Plain(frame));
  EXPECT_EQ(rig_.TakeSent(), rig_.Plain(frame));

  EXPECT_EQ(FrameOf(packet), frame);
  EXPECT_EQ(
      std::count(headroom, headroom + RTE_PKTMBUF_HEADROOM, std::byte{0x5a}),
      RTE_PKTMBUF_HEADROOM);
}

TEST_P(MbufTxQueueTest, D10APacketThatIsKeptIsTheSameAfterItWasSent) {
  for (const size_t segment : {2048, 100}) {
    const Bytes frame = MakeFrame(300, segment);
    rte_mbuf* const packet = pool_.Make(frame, segment);
    const rte_mbuf before = *packet;
    // Whoever keeps it after sending holds a reference.
    rte_mbuf_refcnt_update(packet, 1);

    ASSERT_EQ(Send({packet}), 1);
    EXPECT_EQ(rig_.TakeSent(), rig_.Plain(frame));
    queue_->Complete(16);

    EXPECT_EQ(packet->data_off, before.data_off);
    EXPECT_EQ(packet->data_len, before.data_len);
    EXPECT_EQ(packet->buf_addr, before.buf_addr);
    EXPECT_EQ(std::memcmp(rte_pktmbuf_mtod(packet, void*), frame.data(),
                          packet->data_len),
              0);
    rte_pktmbuf_free(packet);
  }
}

TEST_P(MbufTxQueueTest, WithoutHeadroomTheHeaderGoesElsewhere) {
  const Bytes frame = MakeFrame(300, 3);
  for (const uint16_t headroom : {0, 4, 12, 19, 20, 21}) {
    rte_mbuf* const packet = pool_.Make(frame, 2048);
    auto* const start = static_cast<std::byte*>(packet->buf_addr) + headroom;
    std::copy(frame.begin(), frame.end(), start);
    packet->data_off = headroom;
    ASSERT_EQ(Send({packet}), 1);
    EXPECT_EQ(rig_.TakeSent(), rig_.Plain(frame)) << headroom;
  }
}

TEST_P(MbufTxQueueTest, PacketsBeyondTheRingStayWithTheCaller) {
  std::vector<rte_mbuf*> packets;
  for (int i = 0; i < 20; ++i)
    packets.push_back(pool_.Make(MakeFrame(64, 1), 2048));

  const uint16_t sent = Send(packets);

  EXPECT_EQ(sent, 16);
  EXPECT_EQ(pool_.out(), 20u);
  rte_pktmbuf_free_bulk(packets.data() + sent, 20u - sent);
}

// D18.
TEST_P(MbufTxQueueTest, D18EveryMbufIsBackAfterTheStop) {
  std::vector<rte_mbuf*> packets;
  for (int i = 0; i < 12; ++i)
    packets.push_back(pool_.Make(MakeFrame(64, 1), 2048));
  ASSERT_EQ(Send(packets), 12);
  for (int i = 0; i < 5; ++i) rig_.TakeSent();
  EXPECT_EQ(pool_.out(), 12u);

  rig_.Close();
  queue_->ReclaimAll();

  EXPECT_EQ(pool_.out(), 0u);
  EXPECT_EQ(queue_->stats().packets, 12u);
  EXPECT_EQ(queue_->stats().dropped, 0u);
}

TEST_P(MbufTxQueueTest, AnEmptyPacketIsDroppedAndCounted) {
  EXPECT_EQ(Send({rte_pktmbuf_alloc(&pool_.get())}), 1);
  EXPECT_EQ(queue_->stats().dropped, 1u);
  EXPECT_EQ(pool_.out(), 0u);
}

INSTANTIATE_TEST_SUITE_P(Paths, MbufTxQueueTest,
                         testing::ValuesIn(AllMbufPaths()), MbufPathName());

}  // namespace
}  // namespace virtio_user
