// SPDX-License-Identifier: BSD-3-Clause

#ifndef FUZZ_KICK_RULE_H_
#define FUZZ_KICK_RULE_H_

#include <array>
#include <cstdint>

#include "fuzz/offer_rules.h"
#include "tests/counting_fd_ops.h"

namespace fuzz {

// Whether a driver kicks as often as it must (virtio 1.4, "Available Buffer
// Notification Suppression", "Driver and Device Event Suppression"; EVENT_IDX
// is not accepted): once in a call that makes something available to a device
// that does not ask for quiet, and else not at all.
class KickRule {
 public:
  // `kicks` outlives it.
  KickRule(const SharedRing& memory, const virtio_user::CountingFdOps& kicks)
      : memory_(memory), kicks_(kicks) {}

  void Before();
  // After a call in which nobody but the driver wrote. `known`: nor did anybody
  // before it write where it marks what is available.
  void After(bool known) const;
  // Since the beginning, whatever they led to.
  int kicks() const { return kicks_.signals; }
  bool refused() const { return kicks_.refuse; }

 private:
  static constexpr size_t kMostDescriptors = 32;
  // What a driver writes with each chain that it makes available.
  using Marks = std::array<uint16_t, kMostDescriptors>;

  bool packed() const {
    return memory_.layout.format == virtio_user::RingFormat::kPacked;
  }
  void Look(Marks& marks) const;
  bool DeviceAsksForQuiet() const;

  SharedRing memory_;
  const virtio_user::CountingFdOps& kicks_;
  Marks before_{};
  int kicks_before_ = 0;
};

}  // namespace fuzz

#endif  // FUZZ_KICK_RULE_H_
