// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/ring/ring_layout.h"

#include <bit>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/ring_support.h"

namespace virtio_user {
namespace {

using ::testing::HasSubstr;

TEST(RingLayout, ExactlyThePowersOfTwoUpTo32768AreSizes) {
  for (uint32_t num = 0; num <= 70000; ++num) {
    const bool valid = num == 1 || num == 2 || num == 4 || num == 8 ||
                       num == 16 || num == 32 || num == 64 || num == 128 ||
                       num == 256 || num == 512 || num == 1024 || num == 2048 ||
                       num == 4096 || num == 8192 || num == 16384 ||
                       num == 32768;
    ASSERT_EQ(RingLayout::CheckSize(RingFormat::kSplit, num).has_value(), valid)
        << num;
  }
}

TEST(RingLayout, ABadSizeIsNamed_S75) {
  const Result<void> checked = RingLayout::CheckSize(RingFormat::kSplit, 255);
  ASSERT_FALSE(checked.has_value());
  EXPECT_EQ(checked.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(std::string(checked.error().text()), HasSubstr("255"));
  TestArena arena(8192);
  EXPECT_FALSE(
      RingLayout::PlaceIn(arena.Take(4096), RingFormat::kSplit, 0).has_value());
  EXPECT_FALSE(RingLayout::PlaceIn(arena.Take(64), RingFormat::kSplit, 65536)
                   .has_value());
}

TEST(RingLayout, PartsAreAlignedInOrderAndInsideForEverySize) {
  TestArena arena(ArenaBytes(32768, 65536));
  const std::span<std::byte> memory =
      arena.Take(RingLayout::BytesFor(RingFormat::kSplit, 32768), 64);
  for (uint32_t num = 1; num <= 32768; num *= 2) {
    const size_t bytes =
        RingLayout::BytesFor(RingFormat::kSplit, static_cast<uint16_t>(num));
    const auto layout =
        RingLayout::PlaceIn(memory.first(bytes), RingFormat::kSplit, num);
    ASSERT_TRUE(layout.has_value()) << num;
    EXPECT_EQ(layout->num, num);
    EXPECT_TRUE(layout->Check().has_value()) << num;
    EXPECT_EQ(layout->desc, memory.data());
    EXPECT_LE(layout->desc + 16 * num, layout->driver);
    EXPECT_LE(layout->driver + 6 + 2 * num, layout->device);
    EXPECT_LE(layout->device + 6 + 8 * num, memory.data() + bytes);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(layout->device) % 64, 0u) << num;
    EXPECT_EQ(bytes % RingLayout::kAlign, 0u);
  }
}

// Of a split ring the first two parts follow each other without a gap, as in
// virtio's legacy layout; the event areas of a packed one have a line each.
TEST(RingLayout, PartsLieAsCloseAsTheyMay) {
  TestArena arena(8192);
  const std::span<std::byte> memory = arena.Take(4096);
  for (const uint16_t num : {1, 2, 4, 8}) {
    const auto split = RingLayout::PlaceIn(memory, RingFormat::kSplit, num);
    ASSERT_TRUE(split.has_value());
    EXPECT_EQ(split->driver - split->desc, 16 * num);
    EXPECT_EQ(split->device - split->desc, num < 8 ? 64 * (1 + num / 4) : 192);
  }
  for (const uint16_t num : {1, 3, 5}) {
    const auto packed = RingLayout::PlaceIn(memory, RingFormat::kPacked, num);
    ASSERT_TRUE(packed.has_value());
    EXPECT_EQ(packed->driver - packed->desc, num < 5 ? 64 : 128);
    EXPECT_EQ(packed->device - packed->driver, 64);
  }
}

TEST(RingLayout, MemoryThatIsAByteTooSmallIsRefused) {
  TestArena arena(16384);
  const std::span<std::byte> memory = arena.Take(8192);
  for (const auto& [format, name] :
       {std::pair(RingFormat::kSplit, "split"),
        std::pair(RingFormat::kPacked, "packed")}) {
    const size_t bytes = RingLayout::BytesFor(format, 256);
    const auto layout =
        RingLayout::PlaceIn(memory.first(bytes - 1), format, 256);
    ASSERT_FALSE(layout.has_value());
    EXPECT_EQ(layout.error().text(),
              "a " + std::string(name) + " ring of 256 descriptors needs " +
                  std::to_string(bytes) + " bytes, not " +
                  std::to_string(bytes - 1));
  }
}

TEST(RingLayout, MemoryThatIsNotAlignedIsRefused) {
  TestArena arena(16384);
  const std::span<std::byte> memory = arena.Take(8192);
  const auto layout =
      RingLayout::PlaceIn(memory.subspan(32), RingFormat::kSplit, 4);
  ASSERT_FALSE(layout.has_value());
  EXPECT_EQ(layout.error().code(), ErrorCode::kInvalidArgument);
}

TEST(RingLayout, PlaceInWritesNothing) {
  TestArena arena(16384);
  const std::span<std::byte> memory =
      arena.Take(RingLayout::BytesFor(RingFormat::kSplit, 64));
  std::ranges::fill(memory, std::byte{0x77});
  ASSERT_TRUE(RingLayout::PlaceIn(memory, RingFormat::kSplit, 64).has_value());
  EXPECT_TRUE(std::ranges::all_of(
      memory, [](std::byte b) { return b == std::byte{0x77}; }));
}

TEST(RingLayout, ZeroClearsTheThreePartsAndNothingElse) {
  TestArena arena(16384);
  RingLayout layout{.num = 8,
                    .desc = arena.Take(16 * 8).data(),
                    .driver = arena.Take(6 + 2 * 8).data(),
                    .device = arena.Take(6 + 8 * 8).data()};
  std::memset(layout.desc, 0xff, 16 * 8);
  std::memset(layout.driver, 0xff, 6 + 2 * 8);
  std::memset(layout.device, 0xff, 6 + 8 * 8);
  layout.Zero();
  const auto zero = [](std::byte b) { return b == std::byte{0}; };
  EXPECT_TRUE(std::all_of(layout.desc, layout.desc + 16 * 8, zero));
  EXPECT_TRUE(std::all_of(layout.driver, layout.driver + 6 + 2 * 8, zero));
  EXPECT_TRUE(std::all_of(layout.device, layout.device + 6 + 8 * 8, zero));
  EXPECT_TRUE(arena.GuardsIntact());
}

// The layout of a ring that somebody else put together.
std::string CheckText(const RingLayout& layout) {
  const Result<void> checked = layout.Check();
  return checked ? "" : std::string(checked.error().text());
}

TEST(RingLayout, CheckNamesThePartThatIsMissingOrMisaligned_S75) {
  TestArena arena(16384);
  const RingLayout good = TakeRing(arena, 8);
  RingLayout layout = good;
  layout.num = 3;
  EXPECT_THAT(CheckText(layout), HasSubstr("3 descriptors"));
  layout = good;
  layout.desc += 8;
  EXPECT_THAT(CheckText(layout), HasSubstr("descriptor table"));
  layout = good;
  layout.driver += 1;
  EXPECT_THAT(CheckText(layout), HasSubstr("available ring"));
  layout = good;
  layout.device += 2;
  EXPECT_THAT(CheckText(layout), HasSubstr("used ring"));
  layout = good;
  layout.device = nullptr;
  EXPECT_THAT(CheckText(layout), HasSubstr("used ring has no memory"));
  EXPECT_EQ(CheckText(good), "");
}

}  // namespace
}  // namespace virtio_user
