// SPDX-License-Identifier: BSD-3-Clause
//
// The vhost-user wire (QEMU's docs/interop/vhost-user.rst): message numbers,
// header flags, protocol features and payload layouts, in host byte order.

#ifndef VIRTIO_USER_SPEC_VHOST_USER_H_
#define VIRTIO_USER_SPEC_VHOST_USER_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace virtio_user {

enum class VhostUserRequest : uint32_t {
  kGetFeatures = 1,           // VHOST_USER_GET_FEATURES
  kSetFeatures = 2,           // VHOST_USER_SET_FEATURES
  kSetOwner = 3,              // VHOST_USER_SET_OWNER
  kResetOwner = 4,            // VHOST_USER_RESET_OWNER
  kSetMemTable = 5,           // VHOST_USER_SET_MEM_TABLE
  kSetLogBase = 6,            // VHOST_USER_SET_LOG_BASE
  kSetLogFd = 7,              // VHOST_USER_SET_LOG_FD
  kSetVringNum = 8,           // VHOST_USER_SET_VRING_NUM
  kSetVringAddr = 9,          // VHOST_USER_SET_VRING_ADDR
  kSetVringBase = 10,         // VHOST_USER_SET_VRING_BASE
  kGetVringBase = 11,         // VHOST_USER_GET_VRING_BASE
  kSetVringKick = 12,         // VHOST_USER_SET_VRING_KICK
  kSetVringCall = 13,         // VHOST_USER_SET_VRING_CALL
  kSetVringErr = 14,          // VHOST_USER_SET_VRING_ERR
  kGetProtocolFeatures = 15,  // VHOST_USER_GET_PROTOCOL_FEATURES
  kSetProtocolFeatures = 16,  // VHOST_USER_SET_PROTOCOL_FEATURES
  kGetQueueNum = 17,          // VHOST_USER_GET_QUEUE_NUM
  kSetVringEnable = 18,       // VHOST_USER_SET_VRING_ENABLE
  kSendRarp = 19,             // VHOST_USER_SEND_RARP
  kNetSetMtu = 20,            // VHOST_USER_NET_SET_MTU
  kSetBackendReqFd = 21,      // VHOST_USER_SET_BACKEND_REQ_FD
  kGetConfig = 24,            // VHOST_USER_GET_CONFIG
  kSetConfig = 25,            // VHOST_USER_SET_CONFIG
  kGetInflightFd = 31,        // VHOST_USER_GET_INFLIGHT_FD
  kSetInflightFd = 32,        // VHOST_USER_SET_INFLIGHT_FD
  kResetDevice = 34,          // VHOST_USER_RESET_DEVICE
  kGetMaxMemSlots = 36,       // VHOST_USER_GET_MAX_MEM_SLOTS
  kAddMemReg = 37,            // VHOST_USER_ADD_MEM_REG
  kRemMemReg = 38,            // VHOST_USER_REM_MEM_REG
  kSetStatus = 39,            // VHOST_USER_SET_STATUS
  kGetStatus = 40,            // VHOST_USER_GET_STATUS
};

// What a back-end asks, on the channel that SET_BACKEND_REQ_FD gives it.
enum class VhostUserBackendRequest : uint32_t {
  kIotlb = 1,         // VHOST_USER_BACKEND_IOTLB_MSG
  kConfigChange = 2,  // VHOST_USER_BACKEND_CONFIG_CHANGE_MSG
  kHostNotifier = 3,  // VHOST_USER_BACKEND_VRING_HOST_NOTIFIER_MSG
  kVringCall = 4,     // VHOST_USER_BACKEND_VRING_CALL
  kVringErr = 5,      // VHOST_USER_BACKEND_VRING_ERR
};

// "VHOST_USER_SET_VRING_KICK" and so on; "unknown" for a number without one.
std::string_view VhostUserRequestName(uint32_t request);

