// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/ring_host.h"

namespace backend_sim {

size_t RingHost::net_header_bytes() const {
  if (session().Has(kBitHashReport)) return 20;
  return session().Has(kBitVersion1) || session().Has(kBitMrgRxbuf) ? 12 : 10;
}

RingRules RingHost::ring_rules() const {
  return {.format = session().Has(kBitRingPacked)
                        ? virtio_user::RingFormat::kPacked
                        : virtio_user::RingFormat::kSplit,
          .event_index = session().Has(kBitEventIdx)
                             ? virtio_user::EventIndex::kOn
                             : virtio_user::EventIndex::kOff};
}

}  // namespace backend_sim
