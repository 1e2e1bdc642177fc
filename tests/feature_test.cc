// SPDX-License-Identifier: BSD-3-Clause
//
// Bits and names typed a second time from virtio 1.4 ("Reserved Feature Bits",
// "Network Device / Feature bits").

#include "virtio_user/spec/feature.h"

#include <map>
#include <set>
#include <string>
#include <utility>

#include "gtest/gtest.h"

namespace virtio_user {
namespace {

struct Row {
  Feature feature;
  unsigned bit;
  const char* name;
};

using enum Feature;

constexpr Row kRows[] = {
    {kNetCsum, 0, "VIRTIO_NET_F_CSUM"},
    {kNetGuestCsum, 1, "VIRTIO_NET_F_GUEST_CSUM"},
    {kNetCtrlGuestOffloads, 2, "VIRTIO_NET_F_CTRL_GUEST_OFFLOADS"},
    {kNetMtu, 3, "VIRTIO_NET_F_MTU"},
    {kNetMac, 5, "VIRTIO_NET_F_MAC"},
    {kNetGso, 6, "VIRTIO_NET_F_GSO"},
    {kNetGuestTso4, 7, "VIRTIO_NET_F_GUEST_TSO4"},
    {kNetGuestTso6, 8, "VIRTIO_NET_F_GUEST_TSO6"},
    {kNetGuestEcn, 9, "VIRTIO_NET_F_GUEST_ECN"},
    {kNetGuestUfo, 10, "VIRTIO_NET_F_GUEST_UFO"},
    {kNetHostTso4, 11, "VIRTIO_NET_F_HOST_TSO4"},
    {kNetHostTso6, 12, "VIRTIO_NET_F_HOST_TSO6"},
    {kNetHostEcn, 13, "VIRTIO_NET_F_HOST_ECN"},
    {kNetHostUfo, 14, "VIRTIO_NET_F_HOST_UFO"},
    {kNetMrgRxbuf, 15, "VIRTIO_NET_F_MRG_RXBUF"},
    {kNetStatus, 16, "VIRTIO_NET_F_STATUS"},
    {kNetCtrlVq, 17, "VIRTIO_NET_F_CTRL_VQ"},
    {kNetCtrlRx, 18, "VIRTIO_NET_F_CTRL_RX"},
    {kNetCtrlVlan, 19, "VIRTIO_NET_F_CTRL_VLAN"},
    {kNetCtrlRxExtra, 20, "VIRTIO_NET_F_CTRL_RX_EXTRA"},
    {kNetGuestAnnounce, 21, "VIRTIO_NET_F_GUEST_ANNOUNCE"},
    {kNetMq, 22, "VIRTIO_NET_F_MQ"},
    {kNetCtrlMacAddr, 23, "VIRTIO_NET_F_CTRL_MAC_ADDR"},
    {kNotifyOnEmpty, 24, "VIRTIO_F_NOTIFY_ON_EMPTY"},
    {kAnyLayout, 27, "VIRTIO_F_ANY_LAYOUT"},
    {kIndirectDesc, 28, "VIRTIO_F_INDIRECT_DESC"},
    {kEventIdx, 29, "VIRTIO_F_EVENT_IDX"},
    {kVersion1, 32, "VIRTIO_F_VERSION_1"},
    {kAccessPlatform, 33, "VIRTIO_F_ACCESS_PLATFORM"},
    {kRingPacked, 34, "VIRTIO_F_RING_PACKED"},
    {kInOrder, 35, "VIRTIO_F_IN_ORDER"},
    {kOrderPlatform, 36, "VIRTIO_F_ORDER_PLATFORM"},
    {kSrIov, 37, "VIRTIO_F_SR_IOV"},
    {kNotificationData, 38, "VIRTIO_F_NOTIFICATION_DATA"},
    {kNotifConfigData, 39, "VIRTIO_F_NOTIF_CONFIG_DATA"},
    {kRingReset, 40, "VIRTIO_F_RING_RESET"},
    {kAdminVq, 41, "VIRTIO_F_ADMIN_VQ"},
    {kSuspend, 43, "VIRTIO_F_SUSPEND"},
    {kNetDeviceStats, 50, "VIRTIO_NET_F_DEVICE_STATS"},
    {kNetHashTunnel, 51, "VIRTIO_NET_F_HASH_TUNNEL"},
    {kNetVqNotfCoal, 52, "VIRTIO_NET_F_VQ_NOTF_COAL"},
    {kNetNotfCoal, 53, "VIRTIO_NET_F_NOTF_COAL"},
    {kNetGuestUso4, 54, "VIRTIO_NET_F_GUEST_USO4"},
    {kNetGuestUso6, 55, "VIRTIO_NET_F_GUEST_USO6"},
    {kNetHostUso, 56, "VIRTIO_NET_F_HOST_USO"},
    {kNetHashReport, 57, "VIRTIO_NET_F_HASH_REPORT"},
    {kNetGuestHdrlen, 59, "VIRTIO_NET_F_GUEST_HDRLEN"},
    {kNetRss, 60, "VIRTIO_NET_F_RSS"},
    {kNetRscExt, 61, "VIRTIO_NET_F_RSC_EXT"},
    {kNetStandby, 62, "VIRTIO_NET_F_STANDBY"},
    {kNetSpeedDuplex, 63, "VIRTIO_NET_F_SPEED_DUPLEX"},
    {kNetRssContext, 64, "VIRTIO_NET_F_RSS_CONTEXT"},
    {kNetGuestUdpTunnelGso, 65, "VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO"},
    {kNetGuestUdpTunnelGsoCsum, 66, "VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO_CSUM"},
    {kNetHostUdpTunnelGso, 67, "VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO"},
    {kNetHostUdpTunnelGsoCsum, 68, "VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO_CSUM"},
    {kNetOutNetHeader, 69, "VIRTIO_NET_F_OUT_NET_HEADER"},
    {kNetIpsec, 70, "VIRTIO_NET_F_IPSEC"},
    {kVhostLogAll, 26, "VHOST_F_LOG_ALL"},
    {kProtocolFeatures, 30, "VHOST_USER_F_PROTOCOL_FEATURES"},
};

TEST(FeatureTest, EveryFeatureHasItsBitAndItsName) {
  for (const Row& row : kRows) {
    EXPECT_EQ(std::to_underlying(row.feature), row.bit) << row.name;
    EXPECT_EQ(FeatureName(row.bit), row.name);
    EXPECT_EQ(FeatureName(row.feature), row.name);
  }
}

TEST(FeatureTest, BitsWithoutANameAreJustBits) {
  std::set<unsigned> named;
  for (const Row& row : kRows) named.insert(row.bit);
  ASSERT_EQ(named.size(), std::size(kRows));
  for (unsigned bit = 0; bit < 300; ++bit) {
    if (named.contains(bit)) continue;
    EXPECT_EQ(FeatureName(bit), "bit") << bit;
  }
}

TEST(FeatureTest, EveryOneOfThe128BitsIsOneOfItsOwn) {
  for (unsigned bit = 0; bit < 128; ++bit) {
    const FeatureSet one = FeatureSet::FromBit(bit);
    for (unsigned other = 0; other < 200; ++other) {
      EXPECT_EQ(one.HasBit(other), bit == other) << bit << " " << other;
    }
    EXPECT_EQ(one.low(), bit < 64 ? uint64_t{1} << bit : 0);
    EXPECT_EQ(one.high(), bit >= 64 ? uint64_t{1} << (bit - 64) : 0);
    EXPECT_FALSE(one.empty());
  }
}

TEST(FeatureTest, ABitBeyond128IsNoBit) {
  EXPECT_TRUE(FeatureSet::FromBit(128).empty());
  EXPECT_TRUE(FeatureSet::FromBit(0xffffffff).empty());
  EXPECT_FALSE((~FeatureSet()).HasBit(128));
}

TEST(FeatureTest, BitsFrom64UpAreNotTruncated) {
  const FeatureSet set = {kNetCsum, kNetRssContext};
  EXPECT_EQ(set.low(), 1u);
  EXPECT_EQ(set.high(), 1u);
  EXPECT_NE(set, FeatureSet({kNetCsum}));
}

TEST(FeatureTest, SetsAreAddedToAndTakenFromInBothWords) {
  FeatureSet set;
  EXPECT_TRUE(set.empty());
  set.Add(kNetMq);
  set.Add(kNetIpsec);
  set.Add(kNetMq);
  EXPECT_EQ(set, FeatureSet::FromWords(uint64_t{1} << 22, uint64_t{1} << 6));
  set.Remove(kNetMq);
  set.Remove(kNetCsum);
  EXPECT_EQ(set, FeatureSet({kNetIpsec}));
  set.Remove(kNetIpsec);
  EXPECT_TRUE(set.empty());
}

TEST(FeatureTest, OperatorsWorkOnBothWords) {
  const FeatureSet a = FeatureSet::FromWords(0xff00, 0x0ff0);
  const FeatureSet b = FeatureSet::FromWords(0x0ff0, 0xff00);
  EXPECT_EQ(a | b, FeatureSet::FromWords(0xfff0, 0xfff0));
  EXPECT_EQ(a & b, FeatureSet::FromWords(0x0f00, 0x0f00));
  EXPECT_EQ(~a, FeatureSet::FromWords(~uint64_t{0xff00}, ~uint64_t{0x0ff0}));
}

TEST(FeatureTest, HasAnyAndHasAllAreAboutTheWholeSet) {
  const FeatureSet set = {kNetCsum, kNetRssContext};
  EXPECT_TRUE(set.HasAny({kNetMq, kNetRssContext}));
  EXPECT_FALSE(set.HasAny({kNetMq, kNetIpsec}));
  EXPECT_FALSE(set.HasAny({}));
  EXPECT_TRUE(set.HasAll({kNetCsum, kNetRssContext}));
  EXPECT_TRUE(set.HasAll({}));
  EXPECT_FALSE(set.HasAll({kNetCsum, kNetIpsec}));
}

}  // namespace
}  // namespace virtio_user
