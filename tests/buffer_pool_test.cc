// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/net/buffer_pool.h"

#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/ring_support.h"

namespace virtio_user {
namespace {

using ::testing::HasSubstr;

class BufferPoolTest : public ::testing::Test {
 protected:
  std::string WhyNot(const NetQueueOptions& options) {
    const auto pool = BufferPool::Create(options);
    return pool ? "" : std::string(pool.error().text());
  }

  TestArena arena_{8192};
  std::span<std::byte> memory_ = arena_.Take(5 * 64 + 63);
  NetQueueOptions options_{.features = {Feature::kVersion1},
                           .memory = memory_,
                           .memory_addr = arena_.Addr(memory_.data()),
                           .buffer_bytes = 64};
};

TEST_F(BufferPoolTest, BuffersLieSideBySideAndTheRestIsUnused) {
  const auto pool = BufferPool::Create(options_);
  ASSERT_TRUE(pool.has_value());
  EXPECT_EQ(pool->size(), 5u);
  EXPECT_EQ(pool->free_count(), 5u);
  for (uint32_t i = 0; i < 5; ++i) {
    EXPECT_EQ(pool->Host(i).data(), memory_.data() + 64 * i);
    EXPECT_EQ(pool->Host(i).size(), 64u);
    EXPECT_EQ(pool->Device(i, 12, 9),
              (DeviceBuffer{arena_.Addr(memory_.data() + 64 * i + 12), 9}));
  }
}

TEST_F(BufferPoolTest, ChainsAreTakenAndGivenBackWhole) {
  auto pool = BufferPool::Create(options_);
  const auto three = pool->Take(3);
  ASSERT_TRUE(three.has_value());
  EXPECT_FALSE(pool->Take(3).has_value());
  const auto two = pool->Take(2);
  ASSERT_TRUE(two.has_value());
  EXPECT_FALSE(pool->Take(1).has_value());
  const std::set<uint32_t> all = {*three, pool->Next(*three),
                                  pool->Next(pool->Next(*three)), *two,
                                  pool->Next(*two)};
  EXPECT_EQ(all, (std::set<uint32_t>{0, 1, 2, 3, 4}));
  pool->Give(*three);
  EXPECT_EQ(pool->free_count(), 3u);
  pool->Give(*two);
  EXPECT_EQ(pool->free_count(), 5u);
  EXPECT_TRUE(pool->Take(5).has_value());
}

TEST_F(BufferPoolTest, NoBufferIsGivenOutTwiceInAnyOrderOfTakesAndGives) {
  auto pool = BufferPool::Create(options_);
  TestRandom random(3);
  std::vector<std::pair<uint32_t, uint32_t>> chains;  // First, count.
  std::multiset<uint32_t> out;
  for (int i = 0; i < 20000; ++i) {
    const uint32_t count = 1 + random.Below(3);
    if (const auto first = pool->Take(count)) {
      chains.emplace_back(*first, count);
      uint32_t at = *first;
      out.insert(at);
      for (uint32_t k = 1; k < count; ++k) out.insert(at = pool->Next(at));
    }
    ASSERT_EQ(std::set<uint32_t>(out.begin(), out.end()).size(), out.size());
    ASSERT_EQ(out.size() + pool->free_count(), 5u);
    if (chains.empty() || random.OneIn(2)) continue;
    const size_t which = random.Below(static_cast<uint32_t>(chains.size()));
    const auto [first, taken] = chains[which];
    uint32_t at = first;
    out.erase(at);
    for (uint32_t k = 1; k < taken; ++k) out.erase(at = pool->Next(at));
    pool->Give(first);
    chains.erase(chains.begin() + static_cast<ptrdiff_t>(which));
  }
}

TEST_F(BufferPoolTest, SetupsThatCannotWorkAreNamed) {
  NetQueueOptions options = options_;
  options.buffer_bytes = 100;
  EXPECT_THAT(WhyNot(options), HasSubstr("buffers of 100 bytes"));
  options.buffer_bytes = 0;
  EXPECT_THAT(WhyNot(options), HasSubstr("buffers of 0 bytes"));
  options = options_;
  options.memory = memory_.first(63);
  EXPECT_THAT(WhyNot(options), HasSubstr("63 bytes holds 0 buffers"));
  options.memory = memory_.subspan(8);
  EXPECT_THAT(WhyNot(options), HasSubstr("not aligned to 16"));
  EXPECT_EQ(WhyNot(options_), "");
}

}  // namespace
}  // namespace virtio_user
