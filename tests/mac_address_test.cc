// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/base/mac_address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace virtio_user {
namespace {

using testing::HasSubstr;

MacAddress Mac(std::array<uint8_t, 6> bytes) { return {bytes}; }

struct Refused {
  std::string name;
  std::string text;
};

class MacAddressRefusedTest : public testing::TestWithParam<Refused> {};

TEST_P(MacAddressRefusedTest, S36_IsRefusedAndNotRepaired) {
  const Result<MacAddress> mac = ParseMacAddress(GetParam().text);

  ASSERT_FALSE(mac.has_value());
  EXPECT_EQ(mac.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(std::string(mac.error().text()), HasSubstr("mac"));
}

INSTANTIATE_TEST_SUITE_P(
    Texts, MacAddressRefusedTest,
    testing::Values(Refused{"Empty", ""}, Refused{"OneByte", "02"},
                    Refused{"FiveBytes", "02:00:00:00:00"},
                    Refused{"FiveBytesAndAColon", "02:00:00:00:00:"},
                    Refused{"SevenBytes", "02:00:00:00:00:01:02"},
                    Refused{"AColonBehind", "02:00:00:00:00:01:"},
                    Refused{"AColonInFront", ":02:00:00:00:00:01"},
                    Refused{"TwoColons", "02::00:00:00:01"},
                    Refused{"MoreThanFf", "02:00:00:00:00:100"},
                    Refused{"MoreThanFfInFront", "102:00:00:00:00:01"},
                    Refused{"ThreeDigits", "02:00:001:00:00:01"},
                    Refused{"TextBehind", "02:00:00:00:00:01x"},
                    Refused{"TextBehindASpace", "02:00:00:00:00:01 up"},
                    Refused{"ASpaceBehind", "02:00:00:00:00:01 "},
                    Refused{"ASpaceInFront", " 02:00:00:00:00:01"},
                    Refused{"ASpaceInside", "02:00: 1:00:00:01"},
                    Refused{"ANewLine", "02:00:00:00:00:01\n"},
                    Refused{"AZeroByte",
                            std::string("02:00:00:00:00:01\0", 18)},
                    Refused{"APlusSign", "02:00:+1:00:00:01"},
                    Refused{"AMinusSign", "02:00:-1:00:00:01"},
                    Refused{"AHexPrefix", "0x2:00:00:00:00:01"},
                    Refused{"NoDigit", "02:00:0g:00:00:01"},
                    Refused{"Dashes", "02-00-00-00-00-01"},
                    Refused{"NoSeparators", "020000000001"},
                    Refused{"Dots", "0200.0000.0001"},
                    Refused{"Multicast", "03:00:00:00:00:01"},
                    Refused{"MulticastOfIp", "01:00:5e:00:00:01"},
                    Refused{"Broadcast", "ff:ff:ff:ff:ff:ff"},
                    Refused{"AllZero", "00:00:00:00:00:00"},
                    Refused{"Words", "not a mac address"}),
    [](const auto& each) { return each.param.name; });

TEST(MacAddressTest, SixBytesAreRead) {
  EXPECT_EQ(ParseMacAddress("02:1a:2B:3c:4D:ff"),
            Mac({0x02, 0x1a, 0x2b, 0x3c, 0x4d, 0xff}));
}

TEST(MacAddressTest, ASingleDigitIsAByte) {
  EXPECT_EQ(ParseMacAddress("2:0:0:0:0:f"), Mac({2, 0, 0, 0, 0, 15}));
}

TEST(MacAddressTest, S36_AGlobalAddressIsAsGoodAsALocalOne) {
  EXPECT_EQ(ParseMacAddress("52:54:00:12:34:56"),
            Mac({0x52, 0x54, 0x00, 0x12, 0x34, 0x56}));
}

TEST(MacAddressTest, AViewThatEndsInTheMiddleOfATextIsReadToItsEnd) {
  const std::string_view text = "02:00:00:00:00:123";

  EXPECT_EQ(ParseMacAddress(text.substr(0, 17)), Mac({2, 0, 0, 0, 0, 0x12}));
}

TEST(MacAddressTest, AVeryLongTextIsRefusedAndShownShort) {
  const Result<MacAddress> mac = ParseMacAddress(std::string(10'000, '0'));

  ASSERT_FALSE(mac.has_value());
  EXPECT_LT(mac.error().text().size(), 200u);
}

TEST(MacAddressTest, OfALongTextFortyCharactersAreShown) {
  const Result<MacAddress> mac = ParseMacAddress(std::string(41, 'z'));

  ASSERT_FALSE(mac.has_value());
  EXPECT_THAT(std::string(mac.error().text()),
              HasSubstr("mac \"" + std::string(40, 'z') + "\": "));
}

// Each value of each byte, through text and back, except those that no station
// can have.
TEST(MacAddressTest, EveryAddressThatIsPrintedIsReadBack) {
  for (size_t at = 0; at < 6; ++at) {
    for (unsigned value = 0; value < 256; ++value) {
      MacAddress mac = Mac({0x02, 0, 0, 0, 0, 0});
      mac.bytes[at] = static_cast<uint8_t>(value);
      const Result<MacAddress> read = ParseMacAddress(ToText(mac).data());
      const bool owned = !IsMulticast(mac) && !IsZero(mac);
      ASSERT_EQ(read.has_value(), owned) << ToText(mac).data();
      if (owned) {
        ASSERT_EQ(*read, mac);
      }
    }
  }
}

TEST(MacAddressTest, TheTextHasTwoDigitsAByte) {
  EXPECT_STREQ(ToText(Mac({0x02, 0x0a, 0xff, 0, 1, 0x10})).data(),
               "02:0a:ff:00:01:10");
}

TEST(MacAddressTest, TheGroupBitIsTheLowestOfTheFirstByte) {
  EXPECT_TRUE(IsMulticast(Mac({0x01, 0, 0, 0, 0, 0})));
  EXPECT_FALSE(IsMulticast(Mac({0xfe, 1, 1, 1, 1, 1})));
}

TEST(MacAddressTest, ZeroIsZeroInEveryByte) {
  EXPECT_TRUE(IsZero(Mac({0, 0, 0, 0, 0, 0})));
  EXPECT_FALSE(IsZero(Mac({0, 0, 0, 0, 0, 1})));
}

}  // namespace
}  // namespace virtio_user
