// SPDX-License-Identifier: BSD-3-Clause
//
// What kind of back-end the model is, as data.

#ifndef BACKEND_SIM_PERSONALITY_H_
#define BACKEND_SIM_PERSONALITY_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace backend_sim {

// Bit numbers of the feature word that the model itself looks at.
inline constexpr unsigned kBitGuestCsum = 1;
inline constexpr unsigned kBitGuestTso4 = 7;
inline constexpr unsigned kBitGuestTso6 = 8;
inline constexpr unsigned kBitMrgRxbuf = 15;
inline constexpr unsigned kBitCtrlVq = 17;
inline constexpr unsigned kBitMq = 22;
inline constexpr unsigned kBitLogAll = 26;
inline constexpr unsigned kBitProtocolFeatures = 30;
inline constexpr unsigned kBitVersion1 = 32;

// Bit numbers of the protocol feature word that the model serves.
inline constexpr unsigned kProtocolMq = 0;
inline constexpr unsigned kProtocolReplyAck = 3;
inline constexpr unsigned kProtocolMtu = 4;
inline constexpr unsigned kProtocolBackendReq = 5;
inline constexpr unsigned kProtocolConfig = 9;
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

struct Personality {
  std::string name;
  uint64_t features = 0;           // Offered.
  uint64_t protocol_features = 0;  // Offered if bit 30 is.
  uint32_t max_pairs = 1;          // Rings: twice as many.
  uint64_t queue_num = 1;          // What GET_QUEUE_NUM says.
  uint32_t max_regions = 8;
  std::vector<std::byte> config;  // Device configuration space.
  bool accepts_features_ok = true;
  // Ring states: a ring starts when its kick can be read; otherwise, as pollers
  // do, when SET_VRING_KICK comes.
  bool starts_at_first_kick = false;
  Strictness strictness = Strictness::kRefuse;
  TrafficMode traffic = TrafficMode::kEcho;

  // All that the model has: 128 pairs, REPLY_ACK, STATUS, CONFIG, ...
  static Personality Conforming();
  // What DPDK's lib/vhost offers, as far as the model has it.
  static Personality LibVhost();
  // Before VERSION_1 and before protocol features: one pair, no ENABLE.
  static Personality Legacy();
};

}  // namespace backend_sim

#endif  // BACKEND_SIM_PERSONALITY_H_
