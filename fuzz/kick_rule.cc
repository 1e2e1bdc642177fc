// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/kick_rule.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "fuzz/finding.h"
#include "virtio_user/base/check.h"

namespace fuzz {
namespace {

uint16_t WordAt(const std::byte* at) {
  uint16_t word = 0;
  std::memcpy(&word, at, sizeof(word));
  return word;
}

}  // namespace

// Split: the available index. Packed: the flags of all descriptors.
void KickRule::Look(Marks& marks) const {
  constexpr size_t kDescriptorBytes = 16;
  constexpr size_t kFlags = 14;
  constexpr size_t kIndex = 2;
  const auto& layout = memory_.layout;
  if (!packed()) {
    marks[0] = WordAt(layout.driver + kIndex);
    return;
  }
  for (size_t i = 0; i < layout.num; ++i) {
    marks[i] = WordAt(layout.desc + i * kDescriptorBytes + kFlags);
  }
}

bool KickRule::DeviceAsksForQuiet() const {
  // Split: VIRTQ_USED_F_NO_NOTIFY, the first word's lowest bit. Packed: the
  // second word's two lowest bits are RING_EVENT_FLAGS_DISABLE. _DESC has no
  // meaning here, and 3 has none at all: no wish for quiet.
  constexpr unsigned kNoNotify = 1;
  constexpr unsigned kFlags = 3;
  constexpr unsigned kDisable = 1;
  const std::byte* const device = memory_.layout.device;
  return packed() ? (WordAt(device + 2) & kFlags) == kDisable
                  : (WordAt(device) & kNoNotify) != 0;
}

void KickRule::Before() {
  VU_CHECK(memory_.layout.num <= kMostDescriptors);
  Look(before_);
  kicks_before_ = kicks_.signals;
}

void KickRule::After(bool known) const {
  Marks now{};
  Look(now);
  const int kicks = kicks_.signals - kicks_before_;
  const size_t count = packed() ? memory_.layout.num : 1;
  if (std::memcmp(now.data(), before_.data(), count * sizeof(now[0])) != 0) {
    const int must = DeviceAsksForQuiet() ? 0 : 1;
    Expect(kicks >= must, "kick", "none, and the device waits for it");
    Expect(kicks <= must, "kick",
           must == 0 ? "the device asked for quiet" : "more than one");
    return;
  }
  // Whoever wrote may have written what the driver has written once more.
  Expect(kicks == 0 || !known, "kick",
         "nothing is there that was not there before");
}

}  // namespace fuzz
