// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/net/net_header.h"

#include <array>

#include "gtest/gtest.h"

namespace virtio_user {
namespace {

TEST(NetHeader, HasTwelveBytesUnlessEverythingIsLegacyElseTen) {
  EXPECT_EQ(NetHeaderBytes({}), 10u);
  EXPECT_EQ(NetHeaderBytes({Feature::kAnyLayout, Feature::kNetCsum}), 10u);
  EXPECT_EQ(NetHeaderBytes({Feature::kVersion1}), 12u);
  EXPECT_EQ(NetHeaderBytes({Feature::kNetMrgRxbuf}), 12u);
  EXPECT_EQ(NetHeaderBytes({Feature::kVersion1, Feature::kNetMrgRxbuf}), 12u);
  EXPECT_EQ(NetHeaderBytes({Feature::kRingPacked}), 12u);
}

TEST(NetHeader, HasTwentyBytesWithAReportOfTheHash) {
  EXPECT_EQ(NetHeaderBytes({Feature::kVersion1, Feature::kNetHashReport}), 20u);
  EXPECT_EQ(NetHeaderBytes({Feature::kVersion1, Feature::kNetHashReport,
                            Feature::kNetMrgRxbuf}),
            20u);
}

TEST(NetHeader, StandsAloneForALegacyDeviceWithoutAnyLayout) {
  EXPECT_EQ(TxHeaderPlace({}), HeaderPlace::kOwnDescriptor);
  EXPECT_EQ(RxHeaderPlace({}), HeaderPlace::kOwnDescriptor);
  EXPECT_EQ(TxHeaderPlace({Feature::kAnyLayout}), HeaderPlace::kWithData);
  EXPECT_EQ(RxHeaderPlace({Feature::kAnyLayout}), HeaderPlace::kWithData);
  EXPECT_EQ(TxHeaderPlace({Feature::kVersion1}), HeaderPlace::kWithData);
  EXPECT_EQ(RxHeaderPlace({Feature::kVersion1}), HeaderPlace::kWithData);
  EXPECT_EQ(TxHeaderPlace({Feature::kNetMrgRxbuf}),
            HeaderPlace::kOwnDescriptor);
  EXPECT_EQ(RxHeaderPlace({Feature::kNetMrgRxbuf}), HeaderPlace::kWithData);
}

TEST(NetHeader, NumBuffersIsTheSixthWord) {
  alignas(16) std::array<std::byte, 12> header{};
  header[10] = std::byte{0x34};
  header[11] = std::byte{0x12};
  EXPECT_EQ(LoadNumBuffers(header.data()), 0x1234);
}

}  // namespace
}  // namespace virtio_user
