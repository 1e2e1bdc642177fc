// SPDX-License-Identifier: BSD-3-Clause
//
// What a device reads from its back-end's configuration, and tells it beside
// rings: MTU, address, reset.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "tests/fakes/outcome.h"
#include "tests/fakes/recording_rig.h"
#include "tests/fakes/sim_rig.h"

namespace virtio_user {
namespace {

using backend_sim::Bit;
using backend_sim::Personality;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing_support::CodeOf;
using testing_support::RecordingRig;
using testing_support::SimRig;
using testing_support::TextOf;

DeviceOptions WithMtu(int64_t mtu) {
  DeviceOptions options = SimRig::Options(1);
  options.mtu = mtu;
  return options;
}

Result<void> RunWith(SimRig& rig, const DeviceOptions& options) {
  if (auto done = rig.Create(options); !done) return done;
  if (auto done = rig.driver->SetUp(1); !done) return done;
  return rig.device->Start();
}

TEST(DeviceMtu, TheBackendsOwnIsReadFromItsConfiguration) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(1));
  EXPECT_EQ(rig.device->mtu(), 1500);
  EXPECT_TRUE(rig.device->offered().Has(Feature::kNetMtu));
  // It knows its own.
  EXPECT_EQ(rig.world.model().session().mtu, 0u);
}

TEST(DeviceMtu, TheUsersIsToldBeforeTheRingsStart) {
  SimRig rig;
  ASSERT_TRUE(RunWith(rig, WithMtu(9000)));
  EXPECT_EQ(rig.device->mtu(), 9000);
  EXPECT_EQ(rig.world.model().session().mtu, 9000u);
  const std::string sent = rig.world.transcript();
  EXPECT_LT(sent.find("NET_SET_MTU"), sent.find("SET_VRING_KICK"));
  EXPECT_EQ(rig.Complaints(), "");
}

TEST(DeviceMtu, WhatNobodyCanHaveIsRefusedByItsValue) {
  for (const int64_t mtu : {int64_t{-1}, int64_t{0}, int64_t{67},
                            int64_t{65536}, int64_t{1} << 40}) {
    SimRig rig;
    const auto refused = rig.Create(WithMtu(mtu));
    EXPECT_EQ(CodeOf(refused), ErrorCode::kInvalidArgument);
    EXPECT_THAT(TextOf(refused), HasSubstr("mtu " + std::to_string(mtu)));
  }
  for (const int64_t mtu : {68, 65535}) {
    SimRig rig;
    EXPECT_TRUE(RunWith(rig, WithMtu(mtu))) << mtu;
  }
}

TEST(DeviceMtu, WhatTheBackendRefusesIsNamedAndUndone) {
  Personality small = Personality::Conforming();
  small.max_mtu = 2000;
  SimRig rig(small);
  const auto refused = RunWith(rig, WithMtu(9000));
  EXPECT_EQ(CodeOf(refused), ErrorCode::kRefused);
  EXPECT_THAT(TextOf(refused), HasSubstr("mtu 9000"));
  EXPECT_EQ(rig.device->state(), DeviceState::kNegotiated);
  EXPECT_EQ(rig.Complaints(), "");
}

// Only the driver reads it then.
TEST(DeviceMtu, ABackendThatCannotBeToldIsNotTold) {
  for (const uint64_t without : {Bit(backend_sim::kProtocolMtu), uint64_t{0}}) {
    Personality deaf = Personality::Conforming();
    deaf.protocol_features &= ~without;
    if (without == 0) deaf.features &= ~Bit(backend_sim::kBitMtu);
    SimRig rig(deaf);
    ASSERT_TRUE(RunWith(rig, WithMtu(9000)));
    EXPECT_EQ(rig.device->mtu(), 9000);
    EXPECT_TRUE(rig.device->accepted().Has(Feature::kNetMtu));
    EXPECT_EQ(rig.world.model().session().mtu, 0u);
    EXPECT_EQ(rig.Complaints(), "");
  }
}

TEST(DeviceMtu, WithoutAnyMtuTheFeatureIsNotOffered) {
  SimRig rig(Personality::LibVhost());  // Offers it, has no configuration.
  ASSERT_TRUE(rig.Run(1));
  EXPECT_EQ(rig.device->mtu(), std::nullopt);
  EXPECT_FALSE(rig.device->offered().Has(Feature::kNetMtu));
}

// "The device MUST set mtu to between 68 and 65535 inclusive".
TEST(DeviceMtu, AConfigurationThatSaysLessThan68IsNoConfiguration) {
  Personality wrong = Personality::Conforming();
  wrong.config[10] = std::byte{67};
  wrong.config[11] = std::byte{0};
  SimRig rig(wrong);
  const auto made = rig.Create(SimRig::Options(1));
  EXPECT_EQ(CodeOf(made), ErrorCode::kProtocol);
  EXPECT_THAT(TextOf(made), HasSubstr("MTU 67"));
}

