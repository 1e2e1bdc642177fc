// SPDX-License-Identifier: BSD-3-Clause
//
// The simulated vDPA device's doorbells: a page for each queue, of which a
// store of the queue's index is a kick.

#include <atomic>
#include <cstring>
#include <string>

#include "backend_sim/vdpa_device.h"

namespace backend_sim {
namespace {

inline constexpr size_t kPageBytes = 4096;
inline constexpr uint16_t kSilent = 0xffff;  // What no store was.

}  // namespace

std::shared_ptr<SimFile> VdpaDevice::DoorbellAt(uint16_t index) {
  if (!personality_.doorbells || index >= personality_.queue_count()) {
    return nullptr;
  }
  if (index >= doorbells_.size()) doorbells_.resize(size_t{index} + 1);
  std::shared_ptr<SimFile>& page = doorbells_[index];
  if (page == nullptr) {
    page = SimFile::Memory(kPageBytes, tables_.mappings);
    if (page == nullptr) return nullptr;
    std::memcpy(page->memory().data(), &kSilent, sizeof(kSilent));
  }
  return page;
}

// A register keeps no count: stores between two looks are one kick.
void VdpaDevice::HearDoorbells() {
  for (uint32_t i = 0; i < doorbells_.size(); ++i) {
    if (doorbells_[i] == nullptr) continue;
    auto* const at =
        reinterpret_cast<uint16_t*>(doorbells_[i]->memory().data());
    const uint16_t said =
        std::atomic_ref(*at).exchange(kSilent, std::memory_order_acq_rel);
    if (said == kSilent) continue;
    ++rung_;
    RingModel& ring = RingAt(i);
    if (said != i) {
      model_.Report({Rule::kRingContents, "doorbell " + std::to_string(i) +
                                              " was told queue " +
                                              std::to_string(said)});
    } else if (ring.kick().valid()) {
      (void)ring.kick().Signal();
    }
  }
}

}  // namespace backend_sim
