// SPDX-License-Identifier: BSD-3-Clause
//
// Driver queues of all kinds against a device that gives one buffer back twice.
// A queue may look at several used elements before it takes any of them; so the
// repeated one stands at every place behind the first, at every place of the
// ring, and is met in looks of every length.

#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/bare_device.h"
#include "tests/driver_queue_support.h"
#include "tests/ring_support.h"

namespace virtio_user {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr uint16_t kNum = 16;
constexpr uint32_t kElements = 8;
constexpr uint32_t kOffered = 10;  // So some of them are never used.

// Cookies of four bytes may be taken in other ways than larger ones.
template <typename KindT, typename CookieT>
struct Case {
  using Kind = KindT;
  using Cookie = CookieT;
};
using AnyOrder =
    ::testing::Types<Case<SplitAny, uint32_t>, Case<SplitAny, uint64_t>,
                     Case<PackedAny, uint32_t>, Case<PackedAny, uint64_t>>;
using AllCases =
    ::testing::Types<Case<SplitAny, uint32_t>, Case<SplitAny, uint64_t>,
                     Case<PackedAny, uint32_t>, Case<PackedAny, uint64_t>,
                     Case<SplitInOrder, uint32_t>, Case<SplitInOrder, uint64_t>,
                     Case<PackedInOrder, uint32_t>,
                     Case<PackedInOrder, uint64_t>>;
struct CaseNames {
  template <typename T>
  static std::string GetName(int) {
    return T::Kind::kName + std::to_string(sizeof(typename T::Cookie));
  }
};

template <typename Case>
class DriverQueueTwice : public ::testing::Test {
 protected:
  using Cookie = typename Case::Cookie;

  std::vector<uint32_t> Cookies(uint32_t most) {
    std::vector<UsedChain<Cookie>> used(most);
    used.resize(queue_.TakeUsed(used));
    std::vector<uint32_t> cookies;
    for (const auto& chain : used) {
      cookies.push_back(static_cast<uint32_t>(chain.cookie));
    }
    return cookies;
  }
  std::vector<uint32_t> Reclaim() {
    std::vector<uint32_t> lost;
    queue_.ReclaimAll(
        [&](Cookie cookie) { lost.push_back(static_cast<uint32_t>(cookie)); });
    device_.Restart();
    return lost;
  }
  // kOffered buffers, cookies 0 and up, are with the device, and the next used
  // element goes to `place` of the ring.
  void BeginAt(uint32_t place) {
    Reclaim();
    for (uint32_t i = 0; i < place; ++i) {
      queue_.template OfferOne<BufferUse::kDeviceWrites>({{64}, 4}, 99);
      queue_.Publish();
      device_.Use(*device_.Pop(), 4);
      ASSERT_EQ(Cookies(1).size(), 1u);
    }
    const uint32_t offered =
        queue_.template OfferEach<BufferUse::kDeviceWrites>(
            kOffered, [](size_t) { return true; },
            [](size_t i) {
              return OfferedBuffer<Cookie>{{{64 * i}, 4},
                                           static_cast<Cookie>(i)};
            });
    ASSERT_EQ(offered, kOffered);
    queue_.Publish();
    chains_.clear();
    while (auto chain = device_.Pop()) chains_.push_back(*std::move(chain));
    ASSERT_EQ(chains_.size(), kOffered);
  }

  // Elements 0 to kElements - 1 give back the buffers of these numbers, all at
  // once. The first `sound` of them are to be taken, in looks of up to `look`,
  // and the one behind them breaks the queue.
  void UseAndExpect(const std::vector<uint32_t>& numbers, uint32_t sound,
                    uint32_t look) {
    for (const uint32_t number : numbers) {
      device_.Use(chains_[number], 4);
    }
    std::vector<uint32_t> taken;
    for (uint32_t i = 0; i <= kElements; ++i) {
      const std::vector<uint32_t> some = Cookies(look);
      taken.insert(taken.end(), some.begin(), some.end());
    }
    const std::vector<uint32_t> want(numbers.begin(), numbers.begin() + sound);
    ASSERT_EQ(taken, want);
    ASSERT_TRUE(queue_.broken().has_value());
    EXPECT_EQ(queue_.broken()->code(), ErrorCode::kProtocol);
    EXPECT_THAT(std::string(queue_.broken()->text()),
                HasSubstr("id " + std::to_string(chains_[numbers[sound]].id) +
                          " is no chain"));
    ExpectTheRestBack(taken);
  }

