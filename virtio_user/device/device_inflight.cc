// SPDX-License-Identifier: BSD-3-Clause
//
// Device: rings that go on where a lost back-end stood.

#include <atomic>
#include <utility>
#include <vector>

#include "virtio_user/device/device.h"
#include "virtio_user/ring/shared_memory.h"
#include "virtio_user/spec/ring.h"

namespace virtio_user {

Result<RingsAfter> Device::ReattachKeepingRings() {
  return ReattachAs(RingsAfter::kKept);
}

// Whether every ring goes on at its used index, as the last back-end left it:
// what the notes say is in flight lies between there and what was published.
// An index that cannot be right, in one ring, makes all of them start afresh,
// since the notes are for all of them.
bool Device::KeepRings() {
  if (!inflight_ || !backend_->caps().inflight ||
      FormatLocked() != RingFormat::kSplit) {
    return false;
  }
  const Result<uint16_t> pairs = ConfiguredPairs();
  if (!pairs || 2 * *pairs != inflight_->shape.num_queues) return false;
  std::vector<uint16_t> used;
  for (const VringState& vring : std::span(vrings_).first(2 * size_t{*pairs})) {
    const RingLayout& layout = vring.ring.layout;
    // Pairs with the last back-end's release store. Read once: it may lie.
    used.push_back(SharedWord<uint16_t>(layout.device + kUsedIdxOffset)
                       .load(std::memory_order_acquire));
    const auto left =
        static_cast<uint16_t>(vring.ring.published.index - used.back());
    if (left > layout.num) return false;
  }
  for (size_t i = 0; i < used.size(); ++i) {
    vrings_[i].base = {.avail = used[i], .used = used[i]};
  }
  rings_kept_ = true;
  return true;
}

// The driver begins anew.
void Device::ForgetInflight() {
  inflight_.reset();
  if (!std::exchange(rings_kept_, false)) return;
  for (VringState& vring : vrings_) vring.ring.layout = {};
}

// A back-end that does not start on kept rings leaves them where nobody knows:
// the next one begins afresh, and the driver queues take their buffers back.
void Device::EndKeptRings(const Error& reason) {
  if (!rings_kept_) return;
  inflight_.reset();
  EnterNeedsReset(reason);
}

}  // namespace virtio_user
