// SPDX-License-Identifier: BSD-3-Clause
//
// Whatever a driver writes into the control ring and its buffers, split or
// packed, before each notification: a chain is carried out at most once and
// answered by one byte, nothing else is written, and a ring that breaks the
// rules is broken for good. The same of a device queue by itself.

#include <span>

#include "fuzz/control_device.h"
#include "fuzz/control_input.h"
#include "fuzz/finding.h"
#include "fuzz/plain_device.h"
#include "fuzz/ring_memory.h"
#include "fuzz/snapshot.h"

namespace {

using fuzz::Expect;

// One notification of what the driver has written by now.
void Notify(fuzz::Reader& input, fuzz::ControlDevice& device,
            fuzz::RingMemory& memory) {
  const fuzz::Snapshot<1024> areas(device.DriverAreas());
  const fuzz::Snapshot<fuzz::RingMemory::kBufferBytes> buffers(
      memory.buffers());
  const bool was_broken = device.broken();
  const auto served = device.Serve(input);

  Expect(device.calls() <= memory.layout().num, "bounded",
         "more commands than chains");
  Expect(device.pairs() >= 1 && device.pairs() <= fuzz::ControlDevice::kPairs,
         "pairs", "a count that the device does not have");
  if (!device.driver_wrote()) {
    Expect(areas.Differences() == 0, "driver-memory",
           "written where the driver alone writes");
    // An ack may have been there before.
    Expect(buffers.Differences() <= device.most_acks(), "one-ack",
           "more bytes were written than chains were answered");
  }
  Expect(!was_broken || !served, "broken-for-good", "it goes on");
  if (!served) {
    return Expect(!served.error().text().empty(), "error", "no reason");
  }
  Expect(*served <= memory.layout().num, "bounded", "more than a ring full");
  Expect(device.driver_wrote() || device.UsedIndexIsRight().value_or(true),
         "one-used-element", "served and given back differ");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Reader input(std::as_bytes(std::span(data, size)));
  const uint8_t how = input.Byte();
  fuzz::RingMemory& memory = fuzz::WipedControlMemory(how);
  const auto event_index = (how & 2) != 0 ? virtio_user::EventIndex::kOn
                                          : virtio_user::EventIndex::kOff;
  fuzz::ControlDevice control(memory, event_index);
  fuzz::PlainDevice plain(memory, event_index);
  const auto notify = [&] {
    (how & 4) != 0 ? plain.Serve(input) : Notify(input, control, memory);
  };
  for (size_t i = 0; i < fuzz::kMostControlWrites && !input.empty(); ++i) {
    const uint16_t place = input.Word();
    memory.Write(place & (fuzz::kQuiet - 1), input.Chunk());
    if ((place & fuzz::kQuiet) == 0) notify();
  }
  notify();
  return 0;
}
