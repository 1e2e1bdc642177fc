// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/vdpa_personality.h"

namespace backend_sim {
namespace {

inline constexpr uint64_t kBackendMsgV2 = Bit(1);
inline constexpr uint64_t kBackendBatch = Bit(2);
inline constexpr uint64_t kBackendAsid = Bit(3);

inline constexpr uint64_t kDataBits =
    Bit(0) /* CSUM */ | Bit(kBitGuestCsum) | Bit(kBitGuestTso4) |
    Bit(kBitGuestTso6) | Bit(11) /* HOST_TSO4 */ | Bit(12) /* HOST_TSO6 */ |
    Bit(kBitMrgRxbuf) | Bit(kBitIndirectDesc) | Bit(kBitEventIdx) |
    Bit(kBitVersion1) | Bit(33) /* ACCESS_PLATFORM */ | Bit(kBitRingPacked) |
    Bit(kBitInOrder);
inline constexpr uint64_t kControlBits =
    Bit(5) /* MAC */ | Bit(16) /* STATUS */ | Bit(kBitCtrlVq) |
    Bit(18) /* CTRL_RX */ | Bit(19) /* CTRL_VLAN */ |
    Bit(20) /* CTRL_RX_EXTRA */ | Bit(21) /* GUEST_ANNOUNCE */ | Bit(kBitMq) |
    Bit(23) /* CTRL_MAC_ADDR */ | Bit(2) /* CTRL_GUEST_OFFLOADS */ |
    Bit(kBitHashReport) | Bit(60) /* RSS */;

// "Device configuration layout", up to supported_hash_types.
std::vector<std::byte> NetConfig(uint32_t pairs) {
  std::vector<std::byte> config;
  const auto add = [&](uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) {
      config.push_back(static_cast<std::byte>((value >> (8 * i)) & 0xff));
    }
  };
  for (const unsigned octet : {0x02, 0x76, 0x64, 0x70, 0x61, 0x01}) {
    add(octet, 1);
  }
  add(1, 2);      // Status: link up.
  add(pairs, 2);  // max_virtqueue_pairs
  add(1500, 2);   // mtu
  add(25000, 4);  // speed
  add(1, 1);      // duplex
  add(40, 1);     // rss_max_key_size
  add(128, 2);    // rss_max_indirection_table_length
  add(0x1ff, 4);  // supported_hash_types
  return config;
}

}  // namespace

VdpaPersonality VdpaPersonality::Full() {
  VdpaPersonality personality;
  personality.features = kDataBits | kControlBits;
  personality.backend_features =
      kBackendMsgV2 | kBackendBatch | kBackendAsid | Bit(kBitBackendSuspend);
  personality.max_pairs = 4;
  personality.doorbells = true;
  personality.config = NetConfig(4);
  personality.address_spaces = 2;
  personality.control_group = 1;
  return personality;
}

VdpaPersonality VdpaPersonality::Vduse() {
  VdpaPersonality personality = Bare();
  personality.backend_features |= kBackendBatch;
  return personality;
}

VdpaPersonality VdpaPersonality::Bare() {
  VdpaPersonality personality;
  personality.features = kDataBits;
  personality.backend_features = kBackendMsgV2;
  personality.config = NetConfig(1);
  personality.sees_late_enable = false;
  personality.reset_forgets_config_call = true;
  return personality;
}

}  // namespace backend_sim
