// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/personality.h"

#include <algorithm>
#include <array>

#include "backend_sim/violation.h"

namespace backend_sim {
namespace {

inline constexpr uint32_t kManyPairs = 128;

// Network device bits and common bits that the engine can live with: nothing
// that it would have to compute.
inline constexpr uint64_t kNetBits =
    Bit(0) /* CSUM */ | Bit(kBitGuestCsum) | Bit(kBitMtu) | Bit(kBitGuestTso4) |
    Bit(kBitGuestTso6) | Bit(11) /* HOST_TSO4 */ | Bit(12) /* HOST_TSO6 */ |
    Bit(kBitMrgRxbuf) | Bit(kBitCtrlVq) | Bit(18) /* CTRL_RX */ | Bit(kBitMq);
inline constexpr uint64_t kCommonBits =
    Bit(27) /* ANY_LAYOUT */ | Bit(kBitIndirectDesc) | Bit(kBitEventIdx) |
    Bit(kBitRingPacked) | Bit(kBitInOrder);

constexpr uint64_t Rules(std::initializer_list<Rule> rules) {
  static_assert(kRules <= 64);
  uint64_t bits = 0;
  for (const Rule rule : rules) bits |= Bit(static_cast<unsigned>(rule));
  return bits;
}

// What lib/vhost does not look at: header flags, the order of status bits and
// of messages, where a ring begins and whether it can be reached.
inline constexpr uint64_t kLibVhostTolerates = Rules(
    {Rule::kHeaderVersion, Rule::kHeaderFlags, Rule::kGate,
     Rule::kNeedReplyGate, Rule::kOwnerTwice, Rule::kOwnerMissing,
     Rule::kFeaturesUnasked, Rule::kFeaturesAfterOk, Rule::kStatusBackwards,
     Rule::kFeaturesOkTooEarly, Rule::kDriverOkTooEarly, Rule::kRingWithoutMq,
     Rule::kRingBase, Rule::kAddrOutside, Rule::kAddrReservedFlags,
     Rule::kKickTooEarly, Rule::kKickIncomplete, Rule::kEnableValue,
     Rule::kEnableWithoutCall});

// mac, status, max_virtqueue_pairs, mtu ("Device configuration layout").
std::vector<std::byte> NetConfig(uint32_t pairs) {
  std::vector<std::byte> config;
  const auto add = [&](unsigned value) {
    config.push_back(static_cast<std::byte>(value & 0xff));
  };
  for (const unsigned octet : {0x02, 0x76, 0x75, 0x73, 0x65, 0x72}) add(octet);
  add(1);  // Link up.
  add(0);
  add(pairs);
  add(pairs >> 8);
  add(1500);
  add(1500 >> 8);
  return config;
}

}  // namespace

Personality Personality::Conforming() {
  Personality personality;
  personality.name = "conforming";
  personality.features = kNetBits | kCommonBits | Bit(5) /* MAC */ |
                         Bit(16) /* STATUS */ | Bit(kBitProtocolFeatures) |
                         Bit(kBitVersion1);
  personality.protocol_features =
      Bit(kProtocolMq) | Bit(kProtocolRarp) | Bit(kProtocolReplyAck) |
      Bit(kProtocolMtu) | Bit(kProtocolBackendReq) | Bit(kProtocolConfig) |
      Bit(kProtocolResetDevice) | Bit(kProtocolMemSlots) | Bit(kProtocolStatus);
  personality.max_pairs = kManyPairs;
  personality.queue_num = kManyPairs;
  personality.max_slots = 509;
  personality.config = NetConfig(kManyPairs);
  return personality;
}

Personality Personality::LibVhost() {
  Personality personality = Conforming();
  personality.name = "lib-vhost";
  personality.features = kNetBits | kCommonBits | Bit(6) /* GSO */ |
                         Bit(9) /* GUEST_ECN */ | Bit(10) /* GUEST_UFO */ |
                         Bit(13) /* HOST_ECN */ | Bit(14) /* HOST_UFO */ |
                         Bit(21) /* GUEST_ANNOUNCE */ | Bit(kBitLogAll) |
                         Bit(kBitProtocolFeatures) | Bit(kBitVersion1);
  personality.protocol_features =
      Bit(kProtocolMq) | Bit(kProtocolRarp) | Bit(kProtocolReplyAck) |
      Bit(kProtocolMtu) | Bit(kProtocolBackendReq) | Bit(kProtocolStatus);
  personality.config.clear();
  personality.has_short_base = true;
  personality.messages = {.tolerates = kLibVhostTolerates,
                          .features_free_rings = true,
                          .remembers_refused_features = true,
                          .status_zero_keeps_rings = true,
                          .ignores_same_table = true,
                          .closes_for_ring_index = true,
                          .base_follows_used = true,
                          .serves_ready_rings_alone = true};
  return personality;
}

Personality Personality::Legacy() {
  Personality personality;
  personality.name = "legacy";
  personality.features = Bit(0) | Bit(kBitGuestCsum) | Bit(kBitIndirectDesc);
  return personality;
}

namespace {

// A conforming one that behaves in a way of its own.
Personality Behaving(RingBehaviour behaviour) {
  Personality personality = Personality::Conforming();
  personality.rings = behaviour;
  return personality;
}

Personality OutOfOrder() {
  Personality personality = Behaving({.order = CompletionOrder::kShuffled});
  personality.features &= ~Bit(kBitInOrder);
  return personality;
}
Personality InOrderBatch() {
  return Behaving({.in_order_batches = true, .flush_frames = 8});
}
Personality DelayedFlush() { return Behaving({.flush_frames = 7}); }
Personality ManyBuffers() { return Behaving({.spread = FrameSpread::kMost}); }
Personality SmallPieces() { return Behaving({.piece_bytes = 64}); }

// Whose notes are needed most: it gives chains back in any order.
Personality Inflight() {
  Personality personality = OutOfOrder();
  personality.protocol_features |= Bit(kProtocolInflight);
  return personality;
}

Personality HostileNumBuffers() {
  Personality personality = Personality::Conforming();
  personality.hostile = true;
  personality.num_buffers_lie = NumBuffersLie::kAny;
  return personality;
}

// VPP's vhost as it was in 2016: SET_FEATURES begins everything anew. Pairs
// and protocol features are fewer, and a ring needs no call.
Personality VppLike() {
  Personality personality = Personality::Conforming();
  personality.features = Bit(kBitMrgRxbuf) | Bit(kBitCtrlVq) |
                         Bit(21) /* GUEST_ANNOUNCE */ | Bit(kBitMq) |
                         Bit(27) /* ANY_LAYOUT */ | Bit(kBitIndirectDesc) |
                         Bit(kBitProtocolFeatures) | Bit(kBitVersion1);
  personality.protocol_features = Bit(kProtocolMq);
  personality.max_pairs = 8;
  personality.queue_num = 8;
  personality.config.clear();
  personality.messages = {.features_wipe_rings = true,
                          .serves_without_call = true};
  return personality;
}

// The model refuses every breach already. This one ends the session over it,
// and takes for a breach what strict_checks lists.
Personality Strict() {
  Personality personality = Personality::Conforming();
  personality.strictness = Strictness::kClose;
  return personality;
}

// 2000 answers one after the other stay below the budget of a call.
Personality Slow() {
  Personality personality = Personality::Conforming();
  personality.messages = {.late_us = 900, .read_bytes = 7};
  return personality;
}

Personality CrashProne() {
  Personality personality = Personality::Conforming();
  personality.crash_per_mille = 10;
  personality.successors = {
      {},
      {.without_features =
           Bit(kBitMrgRxbuf) | Bit(kBitRingPacked) | Bit(kBitEventIdx)},
      {.without_protocol_features = Bit(kProtocolReplyAck) |
                                    Bit(kProtocolStatus) |
                                    Bit(kProtocolMemSlots)},
      {.max_pairs = 1},
      {.personality = "lib-vhost"},
      {.personality = "out-of-order"}};
  return personality;
}

Personality Hostile() {
  Personality personality = Personality::Conforming();
  personality.hostile = true;
  personality.num_buffers_lie = NumBuffersLie::kAny;
  personality.used_lie = UsedLie::kAny;
  personality.used_lies_per_mille = 100;
  personality.answer_lies_per_mille = 20;
  return personality;
}

struct Named {
  std::string_view name;
  Personality (*make)();
};

constexpr std::array kNamed = {
    Named{"conforming", &Personality::Conforming},
    Named{"lib-vhost", &Personality::LibVhost},
    Named{"legacy", &Personality::Legacy},
    Named{"out-of-order", &OutOfOrder},
    Named{"in-order-batch", &InOrderBatch},
    Named{"delayed-flush", &DelayedFlush},
    Named{"many-buffers", &ManyBuffers},
    Named{"small-pieces", &SmallPieces},
    Named{"inflight", &Inflight},
    Named{"hostile-num-buffers", &HostileNumBuffers},
    Named{"vpp-like", &VppLike},
    Named{"strict", &Strict},
    Named{"slow", &Slow},
    Named{"crash-prone", &CrashProne},
    Named{"hostile", &Hostile},
};

constexpr auto kNames = [] {
  std::array<std::string_view, kNamed.size()> names;
  std::ranges::transform(kNamed, names.begin(), &Named::name);
  return names;
}();

}  // namespace

std::optional<Personality> FindPersonality(std::string_view name) {
  const auto found = std::ranges::find(kNamed, name, &Named::name);
  if (found == kNamed.end()) return std::nullopt;
  Personality personality = found->make();
  personality.name = name;
  return personality;
}

void LimitPairs(Personality& personality, uint32_t max_pairs) {
  personality.max_pairs = std::min(personality.max_pairs, max_pairs);
  personality.queue_num =
      std::min<uint64_t>(personality.queue_num, personality.max_pairs);
  if (!personality.config.empty()) {
    personality.config = NetConfig(personality.max_pairs);
  }
}

Personality SucceedBy(const Personality& before, const Successor& successor) {
  Personality after = FindPersonality(successor.personality).value_or(before);
  after.features &= ~successor.without_features;
  after.protocol_features &= ~successor.without_protocol_features;
  if (successor.max_pairs != 0) LimitPairs(after, successor.max_pairs);
  after.crash_per_mille = before.crash_per_mille;
  after.successors = before.successors;
  return after;
}

std::span<const std::string_view> PersonalityNames() { return kNames; }

}  // namespace backend_sim
