// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/wire.h"

#include <array>
#include <cstring>

#include "backend_sim/personality.h"
#include "backend_sim/wire_request.h"
#include "virtio_user/base/check.h"

namespace backend_sim {
namespace {

constexpr std::array kU64Fields{kU64Value};
constexpr std::array kFeatureFields{
    WireField{"features", 0, 8, FieldStyle::kFeatures}};
constexpr std::array kProtocolFeatureFields{
    WireField{"features", 0, 8, FieldStyle::kProtocolFeatures}};
constexpr std::array kRingFdFields{
    WireField{"index", 0, 8, FieldStyle::kRingFd}};
constexpr std::array kStatusFields{
    WireField{"status", 0, 8, FieldStyle::kStatus}};
constexpr std::array kVringStateFields{kStateIndex, kStateNum};
constexpr std::array kVringAddrFields{kAddrIndex, kAddrFlags, kAddrDesc,
                                      kAddrUsed,  kAddrAvail, kAddrLog};
constexpr std::array kMemTableFields{kTableCount};
constexpr std::array kMemRegionFields{
    WireField{"guest", 8, 8, FieldStyle::kHex},
    WireField{"size", 16, 8, FieldStyle::kHex},
    WireField{"user", 24, 8, FieldStyle::kHex},
    WireField{"offset", 32, 8, FieldStyle::kHex}};
constexpr std::array kLogFields{WireField{"size", 0, 8, FieldStyle::kHex},
                                WireField{"offset", 8, 8, FieldStyle::kHex}};
constexpr std::array kIotlbFields{WireField{"iova", 0, 8, FieldStyle::kHex},
                                  WireField{"size", 8, 8, FieldStyle::kHex},
                                  WireField{"user", 16, 8, FieldStyle::kHex},
                                  WireField{"perm", 24, 1},
                                  WireField{"type", 25, 1}};
constexpr std::array kConfigFields{kConfigOffset, kConfigSize, kConfigFlags};
constexpr std::array kInflightFields{kInflightSize, kInflightOffset,
                                     kInflightQueues, kInflightQueueSize};
constexpr std::array kDeviceStateFields{WireField{"direction", 0, 4},
                                        WireField{"phase", 4, 4}};
constexpr std::array kShmemFields{WireField{"regions", 0, 4}};

// Payloads whose length never varies; 0 for the others.
size_t FixedSize(Layout layout) {
  switch (layout) {
    case Layout::kU64:
    case Layout::kFeatures:
    case Layout::kProtocolFeatures:
    case Layout::kRingFd:
    case Layout::kStatus:
    case Layout::kVringState:
    case Layout::kDeviceState:
      return 8;
    case Layout::kUuid:
      return 16;
    case Layout::kInflight:
      return 24;
    case Layout::kIotlb:
      return 32;
    case Layout::kVringAddr:
    case Layout::kMemRegion:
      return 40;
    case Layout::kShmemConfig:
      return 8 + 8 * 256;
    default:
      return 0;
  }
}

// Columns: number, name, payload, has an answer, answer, descriptors, gate.
constexpr std::array<RequestRule, 44> kRequests{{
    {kReqGetFeatures, "GET_FEATURES", Layout::kEmpty, true, Layout::kFeatures},
    {kReqSetFeatures, "SET_FEATURES", Layout::kFeatures},
    {kReqSetOwner, "SET_OWNER"},
    {kReqResetOwner, "RESET_OWNER"},
    {kReqSetMemTable, "SET_MEM_TABLE", Layout::kMemTable, false, Layout::kEmpty,
     FdRule::kPerRegion},
    {kReqSetLogBase, "SET_LOG_BASE", Layout::kLogBase, true, Layout::kEmpty,
     FdRule::kZeroOrOne, Gate::kProtocol, 1},
    {kReqSetLogFd, "SET_LOG_FD", Layout::kEmpty, false, Layout::kEmpty,
     FdRule::kOne},
    {kReqSetVringNum, "SET_VRING_NUM", Layout::kVringState},
    {kReqSetVringAddr, "SET_VRING_ADDR", Layout::kVringAddr},
    {kReqSetVringBase, "SET_VRING_BASE", Layout::kVringState},
    {kReqGetVringBase, "GET_VRING_BASE", Layout::kVringState, true,
     Layout::kVringState},
    {kReqSetVringKick, "SET_VRING_KICK", Layout::kRingFd, false, Layout::kEmpty,
     FdRule::kUnlessMissing},
    {kReqSetVringCall, "SET_VRING_CALL", Layout::kRingFd, false, Layout::kEmpty,
     FdRule::kUnlessMissing},
    {kReqSetVringErr, "SET_VRING_ERR", Layout::kRingFd, false, Layout::kEmpty,
     FdRule::kUnlessMissing},
    {kReqGetProtocolFeatures, "GET_PROTOCOL_FEATURES", Layout::kEmpty, true,
     Layout::kProtocolFeatures, FdRule::kNone, Gate::kBit30Offered},
    {kReqSetProtocolFeatures, "SET_PROTOCOL_FEATURES",
     Layout::kProtocolFeatures, false, Layout::kEmpty, FdRule::kNone,
     Gate::kBit30Offered},
    {kReqGetQueueNum, "GET_QUEUE_NUM", Layout::kEmpty, true, Layout::kU64,
     FdRule::kNone, Gate::kProtocol, kProtocolMq},
    {kReqSetVringEnable, "SET_VRING_ENABLE", Layout::kVringState, false,
     Layout::kEmpty, FdRule::kNone, Gate::kBit30Acked},
    {kReqSendRarp, "SEND_RARP", Layout::kU64, false, Layout::kEmpty,
     FdRule::kNone, Gate::kProtocol, 2},
    {kReqNetSetMtu, "NET_SET_MTU", Layout::kU64, false, Layout::kEmpty,
     FdRule::kNone, Gate::kProtocol, kProtocolMtu},
    {kReqSetBackendReqFd, "SET_BACKEND_REQ_FD", Layout::kEmpty, false,
     Layout::kEmpty, FdRule::kOne, Gate::kProtocol, kProtocolBackendReq},
    {kReqIotlbMsg, "IOTLB_MSG", Layout::kIotlb, true, Layout::kU64,
     FdRule::kNone, Gate::kFeature, 33},
    {kReqSetVringEndian, "SET_VRING_ENDIAN", Layout::kVringState, false,
     Layout::kEmpty, FdRule::kNone, Gate::kProtocol, 6},
    {kReqGetConfig, "GET_CONFIG", Layout::kConfig, true, Layout::kConfig,
     FdRule::kNone, Gate::kProtocol, kProtocolConfig},
    {kReqSetConfig, "SET_CONFIG", Layout::kConfig, false, Layout::kEmpty,
     FdRule::kNone, Gate::kProtocol, kProtocolConfig},
    {kReqCreateCryptoSession, "CREATE_CRYPTO_SESSION", Layout::kAny, true,
     Layout::kAny, FdRule::kNone, Gate::kProtocol, 7},
    {kReqCloseCryptoSession, "CLOSE_CRYPTO_SESSION", Layout::kU64, false,
     Layout::kEmpty, FdRule::kNone, Gate::kProtocol, 7},
    {kReqPostcopyAdvise, "POSTCOPY_ADVISE", Layout::kEmpty, true,
     Layout::kEmpty, FdRule::kNone, Gate::kProtocol, 8},
    {kReqPostcopyListen, "POSTCOPY_LISTEN", Layout::kEmpty, false,
     Layout::kEmpty, FdRule::kNone, Gate::kProtocol, 8},
    {kReqPostcopyEnd, "POSTCOPY_END", Layout::kEmpty, true, Layout::kU64,
     FdRule::kNone, Gate::kProtocol, 8},
    {kReqGetInflightFd, "GET_INFLIGHT_FD", Layout::kInflight, true,
     Layout::kInflight, FdRule::kNone, Gate::kProtocol, kProtocolInflight},
    {kReqSetInflightFd, "SET_INFLIGHT_FD", Layout::kInflight, false,
     Layout::kEmpty, FdRule::kOne, Gate::kProtocol, kProtocolInflight},
    {kReqGpuSetSocket, "GPU_SET_SOCKET", Layout::kEmpty, false, Layout::kEmpty,
     FdRule::kOne},
    {kReqResetDevice, "RESET_DEVICE", Layout::kEmpty, false, Layout::kEmpty,
     FdRule::kNone, Gate::kProtocol, kProtocolResetDevice},
    {kReqVringKick, "VRING_KICK", Layout::kVringState, false, Layout::kEmpty,
     FdRule::kNone, Gate::kProtocol, 14},
    {kReqGetMaxMemSlots, "GET_MAX_MEM_SLOTS", Layout::kEmpty, true,
     Layout::kU64, FdRule::kNone, Gate::kProtocol, kProtocolMemSlots},
    {kReqAddMemReg, "ADD_MEM_REG", Layout::kMemRegion, false, Layout::kEmpty,
     FdRule::kOne, Gate::kProtocol, kProtocolMemSlots},
    {kReqRemMemReg, "REM_MEM_REG", Layout::kMemRegion, false, Layout::kEmpty,
     FdRule::kNone, Gate::kProtocol, kProtocolMemSlots},
    {kReqSetStatus, "SET_STATUS", Layout::kStatus, false, Layout::kEmpty,
     FdRule::kNone, Gate::kProtocol, kProtocolStatus},
    {kReqGetStatus, "GET_STATUS", Layout::kEmpty, true, Layout::kStatus,
     FdRule::kNone, Gate::kProtocol, kProtocolStatus},
    {kReqGetSharedObject, "GET_SHARED_OBJECT", Layout::kUuid, true,
     Layout::kEmpty, FdRule::kNone, Gate::kProtocol, 18},
    {kReqSetDeviceStateFd, "SET_DEVICE_STATE_FD", Layout::kDeviceState, true,
     Layout::kU64, FdRule::kOne, Gate::kProtocol, 19},
    {kReqCheckDeviceState, "CHECK_DEVICE_STATE", Layout::kEmpty, true,
     Layout::kU64, FdRule::kNone, Gate::kProtocol, 19},
    {kReqGetShmemConfig, "GET_SHMEM_CONFIG", Layout::kEmpty, true,
     Layout::kShmemConfig, FdRule::kNone, Gate::kProtocol, 22},
}};

}  // namespace

WireHeader DecodeHeader(std::span<const std::byte> bytes) {
  VU_CHECK(bytes.size() >= kWireHeaderBytes);
  const auto word = [&](uint16_t offset) {
    return static_cast<uint32_t>(Get(bytes, {"word", offset, 4}));
  };
  return {word(0), word(4), word(8)};
}

void EncodeHeader(const WireHeader& header, std::vector<std::byte>& out) {
  const size_t start = out.size();
  out.resize(start + kWireHeaderBytes);
  const std::span<std::byte> bytes = std::span(out).subspan(start);
  Put(bytes, {"request", 0, 4}, header.request);
  Put(bytes, {"flags", 4, 4}, header.flags);
  Put(bytes, {"size", 8, 4}, header.size);
}

std::span<const WireField> FieldsOf(Layout layout) {
  switch (layout) {
    case Layout::kU64:
      return kU64Fields;
    case Layout::kFeatures:
      return kFeatureFields;
    case Layout::kProtocolFeatures:
      return kProtocolFeatureFields;
    case Layout::kRingFd:
      return kRingFdFields;
    case Layout::kStatus:
      return kStatusFields;
    case Layout::kVringState:
      return kVringStateFields;
    case Layout::kVringAddr:
      return kVringAddrFields;
    case Layout::kMemTable:
      return kMemTableFields;
    case Layout::kMemRegion:
      return kMemRegionFields;
    case Layout::kLogBase:
      return kLogFields;
    case Layout::kIotlb:
      return kIotlbFields;
    case Layout::kConfig:
      return kConfigFields;
    case Layout::kInflight:
      return kInflightFields;
    case Layout::kDeviceState:
      return kDeviceStateFields;
    case Layout::kShmemConfig:
      return kShmemFields;
    case Layout::kEmpty:
    case Layout::kUuid:
    case Layout::kAny:
      break;
  }
  return {};
}

bool SizeFits(Layout layout, std::span<const std::byte> payload) {
  switch (layout) {
    case Layout::kEmpty:
      return payload.empty();
    case Layout::kAny:
      return true;
    case Layout::kLogBase:
      return payload.size() == 8 || payload.size() == 16;
    case Layout::kMemTable:
      return payload.size() >= kTableFirstRegion &&
             payload.size() - kTableFirstRegion ==
                 Get(payload, kTableCount) * kRegionBytes;
    case Layout::kConfig:
      return payload.size() >= kConfigDataOffset &&
             payload.size() - kConfigDataOffset == Get(payload, kConfigSize);
    default:
      return payload.size() == FixedSize(layout);
  }
}

uint64_t Get(std::span<const std::byte> payload, const WireField& field) {
  if (payload.size() < size_t{field.offset} + field.bytes) return 0;
  // Little-endian, as every machine that this runs on (spec/ring.h).
  uint64_t value = 0;
  std::memcpy(&value, payload.data() + field.offset, field.bytes);
  return value;
}

void Put(std::span<std::byte> payload, const WireField& field, uint64_t value) {
  VU_CHECK(payload.size() >= size_t{field.offset} + field.bytes);
  std::memcpy(payload.data() + field.offset, &value, field.bytes);
}

std::span<const RequestRule> RequestRules() { return kRequests; }

const RequestRule* FindRequest(uint32_t number) {
  if (number == 0 || number > kRequests.size()) return nullptr;
  return &kRequests[number - 1];
}

std::string_view RequestName(uint32_t number) {
  const RequestRule* const rule = FindRequest(number);
  return rule == nullptr ? "request" : rule->name;
}

}  // namespace backend_sim
