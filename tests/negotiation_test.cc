// SPDX-License-Identifier: BSD-3-Clause
//
// Feature negotiation by example; feature_exhaustive_test has all of it.

#include "virtio_user/device/negotiation.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace virtio_user {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using enum Feature;

// What lib/vhost offers by default, less the transport's own bits.
constexpr FeatureSet kLibVhost =
    FeatureSet::FromWords(0xd'7c66'ffcb & ~uint64_t{0x4400'0000});

std::string WhyNot(FeatureSet offered, FeatureSet accepted, ErrorCode code) {
  const auto checked = CheckAccepted(offered, accepted);
  if (checked) return "";
  EXPECT_EQ(checked.error().code(), code);
  return std::string(checked.error().text());
}

// --- Composition -------------------------------------------------------------

TEST(NegotiationTest, TheThreeMasksAreKeptApart_S38_F05) {
  const FeatureMasks masks = ComposeMasks(kLibVhost, {.mac_known = true,
                                                      .mtu_known = true,
                                                      .control_queue = true,
                                                      .packed = true,
                                                      .link_state = true,
                                                      .multiqueue = true,
                                                      .guest_offloads = true});
  EXPECT_EQ(masks.device, kLibVhost);
  EXPECT_EQ(masks.frontend,
            FeatureSet({kNetMac, kNetMtu, kNetCtrlVq, kNetStatus,
                        kNetCtrlGuestOffloads, kNetGuestAnnounce}));
  EXPECT_EQ(masks.unsupported, ~kImplementedFeatures);
}

TEST(NegotiationTest, OfLibVhostsOfferTheDriverSeesWhatIsImplemented_F07_F25) {
  const FeatureMasks masks = ComposeMasks(kLibVhost, {.mac_known = true,
                                                      .control_queue = true,
                                                      .packed = false,
                                                      .link_state = true,
                                                      .multiqueue = true});
  EXPECT_EQ(masks.Offered(),
            FeatureSet({kNetCsum, kNetGuestCsum, kNetMac, kNetGuestTso4,
                        kNetGuestTso6, kNetHostTso4, kNetHostTso6, kNetMrgRxbuf,
                        kNetStatus, kNetCtrlVq, kNetCtrlRx, kNetGuestAnnounce,
                        kNetMq, kIndirectDesc, kVersion1, kInOrder}));
}

TEST(NegotiationTest, WithoutAControlQueueAllThatHangsOnItGoes) {
  const FeatureSet device = {kNetCtrlVq, kNetCtrlRx,      kNetCtrlVlan,
                             kNetMq,     kNetCtrlMacAddr, kVersion1};
  const FeatureMasks masks = ComposeMasks(device, {.multiqueue = true});
  EXPECT_EQ(masks.Offered(), FeatureSet({kVersion1}));
}

TEST(NegotiationTest, TheControlQueueIsOursEvenIfTheBackEndHasNone) {
  const FeatureMasks masks =
      ComposeMasks({kNetMq}, {.control_queue = true, .multiqueue = true});
  EXPECT_EQ(masks.Offered(), FeatureSet({kNetCtrlVq, kNetMq}));
}

TEST(NegotiationTest, MqNeedsATransportThatCarriesIt_S07_F35_H7_H8) {
  const FeatureMasks masks =
      ComposeMasks({kNetMq, kVersion1}, {.control_queue = true});
  EXPECT_EQ(masks.Offered(), FeatureSet({kNetCtrlVq, kVersion1}));
}

TEST(NegotiationTest, MacIsOfferedIfAndOnlyIfItIsKnown_F17) {
  EXPECT_EQ(ComposeMasks({}, {.mac_known = true}).Offered(),
            FeatureSet({kNetMac}));
  EXPECT_EQ(ComposeMasks({kNetMac}, {}).Offered(), FeatureSet());
}

TEST(NegotiationTest, StatusIsOfferedIfAndOnlyIfTheLinkCanBeSeen_S37_F10) {
  EXPECT_EQ(ComposeMasks({}, {.link_state = true}).Offered(),
            FeatureSet({kNetStatus}));
  EXPECT_EQ(ComposeMasks({kNetStatus}, {}).Offered(), FeatureSet());
}

// The back-end's own bit says nothing to us, and it is never told.
TEST(NegotiationTest, AnnouncingIsOursWithTheLinkAndTheControlQueue) {
  const FeatureSet ours = {kNetCtrlVq, kNetStatus, kNetGuestAnnounce};
  const NegotiationInputs both = {.control_queue = true, .link_state = true};
  EXPECT_EQ(ComposeMasks({}, both).Offered(), ours);
  EXPECT_EQ(Forwarded(ComposeMasks(ours, both), ours), FeatureSet());
  EXPECT_EQ(ComposeMasks(ours, {.control_queue = true}).Offered(),
            FeatureSet({kNetCtrlVq}));
  EXPECT_EQ(ComposeMasks(ours, {.link_state = true}).Offered(),
            FeatureSet({kNetStatus}));
}

// The command is ours, and the back-end's kind decides; its bit does not.
TEST(NegotiationTest, GuestOffloadsAreOursWhereTheBackEndCanSwitchThem) {
  const FeatureSet ours = {kNetCtrlVq, kNetCtrlGuestOffloads};
  const FeatureMasks masks = ComposeMasks(
      {kNetGuestCsum}, {.control_queue = true, .guest_offloads = true});
  EXPECT_EQ(masks.frontend, ours);
  EXPECT_EQ(masks.Offered(), ours | FeatureSet{kNetGuestCsum});
  EXPECT_EQ(Forwarded(masks, masks.Offered()), FeatureSet({kNetGuestCsum}));
  EXPECT_EQ(ComposeMasks(ours, {.control_queue = true}).Offered(),
            FeatureSet({kNetCtrlVq}));
  EXPECT_EQ(ComposeMasks(ours, {.guest_offloads = true}).Offered(),
            FeatureSet());
}

TEST(NegotiationTest, OptionsTakeTheirFeatureAway_F25) {
  const FeatureSet device = {kNetMrgRxbuf, kInOrder, kVersion1};
  EXPECT_EQ(ComposeMasks(device, {}).Offered(), device);
  EXPECT_EQ(ComposeMasks(device, {.mrg_rxbuf = false}).Offered(),
            FeatureSet({kInOrder, kVersion1}));
  EXPECT_EQ(ComposeMasks(device, {.in_order = false}).Offered(),
            FeatureSet({kNetMrgRxbuf, kVersion1}));
  EXPECT_EQ(ComposeMasks({kRingPacked, kVersion1}, {}).Offered(),
            FeatureSet({kVersion1}));
  EXPECT_EQ(ComposeMasks({kRingPacked, kVersion1}, {.packed = true}).Offered(),
            FeatureSet({kRingPacked, kVersion1}));
}

TEST(NegotiationTest, ABackEndThatOffersEveryBitAddsNothing_F07_S19) {
  const FeatureMasks masks =
      ComposeMasks(~FeatureSet(), {.mac_known = true,
                                   .mtu_known = true,
                                   .control_queue = true,
                                   .packed = true,
                                   .link_state = true,
                                   .multiqueue = true,
                                   .guest_offloads = true});
  EXPECT_EQ(masks.Offered(), kImplementedFeatures);
}

TEST(NegotiationTest, MtuIsOfferedIfAndOnlyIfItIsKnown) {
  EXPECT_EQ(ComposeMasks({}, {.mtu_known = true}).Offered(),
            FeatureSet({kNetMtu}));
  EXPECT_EQ(ComposeMasks({kNetMtu}, {}).Offered(), FeatureSet());
}

// --- Closure -----------------------------------------------------------------

TEST(NegotiationTest, ALostFeatureTakesAWholeChainWithIt_S17) {
  // CSUM -> HOST_TSO4, 6, USO -> HOST_UDP_TUNNEL_GSO -> its CSUM.
  const FeatureSet chain = {kNetHostTso4,
                            kNetHostTso6,
                            kNetHostUso,
                            kNetHostUdpTunnelGso,
                            kNetHostUdpTunnelGsoCsum,
                            kNetHostEcn,
                            kNetRscExt};
  EXPECT_EQ(DependencyClosure(chain), FeatureSet());
  const FeatureSet with = chain | FeatureSet{kNetCsum};
  EXPECT_EQ(DependencyClosure(with), with);
  FeatureSet without_uso = with;
  without_uso.Remove(kNetHostUso);
  EXPECT_EQ(DependencyClosure(without_uso),
            FeatureSet({kNetCsum, kNetHostTso4, kNetHostTso6, kNetHostEcn,
                        kNetRscExt}));
}

TEST(NegotiationTest, OneOfTwoAlternativesIsEnough) {
  for (const Feature tso : {kNetGuestTso4, kNetGuestTso6}) {
    const FeatureSet set = {kNetGuestCsum, tso, kNetGuestEcn};
    EXPECT_EQ(DependencyClosure(set), set);
  }
  EXPECT_EQ(DependencyClosure({kNetGuestCsum, kNetGuestEcn}),
            FeatureSet({kNetGuestCsum}));
  for (const Feature hash : {kNetRss, kNetHashReport}) {
    const FeatureSet set = {kNetCtrlVq, hash, kNetHashTunnel};
    EXPECT_EQ(DependencyClosure(set), set);
  }
  EXPECT_EQ(DependencyClosure({kNetCtrlVq, kNetHashTunnel}),
            FeatureSet({kNetCtrlVq}));
}

TEST(NegotiationTest, TheClosureIsForAChainInAnyOrder) {
  // RSS_CONTEXT (64) needs RSS (60), which needs CTRL_VQ (17).
  EXPECT_EQ(DependencyClosure({kNetRssContext, kNetRss}), FeatureSet());
  EXPECT_EQ(DependencyClosure({kNetRssContext, kNetCtrlVq}),
            FeatureSet({kNetCtrlVq}));
}

// --- What a driver may accept ------------------------------------------------

TEST(NegotiationTest, ADriverMayAcceptAnyClosedSubset) {
  const FeatureSet offered = {kNetCsum, kNetHostTso4, kNetCtrlVq, kNetMq};
  for (const FeatureSet accepted : {FeatureSet(), offered, FeatureSet{kNetCsum},
                                    FeatureSet{kNetCtrlVq, kNetMq}}) {
    EXPECT_EQ(WhyNot(offered, accepted, ErrorCode::kInvalidArgument), "");
  }
}

TEST(NegotiationTest, WhatWasNotOfferedIsNamed) {
  EXPECT_THAT(WhyNot({kNetCsum}, {kNetCsum, kRingPacked, kEventIdx},
                     ErrorCode::kInvalidArgument),
              AllOf(HasSubstr("bit 29 (VIRTIO_F_EVENT_IDX)"),
                    HasSubstr("not offered")));
}

TEST(NegotiationTest, WhatLacksItsRequirementIsNamed) {
  EXPECT_THAT(
      WhyNot({kNetCtrlVq, kNetMq}, {kNetMq}, ErrorCode::kInvalidArgument),
      AllOf(HasSubstr("bit 22 (VIRTIO_NET_F_MQ)"), HasSubstr("requires")));
}

TEST(NegotiationTest, EveryBitFrom64UpIsRefusedByName_S19) {
  for (unsigned bit = 64; bit < 128; ++bit) {
    const std::string why =
        WhyNot({kNetCsum}, FeatureSet::FromBit(bit) | FeatureSet{kNetMq},
               ErrorCode::kUnsupported);
    EXPECT_THAT(why, AllOf(HasSubstr("bit " + std::to_string(bit) + " "),
                           HasSubstr(std::string(FeatureName(bit)))));
  }
}

// --- What the back-end is told -----------------------------------------------

TEST(NegotiationTest, OurOwnFeaturesAreNotForwardedButMqIs_S20_S08) {
  const FeatureSet device = {
      kNetMac,         kNetStatus, kNetCtrlVq, kNetCtrlRx, kNetCtrlVlan,
      kNetCtrlMacAddr, kNetMq,     kNetCsum,   kVersion1,  kNetGuestAnnounce};
  const FeatureMasks masks = ComposeMasks(device, {.mac_known = true,
                                                   .control_queue = true,
                                                   .link_state = true,
                                                   .multiqueue = true});
  ASSERT_EQ(masks.Offered(), device);
  EXPECT_EQ(Forwarded(masks, device),
            FeatureSet({kNetMq, kNetCsum, kVersion1}));
}

TEST(NegotiationTest, NothingIsForwardedThatTheBackEndDidNotOffer) {
  const FeatureMasks masks =
      ComposeMasks({kVersion1}, {.mac_known = true, .control_queue = true});
  EXPECT_EQ(Forwarded(masks, masks.Offered()), FeatureSet({kVersion1}));
}

// As after a reconnect to a poorer back-end.
TEST(NegotiationTest, AFeatureThatThisBackEndLacksIsNotForwarded_H13) {
  const FeatureMasks masks = ComposeMasks({kVersion1}, {});
  EXPECT_EQ(Forwarded(masks, {kVersion1, kNetCsum, kInOrder}),
            FeatureSet({kVersion1}));
}

TEST(NegotiationTest, OnlyWhatTheDriverAcceptedIsForwarded) {
  const FeatureMasks masks = ComposeMasks({kNetCsum, kVersion1}, {});
  EXPECT_EQ(Forwarded(masks, {kVersion1}), FeatureSet({kVersion1}));
  EXPECT_EQ(Forwarded(masks, {}), FeatureSet());
}

// --- A device that hears the driver's commands -------------------------------

constexpr FeatureSet kOwnControl = {
    kVersion1,         kNetCtrlVq,      kNetCtrlRx,  kNetMq,
    kNetRss,           kNetHashReport,  kNetStatus,  kNetMac,
    kNetGuestAnnounce, kNetCtrlMacAddr, kNetNotfCoal};

TEST(NegotiationTest, WhatADeviceWithAControlQueueServesIsForwarded) {
  const FeatureMasks masks =
      ComposeMasks(kOwnControl, {.mac_known = true,
                                 .control_queue = true,
                                 .link_state = true,
                                 .multiqueue = true,
                                 .own_control_queue = true,
                                 .config_events = true});
  FeatureSet served = kOwnControl;
  served.Remove(kNetNotfCoal);  // Nobody here would read its answers.
  EXPECT_EQ(masks.Offered(), served);
  EXPECT_EQ(Forwarded(masks, masks.Offered()), served);
}

TEST(NegotiationTest, ADeviceWithoutAControlQueueKeepsItsOwnStatusAndAddress) {
  const FeatureSet device = {kVersion1, kNetStatus, kNetMac, kNetRss};
  const FeatureMasks masks = ComposeMasks(device, {.mac_known = true,
                                                   .control_queue = true,
                                                   .link_state = true,
                                                   .own_control_queue = true,
                                                   .config_events = true});
  EXPECT_TRUE(masks.Offered().HasAll({kNetCtrlVq, kNetGuestAnnounce}));
  EXPECT_FALSE(masks.Offered().Has(kNetRss));
  EXPECT_EQ(Forwarded(masks, masks.Offered()),
            (FeatureSet{kVersion1, kNetStatus, kNetMac}));
}

TEST(NegotiationTest, ADriverThatWantsNoControlQueueGetsNoneOfADevice) {
  const FeatureMasks masks =
      ComposeMasks(kOwnControl, {.mac_known = true,
                                 .link_state = true,
                                 .multiqueue = true,
                                 .own_control_queue = true,
                                 .config_events = true});
  EXPECT_EQ(masks.Offered(), (FeatureSet{kVersion1, kNetStatus, kNetMac}));
}

}  // namespace
}  // namespace virtio_user
