// SPDX-License-Identifier: BSD-3-Clause
//
// Frames go out through a TxQueue, across a device that copies them, and come
// back through an RxQueue: at random moments in one thread, and with the device
// on a thread of its own while a third one stops and starts the pair.

#include <atomic>
#include <chrono>
#include <deque>
#include <string>
#include <thread>

#include "gtest/gtest.h"
#include "tests/net_support.h"
#include "tests/quiesce.h"
#include "virtio_user/net/rx_queue.h"
#include "virtio_user/net/tx_queue.h"

namespace virtio_user {
namespace {

struct Shape {
  const char* name;
  FeatureSet features;
  uint16_t num;
};

constexpr FeatureSet kModern = {Feature::kVersion1};
constexpr FeatureSet kMerge = {Feature::kVersion1, Feature::kNetMrgRxbuf};

class Echo {
 public:
  explicit Echo(const Shape& shape)
      : mergeable_(shape.features.Has(Feature::kNetMrgRxbuf)),
        header_bytes_(NetHeaderBytes(shape.features)),
        tx_bench_(ShapeOf(shape)),
        rx_bench_(ShapeOf(shape)) {
    tx_ = *TxQueue::Create(tx_bench_.vring, tx_bench_.options);
    rx_ = *RxQueue::Create(rx_bench_.vring, rx_bench_.options);
    max_bytes_ = mergeable_ ? std::min<size_t>(tx_->max_frame_bytes(), 1000)
                            : std::min<size_t>(tx_->max_frame_bytes(),
                                               kBufferBytes - header_bytes_);
  }

  void Open() {
    tx_bench_.vring.ring.gate.Open();
    rx_bench_.vring.ring.gate.Open();
  }
  void Close() {
    CloseAndWait(tx_bench_.vring.ring.gate);
    CloseAndWait(rx_bench_.vring.ring.gate);
  }

  // The driver's turn: sends up to `count` frames.
  void Send(uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) {
      const Bytes frame = MakeFrame(BytesOf(sent_), sent_);
      if (!tx_->Send(frame)) return;
      ++sent_;
    }
  }
  void Receive(uint32_t count) {
    rx_->Receive(count, [&](std::span<const std::byte> frame) {
      const Bytes want = MakeFrame(BytesOf(received_), received_);
      if (!std::ranges::equal(frame, want)) failed_.store(true);
      ++received_;
    });
  }
  // The device's turn: moves one frame; false where it cannot.
  bool Move() {
    if (held_.empty()) held_ = tx_bench_.TakeSent();
    if (held_.empty()) return false;
    const size_t buffers = (held_.size() + kBufferBytes - 1) / kBufferBytes;
    const auto avail = LoadRelaxed<uint16_t>(
        rx_bench_.vring.ring.layout.driver + kAvailIdxOffset);
    const uint16_t room =
        static_cast<uint16_t>(avail - rx_bench_.device->next_avail());
    if (room < buffers) return false;
    const auto num_buffers = static_cast<uint16_t>(buffers);
    if (header_bytes_ == 12) std::memcpy(&held_[10], &num_buffers, 2);
    if (!rx_bench_.Deliver(held_)) failed_.store(true);
    held_.clear();
    return true;
  }

  // Has not broken, lost or changed anything.
  void Check() {
    EXPECT_FALSE(failed_.load());
    EXPECT_FALSE(tx_->broken().has_value());
    EXPECT_FALSE(rx_->broken().has_value());
    EXPECT_EQ(rx_->stats().dropped, 0u);
    EXPECT_EQ(tx_->stats().bytes, rx_->stats().bytes);
    EXPECT_TRUE(tx_bench_.arena.GuardsIntact());
    EXPECT_TRUE(rx_bench_.arena.GuardsIntact());
  }

  uint64_t sent() const { return sent_; }
  uint64_t received() const { return received_; }
  // The driver's thread alone.
  bool failed() const {
    return failed_.load(std::memory_order_relaxed) || tx_->broken() ||
           rx_->broken();
  }

 private:
  static constexpr uint32_t kBufferBytes = 256;

  static NetBench::Shape ShapeOf(const Shape& shape) {
    return {.num = shape.num,
            .buffer_count = shape.num + 3u,
            .buffer_bytes = kBufferBytes,
            .features = shape.features};
  }
  size_t BytesOf(uint64_t number) const {
    return 1 + TestRandom(number).Below(static_cast<uint32_t>(max_bytes_));
  }

  const bool mergeable_;
  const size_t header_bytes_;
  NetBench tx_bench_;
  NetBench rx_bench_;
  std::unique_ptr<TxQueue> tx_;
  std::unique_ptr<RxQueue> rx_;
  size_t max_bytes_ = 0;
  Bytes held_;
  uint64_t sent_ = 0;
  uint64_t received_ = 0;
  std::atomic<bool> failed_{false};
};

class NetEcho : public ::testing::TestWithParam<Shape> {};

TEST_P(NetEcho, EveryByteComesBackUnderRandomInterleavings) {
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    TestRandom random(seed);
    Echo echo(GetParam());
    echo.Open();
    for (int i = 0; i < 20000; ++i) {
      const uint32_t count = 1 + random.Below(random.OneIn(9) ? 300 : 5);
      const uint32_t turn = random.Below(4);
      if (turn == 0) echo.Send(count);
      if (turn == 1) echo.Receive(count);
      for (uint32_t k = 0; turn >= 2 && k < count && echo.Move(); ++k) continue;
    }
    while (echo.received() < echo.sent() && !echo.failed()) {
      echo.Receive(64);
      while (echo.Move()) continue;
    }
    echo.Check();
    EXPECT_GT(echo.sent(), 2000u);
  }
}

TEST_P(NetEcho, EveryByteComesBackFromAThreadWhileTheGatesOpenAndClose) {
  constexpr uint64_t kFrames = 50000;
  Echo echo(GetParam());
  std::atomic<bool> done{false};
  std::thread device([&] {
    while (!done.load(std::memory_order_relaxed)) {
      if (!echo.Move()) std::this_thread::yield();
    }
  });
  std::thread control([&] {
    while (!done.load(std::memory_order_relaxed)) {
      echo.Open();
      std::this_thread::sleep_for(std::chrono::microseconds(300));
      echo.Close();
    }
  });
  while (echo.received() < kFrames && !echo.failed()) {
    const uint64_t before = echo.received();
    echo.Send(
        static_cast<uint32_t>(std::min<uint64_t>(16, kFrames - echo.sent())));
    echo.Receive(32);
    if (echo.received() == before) std::this_thread::yield();
  }
  done.store(true);
  device.join();
  control.join();
  echo.Check();
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, NetEcho,
    ::testing::Values(
        Shape{"Legacy", {}, 8}, Shape{"Modern", kModern, 1},
        Shape{"ModernLarge", kModern, 256}, Shape{"Mergeable", kMerge, 16},
        Shape{"MergeableInOrder", kMerge | FeatureSet{Feature::kInOrder}, 32},
        Shape{"MergeableIndirect", kMerge | FeatureSet{Feature::kIndirectDesc},
              16},
        Shape{"MergeableInOrderIndirect",
              kMerge | FeatureSet{Feature::kInOrder, Feature::kIndirectDesc},
              64}),
    [](const auto& shape) { return shape.param.name; });

}  // namespace
}  // namespace virtio_user
