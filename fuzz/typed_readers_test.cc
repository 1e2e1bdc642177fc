// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/typed_readers.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace fuzz {
namespace {

TEST(TypedReadersTest, AMac_IsSixBytesOfOneStation) {
  using Mac = std::array<uint8_t, 6>;
  EXPECT_EQ(ReadMac("02:0:aB:10:0f:ff"), (Mac{2, 0, 0xab, 0x10, 0x0f, 0xff}));
  for (const char* const text :
       {"", "2:0:0:0:0", "2:0:0:0:0:1:", "2:0:0:0:0:100", "2:0:0:0:0:g",
        "2-0-0-0-0-1", "2::0:0:0:1", "1:0:0:0:0:1", "0:0:0:0:0:0",
        " 2:0:0:0:0:1"}) {
    EXPECT_EQ(ReadMac(text), std::nullopt) << text;
  }
}

TEST(TypedReadersTest, ANumber_IsDigitsThatFit) {
  EXPECT_EQ(ReadNumber<int64_t>("-0007"), "-7");
  EXPECT_EQ(ReadNumber<int64_t>("-0"), "0");
  EXPECT_EQ(ReadNumber<int64_t>("-9223372036854775808"),
            "-9223372036854775808");
  EXPECT_EQ(ReadNumber<uint32_t>("4294967295"), "4294967295");
  EXPECT_EQ(ReadNumber<int64_t>("-9223372036854775809"), std::nullopt);
  EXPECT_EQ(ReadNumber<uint32_t>("4294967296"), std::nullopt);
  for (const char* const text : {"", "-", "+1", "1 ", "0x1", "--1", "1e3"}) {
    EXPECT_EQ(ReadNumber<int64_t>(text), std::nullopt) << text;
  }
  EXPECT_EQ(ReadNumber<uint64_t>("-1"), std::nullopt);
}

TEST(TypedReadersTest, Sizes_AreOneOrTwoInTheirOrder) {
  EXPECT_EQ(ReadSizes("60"), std::pair(60u, 60u));
  EXPECT_EQ(ReadSizes("060-65535"), std::pair(60u, 65535u));
  for (const char* const text :
       {"", "-", "59", "60-", "-60", "60-65536", "61-60", "60-61-62"}) {
    EXPECT_EQ(ReadSizes(text), std::nullopt) << text;
  }
}

TEST(TypedReadersTest, Lists_AreOfNamesThatThereAre) {
  EXPECT_EQ(ReadFaults("none"), std::vector<ReadFault>());
  EXPECT_EQ(ReadFaults("late@9,refused@0"),
            (std::vector<ReadFault>{{4, 9}, {0, 0}}));
  EXPECT_EQ(ReadOperations("create,poll"), (std::vector<size_t>{0, 11}));
  for (const char* const text :
       {"", ",", "late", "late@", "late@-1", "none,"}) {
    EXPECT_EQ(ReadFaults(text), std::nullopt) << text;
  }
  for (const char* const text : {"", ",", "create,", "Create"}) {
    EXPECT_EQ(ReadOperations(text), std::nullopt) << text;
  }
}

TEST(TypedReadersTest, Names_AreThoseOfLinuxAndOfPaths) {
  for (const char* const text : {"a", "tap%d", "fifteen-letters", "..."}) {
    EXPECT_TRUE(IsInterfaceName(text)) << text;
  }
  for (const char* const text : {"", ".", "..", "a/b", "a:b", "a b", "a\v", "%",
                                 "%s", "%d%d", "sixteen--letters"}) {
    EXPECT_FALSE(IsInterfaceName(text)) << text;
  }
  const auto path = ReadPathName("packed-inorder-nomrg");
  ASSERT_TRUE(path);
  EXPECT_TRUE(path->packed && path->in_order && !path->mergeable);
  for (const char* const text : {"", "split", "split-", "mrg-split",
                                 "packed-inorder", "split-inorder-mrg-mrg"}) {
    EXPECT_FALSE(ReadPathName(text)) << text;
  }
}

}  // namespace
}  // namespace fuzz