  // What was not taken comes back once, and nothing else does.
  void ExpectTheRestBack(const std::vector<uint32_t>& taken) {
    std::multiset<uint32_t> rest;
    for (uint32_t i = 0; i < kOffered; ++i) rest.insert(i);
    for (const uint32_t cookie : taken) rest.erase(cookie);
    ASSERT_EQ(queue_.in_flight(), rest.size());
    ASSERT_EQ(queue_.free_count(), kNum - rest.size());
    const std::vector<uint32_t> lost = Reclaim();
    EXPECT_EQ(std::multiset<uint32_t>(lost.begin(), lost.end()), rest);
    EXPECT_TRUE(arena_.GuardsIntact());
  }

  TestArena arena_{ArenaBytes(kNum)};
  Ring ring_{.layout = TakeRing(arena_, kNum, Case::Kind::kFormat),
             .published = {},
             .gate = {}};
  typename Case::Kind::template Queue<Cookie> queue_{ring_};
  BareDevice device_{ring_.layout, arena_};
  std::vector<SeenChain> chains_;
};
TYPED_TEST_SUITE(DriverQueueTwice, AllCases, CaseNames);

// A used element gives a buffer back to the driver ("The Virtqueue Used Ring");
// another one for the same buffer names one that the device does not have.
TYPED_TEST(DriverQueueTwice, TheSecondOfTwoBreaksTheQueueWhereverTheyStand) {
  for (uint32_t first = 0; first < kElements; ++first) {
    for (uint32_t second = first + 1; second < kElements; ++second) {
      for (uint32_t place = 0; place < kNum; ++place) {
        for (uint32_t look = 1; look <= kElements; ++look) {
          SCOPED_TRACE("elements " + std::to_string(first) + " and " +
                       std::to_string(second) + ", from place " +
                       std::to_string(place) + " on, " + std::to_string(look) +
                       " a look");
          ASSERT_NO_FATAL_FAILURE(this->BeginAt(place));
          std::vector<uint32_t> numbers = {0, 1, 2, 3, 4, 5, 6, 7};
          numbers[second] = first;
          ASSERT_NO_FATAL_FAILURE(this->UseAndExpect(numbers, second, look));
        }
      }
    }
  }
}

TYPED_TEST(DriverQueueTwice, OneBufferInAllElementsIsTakenOnce) {
  for (uint32_t place = 0; place < kNum; ++place) {
    for (uint32_t look = 1; look <= kElements; ++look) {
      SCOPED_TRACE("from place " + std::to_string(place) + " on, " +
                   std::to_string(look) + " a look");
      ASSERT_NO_FATAL_FAILURE(this->BeginAt(place));
      ASSERT_NO_FATAL_FAILURE(
          this->UseAndExpect(std::vector<uint32_t>(kElements, 0), 1, look));
    }
  }
}

// The oracle of the two above: without a repetition nothing breaks.
TYPED_TEST(DriverQueueTwice, EachBufferOnceBreaksNothing) {
  for (uint32_t place = 0; place < kNum; ++place) {
    SCOPED_TRACE("from place " + std::to_string(place) + " on");
    ASSERT_NO_FATAL_FAILURE(this->BeginAt(place));
    for (const SeenChain& chain : this->chains_) this->device_.Use(chain, 4);
    EXPECT_EQ(this->Cookies(kNum).size(), kOffered);
    EXPECT_FALSE(this->queue_.broken().has_value());
    EXPECT_THAT(this->Reclaim(), IsEmpty());
  }
}

template <typename Case>
class DriverQueueTwiceAnyOrder : public DriverQueueTwice<Case> {};
TYPED_TEST_SUITE(DriverQueueTwiceAnyOrder, AnyOrder, CaseNames);

// Whatever order they come in.
TYPED_TEST(DriverQueueTwiceAnyOrder, TheSecondOfTwoBreaksABackwardRowToo) {
  for (uint32_t first = 0; first < kElements; ++first) {
    for (uint32_t second = first + 1; second < kElements; ++second) {
      SCOPED_TRACE("elements " + std::to_string(first) + " and " +
                   std::to_string(second));
      ASSERT_NO_FATAL_FAILURE(this->BeginAt(0));
      std::vector<uint32_t> numbers = {9, 8, 7, 6, 5, 4, 3, 2};
      numbers[second] = numbers[first];
      ASSERT_NO_FATAL_FAILURE(this->UseAndExpect(numbers, second, kElements));
    }
  }
}

}  // namespace
}  // namespace virtio_user
