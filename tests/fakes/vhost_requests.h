// SPDX-License-Identifier: BSD-3-Clause

#ifndef TESTS_FAKES_VHOST_REQUESTS_H_
#define TESTS_FAKES_VHOST_REQUESTS_H_

#include <cstdint>

namespace virtio_user {

// Message numbers, typed from the specification.
inline constexpr uint32_t kReqGetFeatures = 1;
inline constexpr uint32_t kReqSetFeatures = 2;
inline constexpr uint32_t kReqSetOwner = 3;
inline constexpr uint32_t kReqSetMemTable = 5;
inline constexpr uint32_t kReqSetVringNum = 8;
inline constexpr uint32_t kReqSetVringAddr = 9;
inline constexpr uint32_t kReqSetVringBase = 10;
inline constexpr uint32_t kReqGetVringBase = 11;
inline constexpr uint32_t kReqSetVringKick = 12;
inline constexpr uint32_t kReqSetVringCall = 13;
inline constexpr uint32_t kReqGetProtocolFeatures = 15;
inline constexpr uint32_t kReqSetProtocolFeatures = 16;
inline constexpr uint32_t kReqGetQueueNum = 17;
inline constexpr uint32_t kReqSetVringEnable = 18;
inline constexpr uint32_t kReqSendRarp = 19;
inline constexpr uint32_t kReqNetSetMtu = 20;
inline constexpr uint32_t kReqGetConfig = 24;
inline constexpr uint32_t kReqSetConfig = 25;
inline constexpr uint32_t kReqGetInflightFd = 31;
inline constexpr uint32_t kReqSetInflightFd = 32;
inline constexpr uint32_t kReqResetDevice = 34;
inline constexpr uint32_t kReqGetMaxMemSlots = 36;
inline constexpr uint32_t kReqAddMemReg = 37;
inline constexpr uint32_t kReqRemMemReg = 38;
inline constexpr uint32_t kReqSetStatus = 39;
inline constexpr uint32_t kReqGetStatus = 40;

inline constexpr uint64_t kBit30 = uint64_t{1} << 30;
inline constexpr uint64_t kProtoMq = 1u << 0;
inline constexpr uint64_t kProtoRarp = 1u << 2;
inline constexpr uint64_t kProtoMtu = 1u << 4;
inline constexpr uint64_t kProtoResetDevice = 1u << 13;
inline constexpr uint64_t kProtoReplyAck = 1u << 3;
inline constexpr uint64_t kProtoConfig = 1u << 9;
inline constexpr uint64_t kProtoInflight = 1u << 12;
inline constexpr uint64_t kProtoMemSlots = 1u << 15;
inline constexpr uint64_t kProtoStatus = 1u << 16;
// Without what takes the place of other messages: kProtoMemSlots.
inline constexpr uint64_t kProtoAll =
    kProtoMq | kProtoReplyAck | kProtoConfig | kProtoStatus;

}  // namespace virtio_user

#endif  // TESTS_FAKES_VHOST_REQUESTS_H_
