// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/ring_host.h"

namespace backend_sim {

size_t RingHost::net_header_bytes() const {
  if (session().Has(kBitHashReport)) return 20;
  // Packed rings are no part of the legacy interface.
  const bool modern = session().Has(kBitVersion1) ||
                      session().Has(kBitMrgRxbuf) ||
                      session().Has(kBitRingPacked);
  return modern ? 12 : 10;
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
