// SPDX-License-Identifier: BSD-3-Clause
//
// Whatever a driver writes into the control ring and its buffers, split or
// packed, before and during each notification: as many chains are served as it
// offers, each once; what a request is answered, sets and tells others is what
// an oracle has; a request that changes meanwhile is the one or the other; the
// answer is one byte in its place, and nothing else is written; a ring is
// broken where it breaks the rules, nowhere else, and for good; interrupts and
// kicks are wanted as the spec has it. While the ring itself changes, the work
// is bounded and no more. A device queue by itself gives back what it is
// offered, and writes nothing else, past the end of its indices, too.

#include <span>

#include "fuzz/control_device.h"
#include "fuzz/control_input.h"
#include "fuzz/control_oracle.h"
#include "fuzz/plain_device.h"
#include "fuzz/ring_memory.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Reader input(std::as_bytes(std::span(data, size)));
  const uint8_t how = input.Byte();
  const uint8_t what = input.Byte();
  fuzz::RingMemory& memory = fuzz::WipedControlMemory(how);
  const auto event_index = (how & 2) != 0 ? virtio_user::EventIndex::kOn
                                          : virtio_user::EventIndex::kOff;
  const auto play = [&](auto device) {
    for (size_t i = 0; i < fuzz::kMostControlWrites && !input.empty(); ++i) {
      const uint16_t place = input.Word();
      memory.Write(place & (fuzz::kQuiet - 1), input.Chunk());
      if ((place & fuzz::kQuiet) == 0) device.Notify(input);
    }
    device.Notify(input);
  };
  if ((how & 4) != 0) {
    play(fuzz::PlainDevice(memory, event_index, what % 32));
  } else {
    const fuzz::ControlScene scene(what);
    play(fuzz::ControlDevice(memory, event_index, scene));
  }
  return 0;
}
