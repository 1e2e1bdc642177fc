// SPDX-License-Identifier: BSD-3-Clause
//
// Our numbers against the kernel's headers.

#include "tests/uapi_constants.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string_view>
#include <utility>

#include "gtest/gtest.h"
#include "virtio_user/spec/feature.h"
#include "virtio_user/spec/net.h"
#include "virtio_user/spec/ring.h"

namespace virtio_user {
namespace {

constexpr uint64_t Number(CtrlClass value) { return std::to_underlying(value); }

// Ours, under the kernel's names.
constexpr UapiConstant kOurs[] = {
    {"VIRTIO_CONFIG_S_ACKNOWLEDGE", kStatusAcknowledge},
    {"VIRTIO_CONFIG_S_DRIVER", kStatusDriver},
    {"VIRTIO_CONFIG_S_DRIVER_OK", kStatusDriverOk},
    {"VIRTIO_CONFIG_S_FEATURES_OK", kStatusFeaturesOk},
    {"VIRTIO_CONFIG_S_NEEDS_RESET", kStatusNeedsReset},
    {"VIRTIO_CONFIG_S_FAILED", kStatusFailed},
    {"VIRTIO_NET_S_LINK_UP", kNetStatusLinkUp},
    {"VIRTIO_NET_S_ANNOUNCE", kNetStatusAnnounce},
    {"VIRTIO_NET_OK", kCtrlAckOk},
    {"VIRTIO_NET_ERR", kCtrlAckErr},
    {"VIRTIO_NET_CTRL_RX", Number(CtrlClass::kRx)},
    {"VIRTIO_NET_CTRL_RX_PROMISC", kCtrlRxPromisc},
    {"VIRTIO_NET_CTRL_RX_ALLMULTI", kCtrlRxAllMulti},
    {"VIRTIO_NET_CTRL_RX_ALLUNI", kCtrlRxAllUni},
    {"VIRTIO_NET_CTRL_RX_NOMULTI", kCtrlRxNoMulti},
    {"VIRTIO_NET_CTRL_RX_NOUNI", kCtrlRxNoUni},
    {"VIRTIO_NET_CTRL_RX_NOBCAST", kCtrlRxNoBcast},
    {"VIRTIO_NET_CTRL_MAC", Number(CtrlClass::kMac)},
    {"VIRTIO_NET_CTRL_MAC_TABLE_SET", kCtrlMacTableSet},
    {"VIRTIO_NET_CTRL_MAC_ADDR_SET", kCtrlMacAddrSet},
    {"VIRTIO_NET_CTRL_VLAN", Number(CtrlClass::kVlan)},
    {"VIRTIO_NET_CTRL_VLAN_ADD", kCtrlVlanAdd},
    {"VIRTIO_NET_CTRL_VLAN_DEL", kCtrlVlanDel},
    {"VIRTIO_NET_CTRL_ANNOUNCE", Number(CtrlClass::kAnnounce)},
    {"VIRTIO_NET_CTRL_ANNOUNCE_ACK", kCtrlAnnounceAck},
    {"VIRTIO_NET_CTRL_MQ", Number(CtrlClass::kMq)},
    {"VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET", kCtrlMqVqPairsSet},
    {"VIRTIO_NET_CTRL_MQ_VQ_PAIRS_MIN", kMinQueuePairs},
    {"VIRTIO_NET_CTRL_MQ_VQ_PAIRS_MAX", kMaxQueuePairs},
    {"VIRTIO_NET_CTRL_MQ_RSS_CONFIG", kCtrlMqRssConfig},
    {"VIRTIO_NET_CTRL_MQ_HASH_CONFIG", kCtrlMqHashConfig},
    {"VIRTIO_NET_CTRL_GUEST_OFFLOADS", Number(CtrlClass::kGuestOffloads)},
    {"VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET", kCtrlGuestOffloadsSet},
    {"VIRTIO_NET_CTRL_NOTF_COAL", Number(CtrlClass::kNotfCoal)},
    {"VIRTIO_NET_CTRL_NOTF_COAL_TX_SET", kCtrlNotfCoalTxSet},
    {"VIRTIO_NET_CTRL_NOTF_COAL_RX_SET", kCtrlNotfCoalRxSet},
    {"VRING_DESC_F_NEXT", kDescFlagNext},
    {"VRING_DESC_F_WRITE", kDescFlagWrite},
    {"VRING_DESC_F_INDIRECT", kDescFlagIndirect},
    {"VRING_USED_F_NO_NOTIFY", kUsedFlagNoNotify},
    {"VRING_AVAIL_F_NO_INTERRUPT", kAvailFlagNoInterrupt},
    {"VRING_DESC_ALIGN_SIZE", kDescTableAlign},
    {"VRING_AVAIL_ALIGN_SIZE", kAvailRingAlign},
    {"VRING_USED_ALIGN_SIZE", kUsedRingAlign},
    {"sizeof vring_desc", sizeof(VirtqDesc)},
    {"sizeof vring_used_elem", sizeof(VirtqUsedElem)},
    {"sizeof virtio_net_hdr_mrg_rxbuf", sizeof(NetHeader)},
    {"sizeof virtio_net_hdr", kLegacyNetHeaderBytes},
    {"vring_desc.addr", offsetof(VirtqDesc, addr)},
    {"vring_desc.len", offsetof(VirtqDesc, len)},
    {"vring_desc.flags", offsetof(VirtqDesc, flags)},
    {"vring_desc.next", offsetof(VirtqDesc, next)},
    {"vring_used_elem.id", offsetof(VirtqUsedElem, id)},
    {"vring_used_elem.len", offsetof(VirtqUsedElem, len)},
    {"virtio_net_hdr.flags", offsetof(NetHeader, flags)},
    {"virtio_net_hdr.gso_type", offsetof(NetHeader, gso_type)},
    {"virtio_net_hdr.hdr_len", offsetof(NetHeader, hdr_len)},
    {"virtio_net_hdr.gso_size", offsetof(NetHeader, gso_size)},
    {"virtio_net_hdr.csum_start", offsetof(NetHeader, csum_start)},
    {"virtio_net_hdr.csum_offset", offsetof(NetHeader, csum_offset)},
    {"virtio_net_hdr_mrg_rxbuf.num_buffers", offsetof(NetHeader, num_buffers)},
    {"vring_avail.flags", kAvailFlagsOffset},
    {"vring_avail.idx", kAvailIdxOffset},
    {"vring_avail.ring", kAvailRingOffset},
    {"vring_used.flags", kUsedFlagsOffset},
    {"vring_used.idx", kUsedIdxOffset},
    {"vring_used.ring", kUsedRingOffset},
};

TEST(UapiConstantsTest, FeatureBitsAreTheKernels) {
  ASSERT_EQ(kUapiFeatureCount, 41u);
  for (size_t i = 0; i < kUapiFeatureCount; ++i) {
    const UapiConstant& kernel = kUapiFeatures[i];
    EXPECT_EQ(FeatureName(static_cast<unsigned>(kernel.value)), kernel.name);
  }
}

TEST(UapiConstantsTest, NumbersSizesAndOffsetsAreTheKernels) {
  ASSERT_EQ(kUapiNumberCount, std::size(kOurs));
  for (size_t i = 0; i < kUapiNumberCount; ++i) {
    const UapiConstant& kernel = kUapiNumbers[i];
    const auto* const ours =
        std::ranges::find_if(kOurs, [&kernel](const UapiConstant& constant) {
          return std::string_view(constant.name) == kernel.name;
        });
    ASSERT_NE(ours, std::end(kOurs)) << kernel.name;
    EXPECT_EQ(ours->value, kernel.value) << kernel.name;
  }
}

}  // namespace
}  // namespace virtio_user
