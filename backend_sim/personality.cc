// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/personality.h"

namespace backend_sim {
namespace {

inline constexpr uint32_t kManyPairs = 128;

// Network device bits and common bits that the engine can live with: no
// packed ring, no event index, nothing that it would have to compute.
inline constexpr uint64_t kNetBits =
    Bit(0) /* CSUM */ | Bit(kBitGuestCsum) | Bit(3) /* MTU */ |
    Bit(kBitGuestTso4) | Bit(kBitGuestTso6) | Bit(11) /* HOST_TSO4 */ |
    Bit(12) /* HOST_TSO6 */ | Bit(kBitMrgRxbuf) | Bit(kBitCtrlVq) |
    Bit(18) /* CTRL_RX */ | Bit(kBitMq);
inline constexpr uint64_t kCommonBits = Bit(27) /* ANY_LAYOUT */ |
                                        Bit(28) /* INDIRECT_DESC */ |
                                        Bit(35) /* IN_ORDER */;

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
      Bit(kProtocolMq) | Bit(kProtocolReplyAck) | Bit(kProtocolMtu) |
      Bit(kProtocolBackendReq) | Bit(kProtocolConfig) |
      Bit(kProtocolResetDevice) | Bit(kProtocolMemSlots) | Bit(kProtocolStatus);
  personality.max_pairs = kManyPairs;
  personality.queue_num = kManyPairs;
  personality.config = NetConfig(kManyPairs);
  return personality;
}

Personality Personality::LibVhost() {
  Personality personality = Conforming();
  personality.name = "lib/vhost";
  personality.features = kNetBits | kCommonBits | Bit(13) /* HOST_ECN */ |
                         Bit(9) /* GUEST_ECN */ | Bit(21) /* GUEST_ANNOUNCE */ |
                         Bit(kBitLogAll) | Bit(kBitProtocolFeatures) |
                         Bit(kBitVersion1);
  personality.protocol_features = Bit(kProtocolMq) | Bit(kProtocolReplyAck) |
                                  Bit(kProtocolMtu) | Bit(kProtocolBackendReq) |
                                  Bit(kProtocolStatus);
  personality.config.clear();
  return personality;
}

Personality Personality::Legacy() {
  Personality personality;
  personality.name = "legacy";
  personality.features = Bit(0) | Bit(kBitGuestCsum) | Bit(28);
  return personality;
}

}  // namespace backend_sim
