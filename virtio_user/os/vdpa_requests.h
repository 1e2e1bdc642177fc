// SPDX-License-Identifier: BSD-3-Clause
//
// The requests, messages and numbers of vhost-vdpa, as <linux/vhost.h> has
// them, which C++ cannot include. tests/vdpa_requests_test holds them to it.

#ifndef VIRTIO_USER_OS_VDPA_REQUESTS_H_
#define VIRTIO_USER_OS_VDPA_REQUESTS_H_

#include <linux/ioctl.h>

#include <cstddef>
#include <cstdint>

namespace virtio_user {

struct VdpaVringState {  // struct vhost_vring_state
  uint32_t index;
  uint32_t num;
};
struct VdpaVringFile {  // struct vhost_vring_file
  uint32_t index;
  int32_t fd;  // -1: none.
};
struct VdpaVringAddr {  // struct vhost_vring_addr
  uint32_t index;
  uint32_t flags;
  uint64_t desc;
  uint64_t used;
  uint64_t avail;
  uint64_t log;
};
struct VdpaConfigHead {  // struct vhost_vdpa_config, whose bytes follow
  uint32_t offset;
  uint32_t bytes;
};
struct VdpaIovaRange {  // struct vhost_vdpa_iova_range
  uint64_t first = 0;
  uint64_t last = UINT64_MAX;  // Included.
};

// struct vhost_msg and struct vhost_msg_v2. The first version has a hole where
// the second has the address space.
struct VdpaIotlbMessage {
  uint32_t type;
  uint32_t asid;
  uint64_t iova;
  uint64_t size;
  uint64_t uaddr;
  uint8_t perm;
  uint8_t kind;
  uint8_t padding[38];
};
static_assert(sizeof(VdpaIotlbMessage) == 72);

inline constexpr uint32_t kIotlbMessage1 = 1;   // VHOST_IOTLB_MSG
inline constexpr uint32_t kIotlbMessage2 = 2;   // VHOST_IOTLB_MSG_V2
inline constexpr uint8_t kIotlbReadWrite = 3;   // VHOST_ACCESS_RW
inline constexpr uint8_t kIotlbUpdate = 2;      // VHOST_IOTLB_UPDATE
inline constexpr uint8_t kIotlbInvalidate = 3;  // VHOST_IOTLB_INVALIDATE
inline constexpr uint8_t kIotlbBatchBegin = 5;  // VHOST_IOTLB_BATCH_BEGIN
inline constexpr uint8_t kIotlbBatchEnd = 6;    // VHOST_IOTLB_BATCH_END

// VHOST_BACKEND_F_*, as masks.
inline constexpr uint64_t kBackendIotlbMsgV2 = uint64_t{1} << 1;
inline constexpr uint64_t kBackendIotlbBatch = uint64_t{1} << 2;
inline constexpr uint64_t kBackendIotlbAsid = uint64_t{1} << 3;
inline constexpr uint64_t kBackendSuspend = uint64_t{1} << 4;

// A request of ioctl(2), with its name for messages.
struct VdpaRequest {
  unsigned long number;
  const char* name;
};

inline constexpr unsigned kVhostIoctls = 0xAF;  // VHOST_VIRTIO
inline constexpr VdpaRequest kVhostGetFeatures{
    _IOR(kVhostIoctls, 0x00, uint64_t), "VHOST_GET_FEATURES"};
inline constexpr VdpaRequest kVhostSetFeatures{
    _IOW(kVhostIoctls, 0x00, uint64_t), "VHOST_SET_FEATURES"};
inline constexpr VdpaRequest kVhostSetOwner{_IO(kVhostIoctls, 0x01),
                                            "VHOST_SET_OWNER"};
inline constexpr VdpaRequest kVhostSetVringNum{
    _IOW(kVhostIoctls, 0x10, VdpaVringState), "VHOST_SET_VRING_NUM"};
inline constexpr VdpaRequest kVhostSetVringAddr{
    _IOW(kVhostIoctls, 0x11, VdpaVringAddr), "VHOST_SET_VRING_ADDR"};
inline constexpr VdpaRequest kVhostSetVringBase{
    _IOW(kVhostIoctls, 0x12, VdpaVringState), "VHOST_SET_VRING_BASE"};
inline constexpr VdpaRequest kVhostGetVringBase{
    _IOWR(kVhostIoctls, 0x12, VdpaVringState), "VHOST_GET_VRING_BASE"};
inline constexpr VdpaRequest kVhostSetVringKick{
    _IOW(kVhostIoctls, 0x20, VdpaVringFile), "VHOST_SET_VRING_KICK"};
inline constexpr VdpaRequest kVhostSetVringCall{
    _IOW(kVhostIoctls, 0x21, VdpaVringFile), "VHOST_SET_VRING_CALL"};
inline constexpr VdpaRequest kVhostSetBackendFeatures{
    _IOW(kVhostIoctls, 0x25, uint64_t), "VHOST_SET_BACKEND_FEATURES"};
inline constexpr VdpaRequest kVhostGetBackendFeatures{
    _IOR(kVhostIoctls, 0x26, uint64_t), "VHOST_GET_BACKEND_FEATURES"};
inline constexpr VdpaRequest kVdpaGetDeviceId{
    _IOR(kVhostIoctls, 0x70, uint32_t), "VHOST_VDPA_GET_DEVICE_ID"};
inline constexpr VdpaRequest kVdpaGetStatus{_IOR(kVhostIoctls, 0x71, uint8_t),
                                            "VHOST_VDPA_GET_STATUS"};
inline constexpr VdpaRequest kVdpaSetStatus{_IOW(kVhostIoctls, 0x72, uint8_t),
                                            "VHOST_VDPA_SET_STATUS"};
inline constexpr VdpaRequest kVdpaGetConfig{
    _IOR(kVhostIoctls, 0x73, VdpaConfigHead), "VHOST_VDPA_GET_CONFIG"};
inline constexpr VdpaRequest kVdpaSetConfig{
    _IOW(kVhostIoctls, 0x74, VdpaConfigHead), "VHOST_VDPA_SET_CONFIG"};
inline constexpr VdpaRequest kVdpaSetVringEnable{
    _IOW(kVhostIoctls, 0x75, VdpaVringState), "VHOST_VDPA_SET_VRING_ENABLE"};
inline constexpr VdpaRequest kVdpaGetVringNum{
    _IOR(kVhostIoctls, 0x76, uint16_t), "VHOST_VDPA_GET_VRING_NUM"};
inline constexpr VdpaRequest kVdpaSetConfigCall{
    _IOW(kVhostIoctls, 0x77, int32_t), "VHOST_VDPA_SET_CONFIG_CALL"};
inline constexpr VdpaRequest kVdpaGetIovaRange{
    _IOR(kVhostIoctls, 0x78, VdpaIovaRange), "VHOST_VDPA_GET_IOVA_RANGE"};
inline constexpr VdpaRequest kVdpaGetConfigSize{
    _IOR(kVhostIoctls, 0x79, uint32_t), "VHOST_VDPA_GET_CONFIG_SIZE"};
inline constexpr VdpaRequest kVdpaGetAsNum{_IOR(kVhostIoctls, 0x7A, uint32_t),
                                           "VHOST_VDPA_GET_AS_NUM"};
inline constexpr VdpaRequest kVdpaGetVringGroup{
    _IOWR(kVhostIoctls, 0x7B, VdpaVringState), "VHOST_VDPA_GET_VRING_GROUP"};
inline constexpr VdpaRequest kVdpaSetGroupAsid{
    _IOW(kVhostIoctls, 0x7C, VdpaVringState), "VHOST_VDPA_SET_GROUP_ASID"};
inline constexpr VdpaRequest kVdpaSuspend{_IO(kVhostIoctls, 0x7D),
                                          "VHOST_VDPA_SUSPEND"};

// All of them, in the order of their numbers.
inline constexpr VdpaRequest kVdpaRequests[] = {
    kVhostGetFeatures,
    kVhostSetFeatures,
    kVhostSetOwner,
    kVhostSetVringNum,
    kVhostSetVringAddr,
    kVhostSetVringBase,
    kVhostGetVringBase,
    kVhostSetVringKick,
    kVhostSetVringCall,
    kVhostSetBackendFeatures,
    kVhostGetBackendFeatures,
    kVdpaGetDeviceId,
    kVdpaGetStatus,
    kVdpaSetStatus,
    kVdpaGetConfig,
    kVdpaSetConfig,
    kVdpaSetVringEnable,
    kVdpaGetVringNum,
    kVdpaSetConfigCall,
    kVdpaGetIovaRange,
    kVdpaGetConfigSize,
    kVdpaGetAsNum,
    kVdpaGetVringGroup,
    kVdpaSetGroupAsid,
    kVdpaSuspend,
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_OS_VDPA_REQUESTS_H_
