// SPDX-License-Identifier: BSD-3-Clause

#ifndef FUZZ_CONTROL_DEVICE_H_
#define FUZZ_CONTROL_DEVICE_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "fuzz/control_effects.h"
#include "fuzz/control_oracle.h"
#include "fuzz/peer_writes.h"
#include "fuzz/reader.h"
#include "fuzz/ring_memory.h"
#include "fuzz/seen_chain.h"
#include "fuzz/served_ring.h"
#include "virtio_user/device/control_queue.h"

namespace fuzz {

// Production's control queue on a fuzzed ring, in a scene that the input has
// chosen, and what has to come of each notification.
class ControlDevice {
 public:
  // `memory` outlives it and is wiped.
  ControlDevice(RingMemory& memory, virtio_user::EventIndex event_index,
                const ControlScene& scene);

  // One notification of what the driver has written by now. The input says
  // whether it writes meanwhile; what is written, asked and answered otherwise
  // is held to the oracle. Reports what may not be.
  void Notify(Reader& input);

 private:
  virtio_user::Result<size_t> Serve(Reader& input);
  void Judge(const ServedCall& call);
  void CompareEffects();
  // Nothing: its element says that nothing was written. `with_word`: the chain
  // with what the driver wrote meanwhile, if it is another one.
  std::optional<WrittenAck> Answer(const SeenChain& chain,
                                   const SeenChain* with_word, uint32_t bytes);
  uint8_t AnswerTo(const SeenChain& chain, ControlEffects& effects) const;

  RingMemory& memory_;
  const ControlScene& scene_;
  virtio_user::ControlQueue queue_;
  PeerWrites driver_;
  ServedRing ring_;
  // As they came, and as they have to.
  ControlEffects effects_;
  ControlEffects wanted_;
  std::optional<ControlEffects> with_word_;  // Or so.
  std::optional<bool> wants_interrupt_;      // The driver, after the last call.
  bool broken_ = false;
};

}  // namespace fuzz

#endif  // FUZZ_CONTROL_DEVICE_H_
