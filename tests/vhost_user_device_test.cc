// SPDX-License-Identifier: BSD-3-Clause
//
// The messages of VhostUserBackend about the device as a whole.

#include <array>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/vhost_user_rig.h"
#include "virtio_user/vhost_user/vhost_user_backend.h"

namespace virtio_user {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr MacAddress kMac{{0x02, 0x11, 0x22, 0x33, 0x44, 0x55}};

class VhostUserDeviceTest : public ::testing::Test {
 protected:
  VhostUserDeviceTest() {
    peer_.protocol = kProtoAll | kProtoRarp | kProtoMtu | kProtoResetDevice;
  }
  ~VhostUserDeviceTest() override { EXPECT_THAT(peer_.violations, IsEmpty()); }
  const WireRequest& Last() const { return peer_.log.back(); }

  VhostUserRig rig_;
  VhostPeer& peer_ = rig_.peer;
  VhostUserBackend& backend_ = rig_.backend;
};

TEST_F(VhostUserDeviceTest, TheMtuIsOneWord) {
  ASSERT_TRUE(rig_.Open().has_value());
  EXPECT_TRUE(backend_.caps().mtu);
  ASSERT_TRUE(backend_.SetMtu(9000).has_value());
  EXPECT_EQ(Last().request, kReqNetSetMtu);
  EXPECT_EQ(Last().payload, U64Payload(9000));
}

TEST_F(VhostUserDeviceTest, ARarpCarriesTheAddressInItsFirstSixBytes) {
  ASSERT_TRUE(rig_.Open().has_value());
  EXPECT_TRUE(backend_.caps().rarp);
  ASSERT_TRUE(backend_.SendRarp(kMac).has_value());
  EXPECT_EQ(Last().request, kReqSendRarp);
  EXPECT_EQ(Last().payload,
            FromInts({0x02, 0x11, 0x22, 0x33, 0x44, 0x55, 0, 0}));
}

TEST_F(VhostUserDeviceTest, AResetIsAMessageWithoutPayload) {
  ASSERT_TRUE(rig_.Open().has_value());
  EXPECT_TRUE(backend_.caps().reset_device);
  ASSERT_TRUE(backend_.ResetDevice().has_value());
  EXPECT_EQ(Last().request, kReqResetDevice);
  EXPECT_THAT(Last().payload, IsEmpty());
}

TEST_F(VhostUserDeviceTest, ARefusalIsNamed) {
  ASSERT_TRUE(rig_.Open().has_value());
  peer_.refuse = {peer_.log.size()};
  const auto refused = backend_.SetMtu(9000);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), ErrorCode::kRefused);
  EXPECT_THAT(std::string(refused.error().text()), HasSubstr("NET_SET_MTU"));
}

TEST_F(VhostUserDeviceTest, WithoutItsFeatureNothingIsSent) {
  peer_.protocol = kProtoAll;
  ASSERT_TRUE(rig_.Open().has_value());
  const BackendCaps& caps = backend_.caps();
  EXPECT_FALSE(caps.mtu || caps.rarp || caps.reset_device);
  const size_t before = peer_.log.size();
  for (const auto& refused : {backend_.SetMtu(1500), backend_.SendRarp(kMac),
                              backend_.ResetDevice()}) {
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code(), ErrorCode::kUnsupported);
    EXPECT_THAT(std::string(refused.error().text()),
                HasSubstr("VHOST_USER_PROTOCOL_F_"));
  }
  EXPECT_EQ(peer_.log.size(), before);
}

// virtio 1.4, "Device configuration layout": mtu at byte 10.
TEST_F(VhostUserDeviceTest,
       TheConfigurationIsReadAsFarAsTheMtuWhereThereIsOne) {
  for (const bool has_mtu : {false, true}) {
    VhostUserRig rig;
    if (has_mtu) rig.peer.features |= uint64_t{1} << 3;
    ASSERT_TRUE(rig.Open().has_value());
    EXPECT_EQ(rig.peer.log.back().request, kReqGetConfig);
    EXPECT_EQ(Get(rig.peer.log.back().payload, 4, 4), has_mtu ? 12u : 10u);
  }
}

}  // namespace
}  // namespace virtio_user
