// SPDX-License-Identifier: BSD-3-Clause
//
// Whatever a driver writes into the control ring and its buffers, split or
// packed, before each notification: a chain is carried out at most once and
// answered by one byte, nothing else is written, and a ring that breaks the
// rules is broken for good.

#include <algorithm>
#include <vector>

#include "fuzz/control_device.h"
#include "fuzz/finding.h"
#include "fuzz/ring_memory.h"

namespace {

using fuzz::Expect;
using std::byte;

size_t Differences(std::span<const byte> a, std::span<const byte> b) {
  size_t count = 0;
  for (size_t i = 0; i < a.size(); ++i) count += a[i] != b[i];
  return count;
}

// One notification of what the driver has written by now.
void Notify(fuzz::ControlDevice& device, fuzz::RingMemory& memory) {
  const auto buffers_now = memory.buffers();
  const std::vector<byte> before(buffers_now.begin(), buffers_now.end());
  const auto areas = device.DriverAreas();
  const std::vector<byte> driver(areas.begin(), areas.end());
  const bool was_broken = device.broken();
  const auto served = device.Serve();

  Expect(device.calls() <= memory.layout().num, "bounded",
         "more commands than chains");
  Expect(device.pairs() >= 1 && device.pairs() <= fuzz::ControlDevice::kPairs,
         "pairs", "a count that the device does not have");
  Expect(std::ranges::equal(areas, driver), "driver-memory",
         "written where the driver alone writes");
  // An ack may have been there before.
  Expect(Differences(before, buffers_now) <= device.most_acks(), "one-ack",
         "more bytes were written than chains were answered");
  Expect(!was_broken || !served, "broken-for-good", "it goes on");
  if (!served) {
    Expect(!served.error().text().empty(), "error", "no reason");
    return;
  }
  Expect(*served <= memory.layout().num, "bounded", "more than a ring full");
  Expect(device.UsedIndexIsRight().value_or(true), "one-used-element",
         "served and given back differ");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Reader input(std::as_bytes(std::span(data, size)));
  const uint8_t how = input.Byte();
  fuzz::RingMemory& memory =
      fuzz::WipedMemory((how & 1) != 0 ? virtio_user::RingFormat::kPacked
                                       : virtio_user::RingFormat::kSplit,
                        how >> 4);
  fuzz::ControlDevice device(memory, (how & 2) != 0
                                         ? virtio_user::EventIndex::kOn
                                         : virtio_user::EventIndex::kOff);
  constexpr int kMostWrites = 32;
  for (int i = 0; i < kMostWrites && !input.empty(); ++i) {
    const uint16_t place = input.Word();
    memory.Write(place & 0x7fff, input.Chunk());
    if ((place & 0x8000) == 0) Notify(device, memory);
  }
  Notify(device, memory);
  return 0;
}
