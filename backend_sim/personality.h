// SPDX-License-Identifier: BSD-3-Clause
//
// What kind of back-end the model is, as data.

#ifndef BACKEND_SIM_PERSONALITY_H_
#define BACKEND_SIM_PERSONALITY_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace backend_sim {

// Bit numbers of the feature word that the model itself looks at.
inline constexpr unsigned kBitGuestCsum = 1;
inline constexpr unsigned kBitMtu = 3;
inline constexpr unsigned kBitGuestTso4 = 7;
inline constexpr unsigned kBitGuestTso6 = 8;
inline constexpr unsigned kBitMrgRxbuf = 15;
inline constexpr unsigned kBitCtrlVq = 17;
inline constexpr unsigned kBitMq = 22;
inline constexpr unsigned kBitLogAll = 26;
inline constexpr unsigned kBitIndirectDesc = 28;
inline constexpr unsigned kBitEventIdx = 29;
inline constexpr unsigned kBitProtocolFeatures = 30;
inline constexpr unsigned kBitVersion1 = 32;
inline constexpr unsigned kBitRingPacked = 34;
inline constexpr unsigned kBitInOrder = 35;
inline constexpr unsigned kBitHashReport = 57;

// Bit numbers of the protocol feature word that the model serves.
inline constexpr unsigned kProtocolMq = 0;
inline constexpr unsigned kProtocolRarp = 2;
inline constexpr unsigned kProtocolReplyAck = 3;
inline constexpr unsigned kProtocolMtu = 4;
inline constexpr unsigned kProtocolBackendReq = 5;
inline constexpr unsigned kProtocolConfig = 9;
inline constexpr unsigned kProtocolInflight = 12;
inline constexpr unsigned kProtocolResetDevice = 13;
inline constexpr unsigned kProtocolMemSlots = 15;
inline constexpr unsigned kProtocolStatus = 16;

constexpr uint64_t Bit(unsigned number) { return uint64_t{1} << number; }
constexpr bool HasBit(uint64_t word, unsigned number) {
  return ((word >> number) & 1) != 0;
}

// What happens to packets.
enum class TrafficMode : uint8_t {
  kEcho,    // What pair p sends comes back on pair p.
  kSink,    // Taken and counted.
  kSource,  // Frames of the back-end's own come on every pair.
  kNone,    // The rings are left alone.
};

// How a breach of the protocol is met.
enum class Strictness : uint8_t {
  kRefuse,  // NACK where an ack was asked for, else the connection ends.
  kNote,    // Written down and, where it can be, carried out.
};

// The order in which chains are given back.
enum class CompletionOrder : uint8_t {
  kInTurn,    // As they were made available.
  kShuffled,  // Any; in turn all the same where IN_ORDER was accepted.
};

// How a frame is laid into buffers where MRG_RXBUF was accepted.
enum class FrameSpread : uint8_t {
  kFewest,  // Each buffer is filled before the next one.
  kMost,    // Over all that are there, up to 16, about the same in each.
};

// What num_buffers says of a frame, in place of the truth.
enum class NumBuffersLie : uint8_t { kNone, kZero, kTooMany, kTooFew, kAny };

// What is wrong with the answer to GET_INFLIGHT_FD.
enum class InflightLie : uint8_t {
  kNone,
  kNoMemory,        // A size of 0: nothing is wrong, but no notes are taken.
  kShortFile,       // The file is shorter than the answer says.
  kOffsetOutside,   // It begins behind the file's end.
  kNoFd,            // No descriptor comes.
  kTwoFds,          // Two come.
  kOtherQueues,     // One queue more than was asked for.
  kOtherQueueSize,  // Half of the size that was asked for.
};

// What the spec leaves to the device.
struct RingBehaviour {
  CompletionOrder order = CompletionOrder::kInTurn;
  // Where IN_ORDER was accepted: one used element for all chains that are
  // published together (TX), or for all buffers of a frame (RX).
  bool in_order_batches = false;
  // Used elements are published after so many frames, and when a step ends.
  uint32_t flush_frames = 1;
  FrameSpread spread = FrameSpread::kFewest;
  // kFewest: a buffer gets at most so many bytes of a packet, as far as there
  // are buffers. 0: as many as it takes.
  uint32_t piece_bytes = 0;
  // So many TX chains, the oldest, are kept from one step to the next; their
  // packets are looked at when they go back.
  uint32_t held_chains = 0;
};

struct Personality {
  std::string name;
  uint64_t features = 0;           // Offered.
  uint64_t protocol_features = 0;  // Offered if bit 30 is.
  uint32_t max_pairs = 1;          // Rings: twice as many.
  uint64_t queue_num = 1;          // What GET_QUEUE_NUM says.
  uint32_t max_regions = 8;        // In one SET_MEM_TABLE.
  uint32_t max_slots = 8;          // GET_MAX_MEM_SLOTS; for ADD_MEM_REG.
  uint32_t max_mtu = 65535;        // NET_SET_MTU of more is refused.
  std::vector<std::byte> config;   // Device configuration space.
  bool accepts_features_ok = true;
  // Ring states: a ring starts when its kick can be read; otherwise, as pollers
  // do, when SET_VRING_KICK comes.
  bool starts_at_first_kick = false;
  // GET_VRING_BASE of a packed ring answers 16 bits, as lib/vhost does, not 32.
  bool has_short_base = false;
  Strictness strictness = Strictness::kRefuse;
  TrafficMode traffic = TrafficMode::kEcho;
  RingBehaviour rings = {};
  // Breaks rules itself: what comes below applies.
  bool hostile = false;
  NumBuffersLie num_buffers_lie = NumBuffersLie::kNone;
  // Applies to everybody.
  InflightLie inflight_lie = InflightLie::kNone;

  // All that the model has: 128 pairs, REPLY_ACK, STATUS, CONFIG, ...
  static Personality Conforming();
  // What DPDK's lib/vhost 22.11 offers; of its protocol features those that
  // the model has.
  static Personality LibVhost();
  // Before VERSION_1 and before protocol features: one pair, no ENABLE.
  static Personality Legacy();
};

// Personalities by name: the three above ("conforming", "lib-vhost", "legacy")
// and conforming ones that behave in a way of their own: "out-of-order",
// "in-order-batch", "delayed-flush", "many-buffers", "small-pieces",
// "inflight", "hostile-num-buffers". Nothing: no such name.
std::optional<Personality> FindPersonality(std::string_view name);
std::span<const std::string_view> PersonalityNames();

}  // namespace backend_sim

#endif  // BACKEND_SIM_PERSONALITY_H_
