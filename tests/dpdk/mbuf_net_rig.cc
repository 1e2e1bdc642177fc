// SPDX-License-Identifier: BSD-3-Clause
//
// Rigs over mbufs.

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/dpdk/mbuf_pool.h"
#include "tests/dpdk/mbuf_rig.h"
#include "tests/net_rig.h"

namespace virtio_user {
namespace {

constexpr uint16_t kPort = 7;

uint16_t BurstCount(size_t count) {
  return static_cast<uint16_t>(std::min<size_t>(count, UINT16_MAX));
}

// What both directions have. Whoever derives opens the gate once there is a
// queue.
template <typename Interface, typename Queue>
class MbufNetRig : public Interface {
 public:
  explicit MbufNetRig(const NetRigShape& shape)
      : pool_(shape.buffer_count, shape.room_bytes),
        rig_(shape.features, shape.num),
        room_bytes_(shape.room_bytes) {}
  ~MbufNetRig() override {
    rig_.Close();
    queue_->ReclaimAll();
    rte_pktmbuf_free_bulk(held_.data(), static_cast<unsigned>(held_.size()));
  }

  DeviceSide& side() override { return rig_; }
  const std::optional<Error>& broken() const override {
    return queue_->broken();
  }
  NetQueueStats stats() const override { return queue_->stats(); }
  size_t in_flight() const override { return queue_->in_flight(); }
  size_t ReclaimAll() override { return queue_->ReclaimAll(); }
  size_t buffers_out() const override { return pool_.out(); }
  void ExpectSound() override {
    EXPECT_TRUE(rig_.GuardsIntact());
    pool_.ExpectSound();
    if (!fronts_moved_) pool_.ExpectHeadroomsUntouched();
  }
  size_t held_count() const override { return held_.size(); }
  void FreeHeld(size_t index) override {
    rte_pktmbuf_free(held_[index]);
    held_.erase(held_.begin() + static_cast<ptrdiff_t>(index));
  }

 protected:
  MbufPool pool_;
  MbufRig rig_;
  std::unique_ptr<Queue> queue_;
  std::vector<rte_mbuf*> held_;
  const uint32_t room_bytes_;
  bool fronts_moved_ = false;  // Into the headroom.
};

class MbufRxRig final : public MbufNetRig<RxRig, MbufRxQueue> {
 public:
  explicit MbufRxRig(const NetRigShape& shape) : MbufNetRig(shape) {
    queue_ = *MbufRxQueue::Create(
        rig_.vring,
        {.features = shape.features, .pool = &pool_.get(), .port = kPort});
    rig_.Open();
    EXPECT_EQ(Take(1), 0u);
  }

  size_t Take(size_t most) override {
    std::vector<rte_mbuf*> packets(BurstCount(most));
    packets.resize(MbufRxQueue::BurstFor(rig_.features)(
        queue_.get(), packets.data(), BurstCount(packets.size())));
    for (rte_mbuf* const packet : packets) {
      const char* reason = "";
      EXPECT_EQ(rte_mbuf_check(packet, 1, &reason), 0) << reason;
      EXPECT_EQ(packet->port, kPort);
      held_.push_back(packet);
    }
    return packets.size();
  }
  Bytes FrameOf(size_t index) override {
    return virtio_user::FrameOf(held_[index]);
  }
  Checksum checksum(size_t index) const override {
    const uint64_t flags = held_[index]->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK;
    if (flags == RTE_MBUF_F_RX_L4_CKSUM_GOOD) return Checksum::kValid;
    if (flags == RTE_MBUF_F_RX_L4_CKSUM_NONE) return Checksum::kPartial;
    EXPECT_EQ(flags, RTE_MBUF_F_RX_L4_CKSUM_UNKNOWN);
    return Checksum::kNone;
  }
  std::byte* ReceivedHeader(uint32_t buffer) override {
    return pool_.Buffer(buffer) + RTE_PKTMBUF_HEADROOM - rig_.header_bytes();
  }
};

class MbufTxRig final : public MbufNetRig<TxRig, MbufTxQueue> {
 public:
  explicit MbufTxRig(const NetRigShape& shape) : MbufNetRig(shape) {
    queue_ = *MbufTxQueue::Create(rig_.vring, rig_.tx_options());
    rig_.Open();
  }

  bool Make(const Bytes& frame) override {
    rte_mbuf* const packet = pool_.Make(frame, room_bytes_);
    if (packet != nullptr) held_.push_back(packet);
    return packet != nullptr;
  }
  void MoveFront(uint16_t headroom) override {
    rte_mbuf& first = *held_.back();
    std::memmove(static_cast<std::byte*>(first.buf_addr) + headroom,
                 rte_pktmbuf_mtod(&first, std::byte*), first.data_len);
    first.data_off = headroom;
    fronts_moved_ = true;
  }
  bool Ask(const Offload&) override { return false; }
  size_t Send() override {
    const uint16_t taken = MbufTxQueue::BurstFor(rig_.features)(
        queue_.get(), held_.data(), BurstCount(held_.size()));
    held_.erase(held_.begin(), held_.begin() + taken);
    return taken;
  }
  size_t Complete(size_t most) override { return queue_->Complete(most); }
};

}  // namespace

std::unique_ptr<RxRig> MakeRxRig(const NetRigShape& shape) {
  return std::make_unique<MbufRxRig>(shape);
}
std::unique_ptr<TxRig> MakeTxRig(const NetRigShape& shape) {
  return std::make_unique<MbufTxRig>(shape);
}
std::vector<NetLayout> RigLayouts() { return ModernLayouts(); }

}  // namespace virtio_user
