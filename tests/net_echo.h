// SPDX-License-Identifier: BSD-3-Clause
//
// Frames go out through a TxQueue, across a device on a thread of its own, and
// come back through an RxQueue, while a third thread stops the pair and starts
// it again. Meant for ThreadSanitizer; without it, every byte is compared all
// the same.

#ifndef TESTS_NET_ECHO_H_
#define TESTS_NET_ECHO_H_

#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/net_support.h"

namespace virtio_user {

// VU_NET_THREAD_PACKETS sets how many frames cross on each layout
// (docs/data_path.md).
inline uint64_t NetThreadPackets() {
  const char* const asked = std::getenv("VU_NET_THREAD_PACKETS");
  return asked != nullptr ? std::strtoull(asked, nullptr, 10) : 200'000;
}

class Echo {
 public:
  static constexpr uint16_t kNum = 64;

  using BorrowVring =
      std::function<VringState&(uint16_t, const RingLayout&, const TestArena&)>;

  // On vrings 0 (RX) and 1 (TX) of somebody else, if `borrow` gives them.
  explicit Echo(const NetLayout& layout, const BorrowVring& borrow = {})
      : layout_(layout),
        tx_(ShapeFor(layout, 0x1000'0000, borrow, 1)),
        rx_(ShapeFor(layout, 0x2000'0000, borrow, 0)) {
    tx_.Close();
    rx_.Close();
    for (size_t i = 0; i < pattern_.size(); ++i) {
      pattern_[i] = static_cast<std::byte>(i * 5 + i / 256);
    }
  }

  // Sends so many frames and receives them, while `control` opens and closes
  // the gates again and again, on a thread of its own, as long as running().
  template <typename Control>
  void Run(uint64_t packet_count, const Control& control_rounds) {
    std::thread device([this] { Device(); });
    std::thread control(control_rounds);
    while (received_ < packet_count && !failed_.load()) {
      const uint64_t before = received_;
      Send(packet_count);
      Receive();
      if (received_ == before) std::this_thread::yield();
    }
    done_.store(true);
    device.join();
    control.join();
    EXPECT_FALSE(failed_.load());
    EXPECT_EQ(received_, packet_count);
    EXPECT_EQ(rx_.queue->stats().dropped, 0u);
    EXPECT_TRUE(tx_.arena.GuardsIntact());
    EXPECT_TRUE(rx_.arena.GuardsIntact());
    ExpectNothingLost(tx_);
    ExpectNothingLost(rx_);
  }

  // Of all that runs, what the control thread may call.
  bool running() const {
    return !done_.load(std::memory_order_relaxed) && !failed_.load();
  }
  void Fail(const char* what) {
    if (failed_.exchange(true)) return;
    ADD_FAILURE() << what;
  }
  // While it lives, the device's thread stands still.
  std::unique_lock<std::mutex> HoldDevice() {
    return std::unique_lock(device_turn_);
  }
  Sender& tx() { return tx_; }
  Receiver& rx() { return rx_; }
  const NetLayout& layout() const { return layout_; }

 private:
  static constexpr uint32_t kBufferBytes = 256;

  static NetBench::Shape ShapeFor(const NetLayout& layout, uint64_t published,
                                  const BorrowVring& borrow, uint16_t vring) {
    NetBench::Shape shape = {
        .num = kNum,
        .buffer_count = 200,
        .buffer_bytes = kBufferBytes,
        .features = layout.features | FeatureSet{Feature::kIndirectDesc},
        .published = published};
    if (borrow) {
      shape.borrow = [=](const RingLayout& ring,
                         const TestArena& arena) -> VringState& {
        return borrow(vring, ring, arena);
      };
    }
    return shape;
  }
  template <typename Side>
  static void ExpectNothingLost(Side& side) {
    side.queue->ReclaimAll();
    EXPECT_EQ(side.pool.free_count(), side.pool.size());
  }

  // A frame tells its number in its first bytes and by its length.
  size_t BytesOf(uint64_t number) const {
    const uint32_t most = layout_.mergeable() ? 600 : 190;
    return 8 + TestRandom(number).Below(most - 8);
  }

  // The driver's thread.
  void Send(uint64_t packet_count) {
    while (held_.size() < 16 && made_ < packet_count) {
      std::memcpy(pattern_.data(), &made_, sizeof(made_));
      const auto packet =
          tx_.pool.Make(std::span(pattern_).first(BytesOf(made_)));
      if (!packet) break;
      held_.push_back(*packet);
      ++made_;
    }
    const size_t sent = tx_.queue->Send(held_);
    held_.erase(held_.begin(), held_.begin() + static_cast<ptrdiff_t>(sent));
    if (sent == 0) tx_.queue->Complete(64);
    if (tx_.queue->broken()) Fail("TX broken");
  }
  void Receive() {
    std::array<Packet, 32> packets;
    const size_t count = rx_.queue->Receive(packets);
    for (const Packet& packet : std::span(packets).first(count)) {
      std::array<std::byte, 1024> frame;
      std::memcpy(pattern_.data(), &received_, sizeof(received_));
      if (packet.bytes != BytesOf(received_) ||
          rx_.pool.CopyOut(packet, frame) != packet.bytes ||
          std::memcmp(frame.data(), pattern_.data(), packet.bytes) != 0) {
        Fail("another frame");
      }
      rx_.pool.Free(packet);
      ++received_;
    }
    if (rx_.queue->broken()) Fail("RX broken");
  }

  // The device's thread: frames cross in turn, chains come back in any order
  // where that is allowed.
  void Device() {
    while (!done_.load(std::memory_order_relaxed)) {
      const std::unique_lock turn = HoldDevice();
      DescriptorChain chain;
      while (room_.size() < 12 && rx_.Pop(chain)) room_.push_back(chain);
      bool moved = false;
      while (room_.size() >= 4 && MoveOne()) moved = true;
      if (!moved) {
        GiveBack();
        std::this_thread::yield();
      }
    }
  }
  bool MoveOne() {
    DescriptorChain chain;
    if (!tx_.Pop(chain)) return false;
    Bytes bytes = tx_.Gather(chain.readable);
    done_with_.push_back(chain.token);
    const size_t each = kBufferBytes - BufferPool::kHeadroom + 12;
    const auto buffers =
        static_cast<uint16_t>((bytes.size() + each - 1) / each);
    std::memcpy(&bytes[10], &buffers, sizeof(buffers));
    std::span<const std::byte> rest = bytes;
    while (!rest.empty()) {
      const DescriptorChain into = Pick(room_);
      rx_.device->Put(into.token, rx_.Fill(into, rest));
    }
    rx_.device->Publish();
    if (done_with_.size() == 8) GiveBack();
    return true;
  }
  void GiveBack() {
    if (done_with_.empty()) return;
    if (layout_.in_order()) {
      tx_.device->PutBatch(std::vector(done_with_.begin(), done_with_.end()),
                           0);
      done_with_.clear();
    }
    while (!done_with_.empty()) tx_.device->Put(Pick(done_with_), 0);
    tx_.device->Publish();
  }
  template <typename T>
  T Pick(std::deque<T>& from) {
    if (!layout_.in_order()) {
      const auto count = static_cast<uint32_t>(from.size());
      std::swap(from.front(), from[random_.Below(count)]);
    }
    T picked = std::move(from.front());
    from.pop_front();
    return picked;
  }

  const NetLayout layout_;
  Sender tx_;
  Receiver rx_;
  // The driver's thread.
  std::array<std::byte, 1024> pattern_{};
  std::vector<Packet> held_;
  uint64_t made_ = 0;
  uint64_t received_ = 0;
  // The device's.
  TestRandom random_{1};
  std::deque<DescriptorChain> room_;
  std::deque<ChainToken> done_with_;
  std::mutex device_turn_;
  std::atomic<bool> done_{false};
  std::atomic<bool> failed_{false};
};

}  // namespace virtio_user

#endif  // TESTS_NET_ECHO_H_
