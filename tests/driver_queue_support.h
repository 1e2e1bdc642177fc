// SPDX-License-Identifier: BSD-3-Clause
//
// A driver queue of each kind with a bare device on its ring, for typed tests.

#ifndef TESTS_DRIVER_QUEUE_SUPPORT_H_
#define TESTS_DRIVER_QUEUE_SUPPORT_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/bare_device.h"
#include "tests/ring_support.h"
#include "virtio_user/ring/packed_driver_queue.h"
#include "virtio_user/ring/split_driver_queue.h"

namespace virtio_user {

struct SplitAny {
  template <typename Cookie>
  using Queue = SplitDriverQueue<UseOrder::kAny, Cookie>;
  static constexpr RingFormat kFormat = RingFormat::kSplit;
  static constexpr bool kInOrder = false;
  static constexpr const char* kName = "SplitAny";
};
struct SplitInOrder {
  template <typename Cookie>
  using Queue = SplitDriverQueue<UseOrder::kInOrder, Cookie>;
  static constexpr RingFormat kFormat = RingFormat::kSplit;
  static constexpr bool kInOrder = true;
  static constexpr const char* kName = "SplitInOrder";
};
struct PackedAny {
  template <typename Cookie>
  using Queue = PackedDriverQueue<UseOrder::kAny, Cookie>;
  static constexpr RingFormat kFormat = RingFormat::kPacked;
  static constexpr bool kInOrder = false;
  static constexpr const char* kName = "PackedAny";
};
struct PackedInOrder {
  template <typename Cookie>
  using Queue = PackedDriverQueue<UseOrder::kInOrder, Cookie>;
  static constexpr RingFormat kFormat = RingFormat::kPacked;
  static constexpr bool kInOrder = true;
  static constexpr const char* kName = "PackedInOrder";
};

using AllKinds =
    ::testing::Types<SplitAny, SplitInOrder, PackedAny, PackedInOrder>;
using AnyOrderKinds = ::testing::Types<SplitAny, PackedAny>;
using InOrderKinds = ::testing::Types<SplitInOrder, PackedInOrder>;

struct KindNames {
  template <typename Kind>
  static std::string GetName(int) {
    return Kind::kName;
  }
};

template <typename Kind, uint16_t kNum = 8>
class DriverQueueFixture : public ::testing::Test {
 protected:
  using Queue = typename Kind::template Queue<uint32_t>;

  // A chain of buffers with 1, 2, 3, ... bytes: readable ones, then writable.
  bool Offer(uint32_t cookie, size_t readable, size_t writable) {
    return queue_.Offer(
        {.readable = std::span(buffers_).first(readable),
         .writable = std::span(buffers_).subspan(readable, writable),
         .cookie = cookie});
  }
  // Chains of one writable buffer of 1 byte, 0 to count - 1, published and
  // taken by the device.
  std::vector<SeenChain> OfferAndPop(uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) EXPECT_TRUE(Offer(i, 0, 1));
    queue_.Publish();
    return PopAll();
  }
  std::vector<SeenChain> PopAll() {
    std::vector<SeenChain> chains;
    while (auto chain = device_.Pop()) chains.push_back(*std::move(chain));
    return chains;
  }
  std::vector<UsedChain<uint32_t>> Take(size_t most = 16) {
    std::vector<UsedChain<uint32_t>> used(most);
    used.resize(queue_.TakeUsed(used));
    return used;
  }
  std::vector<uint32_t> Cookies(size_t most = 16) {
    std::vector<uint32_t> cookies;
    for (const auto& chain : Take(most)) cookies.push_back(chain.cookie);
    return cookies;
  }
  std::vector<uint32_t> Reclaim() {
    std::vector<uint32_t> lost;
    queue_.ReclaimAll([&](uint32_t cookie) { lost.push_back(cookie); });
    device_.Restart();
    return lost;
  }

  TestArena arena_{ArenaBytes(kNum, 4096)};
  Ring ring_{.layout = TakeRing(arena_, kNum, Kind::kFormat),
             .published = {},
             .gate = {}};
  std::array<DeviceBuffer, 8> buffers_ = {{{{0x100}, 1},
                                           {{0x200}, 2},
                                           {{0x300}, 3},
                                           {{0x400}, 4},
                                           {{0x500}, 5},
                                           {{0x600}, 6},
                                           {{0x700}, 7},
                                           {{0x800}, 8}}};
  Queue queue_{ring_};
  BareDevice device_{ring_.layout, arena_};
};

}  // namespace virtio_user

#endif  // TESTS_DRIVER_QUEUE_SUPPORT_H_
