// SPDX-License-Identifier: BSD-3-Clause
//
// The vhost-user wire as the back-end reads it, in tables of its own: which
// requests there are, what they carry and what is asked of them. Shares
// nothing with virtio_user/vhost_user, so that a wrong offset there is seen
// here. Numbers are in host byte order.

#ifndef BACKEND_SIM_WIRE_H_
#define BACKEND_SIM_WIRE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace backend_sim {

// "Header": three words.
struct WireHeader {
  uint32_t request = 0;
  uint32_t flags = 0;
  uint32_t size = 0;  // Of the payload.

  friend bool operator==(const WireHeader&, const WireHeader&) = default;
};
inline constexpr size_t kWireHeaderBytes = 12;
inline constexpr uint32_t kWireVersionBits = 3;
inline constexpr uint32_t kWireVersion = 1;
inline constexpr uint32_t kWireReply = 1u << 2;
inline constexpr uint32_t kWireNeedReply = 1u << 3;
// All that an answer's flags may say.
inline constexpr uint32_t kWireAnswerFlags = kWireVersion | kWireReply;
// No payload that the tables know is longer.
inline constexpr size_t kWireMaxPayload = 4096;
// Descriptors that a message can bring.
inline constexpr size_t kWireMaxFds = 8;

// Requires: 12 bytes.
WireHeader DecodeHeader(std::span<const std::byte> bytes);
// Appends 12 bytes.
void EncodeHeader(const WireHeader& header, std::vector<std::byte>& out);

// How a field is written in a transcript.
enum class FieldStyle : uint8_t {
  kDecimal,
  kHex,
  kFeatures,          // Names of feature bits.
  kProtocolFeatures,  // Names of protocol feature bits.
  kRingFd,            // Ring index, and whether a descriptor is missing.
  kStatus,            // Names of device status bits.
};

struct WireField {
  std::string_view name;
  uint16_t offset = 0;
  uint8_t bytes = 0;  // 1, 2, 4 or 8.
  FieldStyle style = FieldStyle::kDecimal;
};

// The payload types.
enum class Layout : uint8_t {
  kEmpty,
  kU64,
  kFeatures,          // u64
  kProtocolFeatures,  // u64
  kRingFd,            // u64: bits 0-7 index, bit 8 no descriptor.
  kStatus,            // u64
  kVringState,
  kVringAddr,
  kMemTable,   // 8 + 32 for each region.
  kMemRegion,  // One region behind 8 bytes of padding.
  kLogBase,    // u64, or size and offset.
  kIotlb,
  kConfig,  // 12 + as many bytes as its size field says.
  kInflight,
  kDeviceState,
  kUuid,
  kShmemConfig,
  kAny,  // Belongs to one kind of device alone.
};

std::span<const WireField> FieldsOf(Layout layout);
// Whether a payload of this layout can have these bytes: its length is right,
// and is the one that its own count or size field asks for.
bool SizeFits(Layout layout, std::span<const std::byte> payload);

// The field's value, or 0 where the payload is too short.
uint64_t Get(std::span<const std::byte> payload, const WireField& field);
// Requires: the field lies inside.
void Put(std::span<std::byte> payload, const WireField& field, uint64_t value);

// Fields by name, as the model uses them.
inline constexpr WireField kU64Value{"value", 0, 8, FieldStyle::kHex};
inline constexpr WireField kStateIndex{"index", 0, 4};
inline constexpr WireField kStateNum{"num", 4, 4};
inline constexpr WireField kAddrIndex{"index", 0, 4};
inline constexpr WireField kAddrFlags{"flags", 4, 4, FieldStyle::kHex};
inline constexpr WireField kAddrDesc{"desc", 8, 8, FieldStyle::kHex};
inline constexpr WireField kAddrUsed{"used", 16, 8, FieldStyle::kHex};
inline constexpr WireField kAddrAvail{"avail", 24, 8, FieldStyle::kHex};
inline constexpr WireField kAddrLog{"log", 32, 8, FieldStyle::kHex};
inline constexpr WireField kTableCount{"regions", 0, 4};
inline constexpr WireField kTablePadding{"padding", 4, 4};
inline constexpr WireField kConfigOffset{"offset", 0, 4};
inline constexpr WireField kConfigSize{"size", 4, 4};
inline constexpr WireField kConfigFlags{"flags", 8, 4, FieldStyle::kHex};
inline constexpr size_t kConfigDataOffset = 12;
inline constexpr WireField kInflightSize{"size", 0, 8, FieldStyle::kHex};
inline constexpr WireField kInflightOffset{"offset", 8, 8, FieldStyle::kHex};
inline constexpr WireField kInflightQueues{"queues", 16, 2};
inline constexpr WireField kInflightQueueSize{"queue_size", 18, 2};
// Of one region: relative to its first byte.
inline constexpr WireField kRegionGuest{"guest", 0, 8, FieldStyle::kHex};
inline constexpr WireField kRegionSize{"size", 8, 8, FieldStyle::kHex};
inline constexpr WireField kRegionUser{"user", 16, 8, FieldStyle::kHex};
inline constexpr WireField kRegionOffset{"offset", 24, 8, FieldStyle::kHex};
inline constexpr size_t kRegionBytes = 32;
inline constexpr size_t kTableFirstRegion = 8;
inline constexpr size_t kSingleRegion = 8;
// Of a kRingFd word.
inline constexpr uint64_t kRingFdIndex = 0xff;
inline constexpr uint64_t kRingFdMissing = 0x100;

// How many descriptors a request brings.
enum class FdRule : uint8_t {
  kNone,
  kOne,
  kZeroOrOne,
  kUnlessMissing,  // One, or none if bit 8 says so.
  kPerRegion,      // As many as there are regions.
};

// What must have been negotiated.
enum class Gate : uint8_t {
  kAlways,
  kProtocol,      // The protocol feature `gate_bit`.
  kBit30Offered,  // VHOST_USER_F_PROTOCOL_FEATURES was offered.
  kBit30Acked,    // ... and accepted.
  kFeature,       // The feature `gate_bit`.
};

struct RequestRule {
  uint32_t number = 0;
  std::string_view name;  // Without VHOST_USER_.
  Layout payload = Layout::kEmpty;
  bool has_answer = false;  // Of its own, whether or not one is asked for.
  Layout answer = Layout::kEmpty;
  FdRule fds = FdRule::kNone;
  Gate gate = Gate::kAlways;
  uint8_t gate_bit = 0;
};

// All 44 requests of a front-end, by number.
std::span<const RequestRule> RequestRules();
// Null for a number that the specification does not have.
const RequestRule* FindRequest(uint32_t number);
// The name, or "request" for an unknown number.
std::string_view RequestName(uint32_t number);

}  // namespace backend_sim

#endif  // BACKEND_SIM_WIRE_H_
