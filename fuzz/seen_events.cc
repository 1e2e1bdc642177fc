// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/seen_events.h"

#include <cstdint>
#include <cstring>

#include "fuzz/reader.h"

namespace fuzz {
namespace {

using virtio_user::EventIndex;
using virtio_user::RingFormat;
using virtio_user::RingPosition;

constexpr uint16_t kWrap = 0x8000;

// RING_EVENT_FLAGS_*; 3 is reserved.
constexpr uint16_t kDisable = 1;
constexpr uint16_t kDesc = 2;

// How far `to` is behind `from`, in a packed ring of `num`, of which two rounds
// can be told apart.
size_t Distance(uint16_t num, RingPosition from, RingPosition to) {
  const size_t round = from.wrap == to.wrap ? 0 : num;
  return (size_t{2} * num + round + to.index - from.index) % (size_t{2} * num);
}

bool PackedWantsInterrupt(const RingImage& image, EventIndex event_index,
                          const Given& given) {
  const auto offset = ValueAt<uint16_t>(image.driver, 0);
  const auto flags = ValueAt<uint16_t>(image.driver, 2) & 3;
  if (flags != kDesc || event_index == EventIndex::kOff) {
    return flags != kDisable;
  }
  const RingPosition event = {static_cast<uint16_t>(offset & ~kWrap),
                              (offset & kWrap) != 0};
  if (event.index >= image.num) return true;
  return Distance(image.num, given.from, event) <
         Distance(image.num, given.from, given.to);
}

}  // namespace

bool WantsInterrupt(const RingImage& image, EventIndex event_index,
                    const Given& given) {
  if (image.format == RingFormat::kPacked) {
    return PackedWantsInterrupt(image, event_index, given);
  }
  if (event_index == EventIndex::kOff) {
    return (ValueAt<uint16_t>(image.driver, 0) & 1) == 0;
  }
  // flags, idx and the entries come before used_event.
  const auto event = ValueAt<uint16_t>(image.driver, 4 + 2 * size_t{image.num});
  return static_cast<uint16_t>(event - given.from.index) <
         static_cast<uint16_t>(given.to.index - given.from.index);
}

void AskForKick(const RingImage& image, RingPosition next,
                std::span<std::byte> device) {
  const auto put = [&](size_t at, uint16_t word) {
    std::memcpy(device.data() + at, &word, sizeof(word));
  };
  if (image.format == RingFormat::kPacked) {
    put(0, static_cast<uint16_t>(next.index | (next.wrap ? kWrap : 0)));
    put(2, kDesc);
  } else {
    // flags, idx and the elements come before avail_event.
    put(4 + 8 * size_t{image.num}, next.index);
  }
}

}  // namespace fuzz