// The driver goes on with what it has accepted.
TEST(DeviceConfig, OfAPeerThatIsRefusedNothingStays) {
  Personality first = Personality::Conforming();
  first.features |= Bit(backend_sim::kBitMtu);
  first.config[10] = std::byte{0xdc};  // 1500.
  first.config[11] = std::byte{0x05};
  SimRig rig(first);
  ASSERT_TRUE(rig.Run(2));
  const auto mac = rig.device->mac();
  ASSERT_TRUE(mac);
  ASSERT_EQ(rig.device->mtu(), 1500);
  Personality poorer = first;
  poorer.features &= ~Bit(backend_sim::kBitMrgRxbuf);
  poorer.config[0] ^= std::byte{0x10};
  poorer.config[10] = std::byte{0x28};  // 9000.
  poorer.config[11] = std::byte{0x23};
  Personality mute = poorer;
  mute.protocol_features &= ~Bit(backend_sim::kProtocolConfig);
  for (const Personality& personality : {poorer, mute}) {
    rig.world.server().SetPersonality(personality);
    rig.world.channel().PeerConnects();
    ASSERT_FALSE(rig.device->Reattach());
    EXPECT_EQ(rig.device->mtu(), 1500);
    EXPECT_EQ(rig.device->mac(), mac);
  }
}

TEST(DeviceAnnounceSelf, TheBackendIsAskedToAnnounceTheDriversAddress) {
  SimRig rig;
  DeviceOptions options = SimRig::Options(1);
  options.mac = MacAddress{{2, 1, 2, 3, 4, 5}};
  ASSERT_TRUE(rig.Create(options));
  ASSERT_TRUE(rig.driver->SetUp(1));
  EXPECT_EQ(CodeOf(rig.device->AnnounceSelf()), ErrorCode::kWrongState);
  ASSERT_TRUE(rig.device->Start());

  ASSERT_TRUE(rig.device->AnnounceSelf());

  const auto& session = rig.world.model().session();
  EXPECT_EQ(session.rarps, 1u);
  uint8_t sent[8];
  std::memcpy(sent, &session.rarp_word, sizeof(sent));
  EXPECT_THAT(sent, ElementsAre(2, 1, 2, 3, 4, 5, 0, 0));
  EXPECT_EQ(rig.Complaints(), "");
}

TEST(DeviceAnnounceSelf, WithoutTheFeatureOrAnAddressItIsUnsupported) {
  Personality mute = Personality::Conforming();
  mute.protocol_features &= ~Bit(backend_sim::kProtocolRarp);
  SimRig without_rarp(mute);
  ASSERT_TRUE(without_rarp.Run(1));
  EXPECT_EQ(CodeOf(without_rarp.device->AnnounceSelf()),
            ErrorCode::kUnsupported);
  SimRig without_mac(Personality::LibVhost());
  ASSERT_TRUE(without_mac.Run(1));
  EXPECT_EQ(CodeOf(without_mac.device->AnnounceSelf()),
            ErrorCode::kUnsupported);
}

TEST(DeviceAnnounceSelf, ThePeersLossNeedsAReset) {
  RecordingRig rig;
  ASSERT_TRUE(rig.Run(1));
  rig.backend->FailWhenSent(0, Error::Make(ErrorCode::kDeadline, "late"));
  EXPECT_EQ(CodeOf(rig.device->AnnounceSelf()), ErrorCode::kDeadline);
  EXPECT_EQ(rig.device->state(), DeviceState::kNeedsReset);
}

TEST(DeviceAnnounceSelf, ARefusalThatIsFollowedByALossNeedsAReset) {
  RecordingRig rig;
  ASSERT_TRUE(rig.Run(1));
  rig.backend->FailWhenSent(0, Error::Make(ErrorCode::kRefused, "no"));
  rig.backend->polls_to_live = 0;
  EXPECT_EQ(CodeOf(rig.device->AnnounceSelf()), ErrorCode::kRefused);
  EXPECT_EQ(rig.device->state(), DeviceState::kNeedsReset);
  EXPECT_EQ(rig.device->link(), LinkState::kDown);
}

TEST(DeviceReset, WithoutAStatusAStopEndsWithAReset) {
  Personality plain = Personality::Conforming();
  plain.protocol_features &= ~Bit(backend_sim::kProtocolStatus);
  SimRig rig(plain);
  ASSERT_TRUE(rig.Run(1));
  for (uint64_t stops = 1; stops <= 3; ++stops) {
    ASSERT_TRUE(rig.device->Stop());
    EXPECT_EQ(rig.world.model().session().resets, stops);
    ASSERT_TRUE(rig.device->Start());
  }
  EXPECT_EQ(rig.Complaints(), "");
}

TEST(DeviceReset, WhereThereIsAStatusItIsTheReset) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(1));
  ASSERT_TRUE(rig.device->Stop());
  EXPECT_EQ(rig.world.model().session().resets, 0u);
}

TEST(DeviceReset, AStartThatFailsIsUndoneWithAReset) {
  RecordingRig rig;
  rig.backend->capabilities.status = false;
  rig.backend->capabilities.reset_device = true;
  ASSERT_TRUE(rig.Prepare(1));
  // CALL 0, CALL 1, FEATURES, TABLE.
  rig.backend->FailWhenSent(3, Error::Make(ErrorCode::kRefused, "table"));
  EXPECT_EQ(CodeOf(rig.device->Start()), ErrorCode::kRefused);
  EXPECT_EQ(rig.backend->sent().back(), "RESET_DEVICE");
  EXPECT_EQ(rig.device->state(), DeviceState::kNegotiated);
}

}  // namespace
}  // namespace virtio_user
