// SPDX-License-Identifier: BSD-3-Clause
//
// Against the kernel's header.

#include "virtio_user/os/vdpa_requests.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <iterator>
#include <map>
#include <string>

#include "tests/uapi_constants.h"

extern "C" {
extern const UapiConstant kUapiVdpaRequests[];
extern const size_t kUapiVdpaRequestCount;
extern const UapiConstant kUapiVdpaNumbers[];
extern const size_t kUapiVdpaNumberCount;
}

namespace virtio_user {
namespace {

TEST(VdpaRequestsTest, EveryRequestHasTheKernelsNumber) {
  for (size_t i = 0; i < kUapiVdpaRequestCount; ++i) {
    const UapiConstant& constant = kUapiVdpaRequests[i];
    const auto ours = std::ranges::find(
        kVdpaRequests, std::string(constant.name),
        [](const VdpaRequest& request) { return std::string(request.name); });
    ASSERT_NE(ours, std::end(kVdpaRequests)) << constant.name;
    EXPECT_EQ(ours->number, constant.value) << constant.name;
  }
  EXPECT_GE(kUapiVdpaRequestCount, 20u);
}

TEST(VdpaRequestsTest, EveryLayoutAndNumberIsTheKernels) {
  const std::map<std::string, uint64_t> ours = {
      {"sizeof vhost_vring_state", sizeof(VdpaVringState)},
      {"sizeof vhost_vring_file", sizeof(VdpaVringFile)},
      {"sizeof vhost_vring_addr", sizeof(VdpaVringAddr)},
      {"sizeof vhost_vdpa_config", sizeof(VdpaConfigHead)},
      {"sizeof vhost_vdpa_iova_range", sizeof(VdpaIovaRange)},
      {"sizeof vhost_msg_v2", sizeof(VdpaIotlbMessage)},
      {"vhost_msg_v2.asid", offsetof(VdpaIotlbMessage, asid)},
      {"vhost_msg_v2.iova", offsetof(VdpaIotlbMessage, iova)},
      {"vhost_msg_v2.size", offsetof(VdpaIotlbMessage, size)},
      {"vhost_msg_v2.uaddr", offsetof(VdpaIotlbMessage, uaddr)},
      {"vhost_msg_v2.perm", offsetof(VdpaIotlbMessage, perm)},
      {"vhost_msg_v2.type", offsetof(VdpaIotlbMessage, kind)},
      {"sizeof vhost_msg", sizeof(VdpaIotlbMessage)},
      {"vhost_msg.iova", offsetof(VdpaIotlbMessage, iova)},
      {"vhost_vring_addr.desc", offsetof(VdpaVringAddr, desc)},
      {"vhost_vring_addr.used", offsetof(VdpaVringAddr, used)},
      {"vhost_vring_addr.avail", offsetof(VdpaVringAddr, avail)},
      {"VHOST_IOTLB_MSG", kIotlbMessage1},
      {"VHOST_IOTLB_MSG_V2", kIotlbMessage2},
      {"VHOST_ACCESS_RW", kIotlbReadWrite},
      {"VHOST_IOTLB_UPDATE", kIotlbUpdate},
      {"VHOST_IOTLB_INVALIDATE", kIotlbInvalidate},
      {"VHOST_IOTLB_BATCH_BEGIN", kIotlbBatchBegin},
      {"VHOST_IOTLB_BATCH_END", kIotlbBatchEnd},
      {"VHOST_BACKEND_F_IOTLB_MSG_V2", std::countr_zero(kBackendIotlbMsgV2)},
      {"VHOST_BACKEND_F_IOTLB_BATCH", std::countr_zero(kBackendIotlbBatch)},
      {"VHOST_BACKEND_F_IOTLB_ASID", std::countr_zero(kBackendIotlbAsid)},
      {"VHOST_BACKEND_F_SUSPEND", std::countr_zero(kBackendSuspend)},
  };
  for (size_t i = 0; i < kUapiVdpaNumberCount; ++i) {
    const UapiConstant& constant = kUapiVdpaNumbers[i];
    ASSERT_TRUE(ours.contains(constant.name)) << constant.name;
    EXPECT_EQ(ours.at(constant.name), constant.value) << constant.name;
  }
}

}  // namespace
}  // namespace virtio_user
