// SPDX-License-Identifier: BSD-3-Clause

#ifndef BACKEND_SIM_RING_HOST_H_
#define BACKEND_SIM_RING_HOST_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "backend_sim/backend_memory.h"
#include "backend_sim/personality.h"
#include "backend_sim/ring_model.h"
#include "backend_sim/violation.h"

namespace backend_sim {

// What was negotiated in this session.
struct SessionState {
  bool has_owner = false;
  bool features_asked = false;
  bool features_set = false;  // Since the last reset.
  bool features_refused = false;
  uint64_t features = 0;
  uint64_t protocol_features = 0;
  uint8_t status = 0;
  uint64_t mtu = 0;
  uint64_t rarps = 0;      // SEND_RARP came so often,
  uint64_t rarp_word = 0;  // and last with this.
  uint64_t resets = 0;     // RESET_DEVICE.

  bool Has(unsigned bit) const { return HasBit(features, bit); }
  bool HasProtocol(unsigned bit) const {
    return HasBit(protocol_features, bit);
  }
};

// Whoever has rings that packets go through, whatever brought them there.
class RingHost {
 public:
  virtual ~RingHost() = default;

  virtual const Personality& personality() const = 0;
  virtual const SessionState& session() const = 0;
  virtual const BackendMemory& memory() const = 0;
  virtual std::span<RingModel> rings() = 0;
  // Whether this ring may be served now. A started ring that is disabled is
  // served without effect.
  virtual bool Serving(const RingModel& ring) const = 0;
  // A rule that was broken in a ring.
  virtual void Report(Breach breach) = 0;

  // 20 with HASH_REPORT; 12; 10 where none of VERSION_1, MRG_RXBUF and
  // RING_PACKED was accepted.
  size_t net_header_bytes() const;
  // Of every ring that starts now.
  RingRules ring_rules() const;
};

}  // namespace backend_sim

#endif  // BACKEND_SIM_RING_HOST_H_
