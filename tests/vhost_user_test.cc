// SPDX-License-Identifier: BSD-3-Clause
//
// Numbers and names of the wire, typed a second time from the tables of QEMU's
// docs/interop/vhost-user.rst.

#include "virtio_user/spec/vhost_user.h"

#include <cstddef>
#include <string>
#include <utility>

#include "gtest/gtest.h"

namespace virtio_user {
namespace {

struct Row {
  uint32_t number;
  const char* name;
};

constexpr Row kRequests[] = {
    {1, "VHOST_USER_GET_FEATURES"},
    {2, "VHOST_USER_SET_FEATURES"},
    {3, "VHOST_USER_SET_OWNER"},
    {4, "VHOST_USER_RESET_OWNER"},
    {5, "VHOST_USER_SET_MEM_TABLE"},
    {6, "VHOST_USER_SET_LOG_BASE"},
    {7, "VHOST_USER_SET_LOG_FD"},
    {8, "VHOST_USER_SET_VRING_NUM"},
    {9, "VHOST_USER_SET_VRING_ADDR"},
    {10, "VHOST_USER_SET_VRING_BASE"},
    {11, "VHOST_USER_GET_VRING_BASE"},
    {12, "VHOST_USER_SET_VRING_KICK"},
    {13, "VHOST_USER_SET_VRING_CALL"},
    {14, "VHOST_USER_SET_VRING_ERR"},
    {15, "VHOST_USER_GET_PROTOCOL_FEATURES"},
    {16, "VHOST_USER_SET_PROTOCOL_FEATURES"},
    {17, "VHOST_USER_GET_QUEUE_NUM"},
    {18, "VHOST_USER_SET_VRING_ENABLE"},
    {19, "VHOST_USER_SEND_RARP"},
    {20, "VHOST_USER_NET_SET_MTU"},
    {21, "VHOST_USER_SET_BACKEND_REQ_FD"},
    {22, "VHOST_USER_IOTLB_MSG"},
    {23, "VHOST_USER_SET_VRING_ENDIAN"},
    {24, "VHOST_USER_GET_CONFIG"},
    {25, "VHOST_USER_SET_CONFIG"},
    {26, "VHOST_USER_CREATE_CRYPTO_SESSION"},
    {27, "VHOST_USER_CLOSE_CRYPTO_SESSION"},
    {28, "VHOST_USER_POSTCOPY_ADVISE"},
    {29, "VHOST_USER_POSTCOPY_LISTEN"},
    {30, "VHOST_USER_POSTCOPY_END"},
    {31, "VHOST_USER_GET_INFLIGHT_FD"},
    {32, "VHOST_USER_SET_INFLIGHT_FD"},
    {33, "VHOST_USER_GPU_SET_SOCKET"},
    {34, "VHOST_USER_RESET_DEVICE"},
    {35, "VHOST_USER_VRING_KICK"},
    {36, "VHOST_USER_GET_MAX_MEM_SLOTS"},
    {37, "VHOST_USER_ADD_MEM_REG"},
    {38, "VHOST_USER_REM_MEM_REG"},
    {39, "VHOST_USER_SET_STATUS"},
    {40, "VHOST_USER_GET_STATUS"},
};

constexpr Row kProtocolFeatures[] = {
    {0, "VHOST_USER_PROTOCOL_F_MQ"},
    {1, "VHOST_USER_PROTOCOL_F_LOG_SHMFD"},
    {2, "VHOST_USER_PROTOCOL_F_RARP"},
    {3, "VHOST_USER_PROTOCOL_F_REPLY_ACK"},
    {4, "VHOST_USER_PROTOCOL_F_MTU"},
    {5, "VHOST_USER_PROTOCOL_F_BACKEND_REQ"},
    {6, "VHOST_USER_PROTOCOL_F_CROSS_ENDIAN"},
    {7, "VHOST_USER_PROTOCOL_F_CRYPTO_SESSION"},
    {8, "VHOST_USER_PROTOCOL_F_PAGEFAULT"},
    {9, "VHOST_USER_PROTOCOL_F_CONFIG"},
    {10, "VHOST_USER_PROTOCOL_F_BACKEND_SEND_FD"},
    {11, "VHOST_USER_PROTOCOL_F_HOST_NOTIFIER"},
    {12, "VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD"},
    {13, "VHOST_USER_PROTOCOL_F_RESET_DEVICE"},
    {14, "VHOST_USER_PROTOCOL_F_INBAND_NOTIFICATIONS"},
    {15, "VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS"},
    {16, "VHOST_USER_PROTOCOL_F_STATUS"},
    {17, "VHOST_USER_PROTOCOL_F_XEN_MMAP"},
    {18, "VHOST_USER_PROTOCOL_F_SHARED_OBJECT"},
    {19, "VHOST_USER_PROTOCOL_F_DEVICE_STATE"},
    {20, "VHOST_USER_PROTOCOL_F_GET_VRING_BASE_INFLIGHT"},
    {21, "VHOST_USER_PROTOCOL_F_GPA_ADDRESSES"},
    {22, "VHOST_USER_PROTOCOL_F_SHMEM"},
};

TEST(VhostUserTest, EveryRequestHasItsName) {
  for (const Row& row : kRequests) {
    EXPECT_EQ(VhostUserRequestName(row.number), row.name);
  }
}

TEST(VhostUserTest, NumbersWithoutARequestAreUnknown) {
  for (const uint32_t number : {0u, 41u, 42u, 255u, 0x80000001u, 0xffffffffu}) {
    EXPECT_EQ(VhostUserRequestName(number), "unknown") << number;
  }
}

TEST(VhostUserTest, EveryProtocolFeatureHasItsName) {
  for (const Row& row : kProtocolFeatures) {
    EXPECT_EQ(ProtocolFeatureName(row.number), row.name);
  }
}

TEST(VhostUserTest, ProtocolBitsWithoutANameAreJustBits) {
  for (const unsigned bit : {23u, 24u, 63u, 64u, 0xffffffffu}) {
    EXPECT_EQ(ProtocolFeatureName(bit), "bit") << bit;
  }
}

TEST(VhostUserTest, TheRequestsThatAreSpokenHaveTheirNumbers) {
  using enum VhostUserRequest;
  const std::pair<VhostUserRequest, uint32_t> spoken[] = {
      {kGetFeatures, 1},
      {kSetFeatures, 2},
      {kSetOwner, 3},
      {kResetOwner, 4},
      {kSetMemTable, 5},
      {kSetLogBase, 6},
      {kSetLogFd, 7},
      {kSetVringNum, 8},
      {kSetVringAddr, 9},
      {kSetVringBase, 10},
      {kGetVringBase, 11},
      {kSetVringKick, 12},
      {kSetVringCall, 13},
      {kSetVringErr, 14},
      {kGetProtocolFeatures, 15},
      {kSetProtocolFeatures, 16},
      {kGetQueueNum, 17},
      {kSetVringEnable, 18},
      {kGetConfig, 24},
      {kSetConfig, 25},
      {kSetStatus, 39},
      {kGetStatus, 40},
  };
  for (const auto& [request, number] : spoken) {
    EXPECT_EQ(std::to_underlying(request), number);
  }
}

TEST(VhostUserTest, TheProtocolFeaturesThatAreSpokenHaveTheirBits) {
  EXPECT_EQ(ProtocolMask(ProtocolFeature::kMq), 0x1u);
  EXPECT_EQ(ProtocolMask(ProtocolFeature::kReplyAck), 0x8u);
  EXPECT_EQ(ProtocolMask(ProtocolFeature::kConfig), 0x200u);
  EXPECT_EQ(ProtocolMask(ProtocolFeature::kStatus), 0x10000u);
}

TEST(VhostUserTest, TheHeaderHasThreeWordsAndFourFlagBits) {
  EXPECT_EQ(offsetof(VhostUserHeader, request), 0u);
  EXPECT_EQ(offsetof(VhostUserHeader, flags), 4u);
  EXPECT_EQ(offsetof(VhostUserHeader, size), 8u);
  EXPECT_EQ(kVhostUserVersionMask, 3u);
  EXPECT_EQ(kVhostUserVersion, 1u);
  EXPECT_EQ(kVhostUserReplyFlag, 4u);
  EXPECT_EQ(kVhostUserNeedReplyFlag, 8u);
}

TEST(VhostUserTest, PayloadsLieAsTheSpecificationLaysThem) {
  EXPECT_EQ(offsetof(VhostUserVringState, num), 4u);
  EXPECT_EQ(offsetof(VhostUserVringAddr, flags), 4u);
  EXPECT_EQ(offsetof(VhostUserVringAddr, descriptor), 8u);
  EXPECT_EQ(offsetof(VhostUserVringAddr, used), 16u);
  EXPECT_EQ(offsetof(VhostUserVringAddr, available), 24u);
  EXPECT_EQ(offsetof(VhostUserVringAddr, log), 32u);
  EXPECT_EQ(offsetof(VhostUserMemoryRegion, guest_address), 0u);
  EXPECT_EQ(offsetof(VhostUserMemoryRegion, size), 8u);
  EXPECT_EQ(offsetof(VhostUserMemoryRegion, user_address), 16u);
  EXPECT_EQ(offsetof(VhostUserMemoryRegion, mmap_offset), 24u);
  EXPECT_EQ(offsetof(VhostUserConfigHeader, offset), 0u);
  EXPECT_EQ(offsetof(VhostUserConfigHeader, size), 4u);
  EXPECT_EQ(offsetof(VhostUserConfigHeader, flags), 8u);
}

TEST(VhostUserTest, LimitsAreThoseOfTheProtocol) {
  EXPECT_EQ(kVhostUserMaxFds, 8u);
  EXPECT_EQ(kVhostUserMaxRegions, 8u);
  EXPECT_EQ(kVhostUserMaxConfigBytes, 256u);
  EXPECT_EQ(kVringFdIndexMask, 0xffu);
  EXPECT_EQ(kVringFdNone, 0x100u);
  EXPECT_EQ(kVhostUserMaxVrings, 256u);
}

}  // namespace
}  // namespace virtio_user