enum class ProtocolFeature : uint8_t {
  kMq = 0,                  // VHOST_USER_PROTOCOL_F_MQ
  kRarp = 2,                // VHOST_USER_PROTOCOL_F_RARP
  kReplyAck = 3,            // VHOST_USER_PROTOCOL_F_REPLY_ACK
  kMtu = 4,                 // VHOST_USER_PROTOCOL_F_MTU
  kBackendReq = 5,          // VHOST_USER_PROTOCOL_F_BACKEND_REQ
  kConfig = 9,              // VHOST_USER_PROTOCOL_F_CONFIG
  kInflightShmfd = 12,      // VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD
  kResetDevice = 13,        // VHOST_USER_PROTOCOL_F_RESET_DEVICE
  kConfigureMemSlots = 15,  // VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS
  kStatus = 16,             // VHOST_USER_PROTOCOL_F_STATUS
};

// "VHOST_USER_PROTOCOL_F_MQ" and so on; "bit" for a number without a name.
std::string_view ProtocolFeatureName(unsigned bit);

constexpr uint64_t ProtocolMask(ProtocolFeature feature) {
  return uint64_t{1} << static_cast<unsigned>(feature);
}

// Header: request, flags, size of the payload.
struct VhostUserHeader {
  uint32_t request;
  uint32_t flags;
  uint32_t size;
};
static_assert(sizeof(VhostUserHeader) == 12);

inline constexpr uint32_t kVhostUserVersionMask = 0x3;
inline constexpr uint32_t kVhostUserVersion = 0x1;
inline constexpr uint32_t kVhostUserReplyFlag = 0x4;
inline constexpr uint32_t kVhostUserNeedReplyFlag = 0x8;

// Ancillary descriptors in one message, and memory regions in one table.
inline constexpr size_t kVhostUserMaxFds = 8;
inline constexpr size_t kVhostUserMaxRegions = 8;

struct VhostUserVringState {
  uint32_t index;
  uint32_t num;
};
static_assert(sizeof(VhostUserVringState) == 8);

struct VhostUserVringAddr {
  uint32_t index;
  uint32_t flags;
  uint64_t descriptor;
  uint64_t used;
  uint64_t available;
  uint64_t log;
};
static_assert(sizeof(VhostUserVringAddr) == 40);

struct VhostUserMemoryRegion {
  uint64_t guest_address;
  uint64_t size;
  uint64_t user_address;
  uint64_t mmap_offset;
};
static_assert(sizeof(VhostUserMemoryRegion) == 32);

// ADD_MEM_REG and REM_MEM_REG.
struct VhostUserSingleRegion {
  uint64_t padding;
  VhostUserMemoryRegion region;
};
static_assert(sizeof(VhostUserSingleRegion) == 40);

struct VhostUserMemoryTableHeader {
  uint32_t region_count;
  uint32_t padding;
};
static_assert(sizeof(VhostUserMemoryTableHeader) == 8);

struct VhostUserConfigHeader {
  uint32_t offset;
  uint32_t size;
  uint32_t flags;
};
static_assert(sizeof(VhostUserConfigHeader) == 12);

// GET_INFLIGHT_FD and SET_INFLIGHT_FD. The specification lists the four fields;
// QEMU, libvhost-user, DPDK and rust-vmm send the structure as C lays it out.
struct VhostUserInflight {
  uint64_t mmap_size;
  uint64_t mmap_offset;
  uint16_t num_queues;
  uint16_t queue_size;
  uint32_t padding;
};
static_assert(sizeof(VhostUserInflight) == 24);

// What QEMU's and DPDK's servers take in one GET_CONFIG or SET_CONFIG.
inline constexpr size_t kVhostUserMaxConfigBytes = 256;

// SET_VRING_KICK and SET_VRING_CALL: the ring's index and the no-descriptor
// flag share one u64, so that 256 rings can be named.
inline constexpr uint64_t kVringFdIndexMask = 0xff;
inline constexpr uint64_t kVringFdNone = 0x100;
inline constexpr uint32_t kVhostUserMaxVrings = 256;

}  // namespace virtio_user

#endif  // VIRTIO_USER_SPEC_VHOST_USER_H_
