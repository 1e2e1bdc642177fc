// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/seeds.h"

#include <array>

namespace fuzz {

std::span<const SeededTarget> SeededTargets() {
  static constexpr std::array<SeededTarget, 10> kTargets{{
      {"control_queue_fuzz", &ControlQueueSeeds},
      {"feature_mask_fuzz", &FeatureMaskSeeds},
      {"kernel_reply_fuzz", &KernelReplySeeds},
      {"options_fuzz", &OptionsSeeds},
      {"pcap_fuzz", &PcapSeeds},
      {"rx_ring_fuzz", &RxRingSeeds},
      {"start_stop_fuzz", &StartStopSeeds},
      {"tx_ring_fuzz", &TxRingSeeds},
      {"vhost_user_reply_fuzz", &VhostUserReplySeeds},
      {"vhost_user_server_fuzz", &VhostUserServerSeeds},
  }};
  return kTargets;
}

Bytes BytesOfText(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

}  // namespace fuzz
