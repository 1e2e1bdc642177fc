// SPDX-License-Identifier: BSD-3-Clause
//
// Rigs over our own buffers.

#include <algorithm>
#include <cstring>
#include <memory>
#include <set>
#include <vector>

#include "gtest/gtest.h"
#include "tests/net_rig.h"
#include "tests/net_support.h"

namespace virtio_user {
namespace {

NetBench::Shape BenchShape(const NetRigShape& shape) {
  return {.num = shape.num,
          .buffer_count = shape.buffer_count,
          .buffer_bytes = shape.room_bytes + BufferPool::kHeadroom,
          .features = shape.features};
}

void ExpectFreeBuffersAreFreeOnce(BufferPool& pool) {
  std::vector<Packet> all;
  std::set<uint32_t> numbers;
  const uint32_t free = pool.free_count();
  const Bytes byte(1);
  while (const auto packet = pool.Make(byte)) {
    all.push_back(*packet);
    numbers.insert(packet->buffer);
    if (all.size() > free) break;
  }
  EXPECT_EQ(all.size(), free);
  EXPECT_EQ(numbers.size(), free) << "a buffer is in its pool twice";
  for (const Packet& packet : all) pool.Free(packet);
}

// What both directions have.
template <typename Interface, typename Bench>
class OwnRig : public Interface {
 public:
  explicit OwnRig(const NetRigShape& shape) : bench_(BenchShape(shape)) {}

  DeviceSide& side() override { return bench_; }
  const std::optional<Error>& broken() const override {
    return bench_.queue->broken();
  }
  NetQueueStats stats() const override { return bench_.queue->stats(); }
  size_t in_flight() const override { return bench_.queue->in_flight(); }
  size_t ReclaimAll() override { return bench_.queue->ReclaimAll(); }
  size_t buffers_out() const override {
    return bench_.pool.size() - bench_.pool.free_count();
  }
  void ExpectSound() override {
    EXPECT_TRUE(bench_.arena.GuardsIntact());
    ExpectFreeBuffersAreFreeOnce(bench_.pool);
  }
  size_t held_count() const override { return held_.size(); }
  void FreeHeld(size_t index) override {
    bench_.pool.Free(held_[index]);
    held_.erase(held_.begin() + static_cast<ptrdiff_t>(index));
  }

 protected:
  Bench bench_;
  std::vector<Packet> held_;
};

class OwnRxRig final : public OwnRig<RxRig, Receiver> {
 public:
  using OwnRig::OwnRig;

  size_t Take(size_t most) override {
    std::vector<Packet> packets(most);
    packets.resize(bench_.queue->Receive(packets));
    for (const Packet& packet : packets) {
      ExpectOffloadInside(packet);
      held_.push_back(packet);
    }
    return packets.size();
  }
  Bytes FrameOf(size_t index) override {
    Bytes frame(held_[index].bytes);
    EXPECT_EQ(bench_.pool.CopyOut(held_[index], frame), frame.size());
    return frame;
  }
  Checksum checksum(size_t index) const override {
    return bench_.pool.offload(held_[index]).checksum;
  }
  std::byte* ReceivedHeader(uint32_t buffer) override {
    return bench_.ReceivedHeader(buffer);
  }

 private:
  void ExpectOffloadInside(const Packet& packet) {
    const Offload offload = bench_.pool.offload(packet);
    if (offload.checksum != Checksum::kPartial) return;
    EXPECT_LE(offload.csum_start + offload.csum_offset + 2u, packet.bytes);
  }
};

class OwnTxRig final : public OwnRig<TxRig, Sender> {
 public:
  using OwnRig::OwnRig;

  bool Make(const Bytes& frame) override {
    const std::optional<Packet> packet = bench_.pool.Make(frame);
    if (packet) held_.push_back(*packet);
    return packet.has_value();
  }
  void MoveFront(uint16_t headroom) override {
    Packet& packet = held_.back();
    const std::span<std::byte> front = bench_.pool.Front(packet);
    packet.offset = headroom;
    std::memmove(bench_.Host(packet.buffer, headroom), front.data(),
                 front.size());
  }
  bool Ask(const Offload& offload) override {
    bench_.pool.SetOffload(held_.back(), offload);
    return true;
  }
  size_t Send() override {
    const size_t taken = bench_.queue->Send(held_);
    held_.erase(held_.begin(), held_.begin() + static_cast<ptrdiff_t>(taken));
    return taken;
  }
  size_t Complete(size_t most) override { return bench_.queue->Complete(most); }
};

}  // namespace

std::unique_ptr<RxRig> MakeRxRig(const NetRigShape& shape) {
  return std::make_unique<OwnRxRig>(shape);
}
std::unique_ptr<TxRig> MakeTxRig(const NetRigShape& shape) {
  return std::make_unique<OwnTxRig>(shape);
}
std::vector<NetLayout> RigLayouts() { return AllLayouts(); }

}  // namespace virtio_user
