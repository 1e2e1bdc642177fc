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
  kClose,   // The connection ends; and what only some tolerate is a breach.
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

// What used elements say in place of the truth.
enum class UsedLie : uint8_t { kNone, kLonger, kShorter, kOtherId, kAny };

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
  // A TX ring that was found empty is not looked at again before a kick.
  bool sleeps = false;
};

// Where a back-end does otherwise with messages than the model by itself.
struct MessageBehaviour {
  // Breaches of these (bit: Rule) are written down, and the message is carried
  // out all the same, as far as that can be.
  uint64_t tolerates = 0;
  // SET_FEATURES puts every ring back into the state before anybody spoke of
  // it.
  bool features_wipe_rings = false;
  // SET_FEATURES without MQ does so with the rings behind the first two.
  bool features_free_rings = false;
  // Features that were not offered take FEATURES_OK out of the status, and
  // keep it out until others are accepted.
  bool remembers_refused_features = false;
  // SET_STATUS with 0 stops no ring.
  bool status_zero_keeps_rings = false;
  // A table like the one before it is not looked at: new files at the old
  // addresses are not seen.
  bool ignores_same_table = false;
  // A ring index that cannot be ends the connection, ack or not.
  bool closes_for_ring_index = false;
  // A split ring starts at the used index in its memory, whatever was said.
  bool base_follows_used = false;
  // Nothing is served before the first two rings are started, enabled and have
  // their calls; a disabled ring is not read.
  bool serves_ready_rings_alone = false;
  // A ring without a call descriptor is served all the same.
  bool serves_without_call = false;
  // Answers come up to so many microseconds late, and messages are read up to
  // so many bytes at a time (0: as they come).
  uint32_t late_us = 0;
  uint32_t read_bytes = 0;
};

// What takes the place of a back-end whose session crashed.
struct Successor {
  uint64_t without_features = 0;  // Bits that it does not offer.
  uint64_t without_protocol_features = 0;
  uint32_t max_pairs = 0;             // 0: as many as before.
  std::string_view personality = {};  // A name that FindPersonality knows.
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
  MessageBehaviour messages = {};
  // Out of 1000 messages, how many end the session: before they have an
  // effect, after, or in place of the answer. The next Connect finds one of
  // the successors; none: the same back-end.
  uint32_t crash_per_mille = 0;
  std::vector<Successor> successors = {};
  // Breaks rules itself: what comes below applies.
  bool hostile = false;
  NumBuffersLie num_buffers_lie = NumBuffersLie::kNone;
  UsedLie used_lie = UsedLie::kNone;
  uint32_t used_lies_per_mille = 1000;  // Of used elements.
  uint32_t answer_lies_per_mille = 0;   // Of answers: any fault of theirs.
  // Applies to everybody.
  InflightLie inflight_lie = InflightLie::kNone;

  // All that the model has: 128 pairs, REPLY_ACK, STATUS, CONFIG, ...
  static Personality Conforming();
  // What DPDK's lib/vhost 22.11 offers and does; of its protocol features
  // those that the model has.
  static Personality LibVhost();
  // Before VERSION_1 and before protocol features: one pair, no ENABLE.
  static Personality Legacy();
};

// It has so many pairs at most, and says so.
void LimitPairs(Personality& personality, uint32_t max_pairs);
// What `before` leaves behind.
Personality SucceedBy(const Personality& before, const Successor& successor);

// Personalities by name: the three above ("conforming", "lib-vhost", "legacy")
// and those that PersonalityNames lists beside them (docs/simulator.md).
// Nothing: no such name.
std::optional<Personality> FindPersonality(std::string_view name);
std::span<const std::string_view> PersonalityNames();

}  // namespace backend_sim

#endif  // BACKEND_SIM_PERSONALITY_H_
