// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/explore/negotiation_subject.h"

namespace backend_sim {

virtio_user::NegotiationInputs InputsOf(
    const feature_oracle::Options& options) {
  return {.mac_known = options.mac,
          .mtu_known = options.mtu,
          .control_queue = options.cq,
          .mrg_rxbuf = options.mrg_rxbuf,
          .in_order = options.in_order,
          .packed = options.packed,
          .link_state = options.link_state,
          .multiqueue = options.multiqueue,
          .guest_offloads = options.guest_offloads,
          .own_control_queue = options.own_control_queue,
          .config_events = options.config_events};
}

}  // namespace backend_sim
