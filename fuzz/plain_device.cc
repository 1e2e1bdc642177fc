// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/plain_device.h"

#include <optional>

#include "fuzz/finding.h"

namespace fuzz {

using virtio_user::DeviceBuffer;
using virtio_user::PopOutcome;
using virtio_user::RingPosition;
using virtio_user::SingleBuffer;

namespace {

// A packed ring comes round soon enough.
RingPosition Begin(const RingMemory& memory, uint8_t before) {
  if (memory.layout().format == virtio_user::RingFormat::kPacked) return {};
  return {.index = static_cast<uint16_t>(-before)};
}

}  // namespace

PlainDevice::PlainDevice(RingMemory& memory,
                         virtio_user::EventIndex event_index, uint8_t before)
    : memory_(memory),
      queue_(memory.layout(), {.next_avail = Begin(memory, before),
                               .next_used = Begin(memory, before),
                               .event_index = event_index}),
      driver_(memory.ring(), memory.buffers()),
      ring_(memory, event_index, Begin(memory, before)) {}

void PlainDevice::Notify(Reader& input) {
  const uint16_t num = memory_.layout().num;
  uint32_t taken = 0;
  std::optional<bool> wants_interrupt;
  ring_.Before();
  driver_.During(input, [&] {
    while (taken <= num && TakeOne()) ++taken;
    if (!queue_.broken()) wants_interrupt = queue_.DriverWantsInterrupt();
  });
  // A driver may give again what it has got back meanwhile.
  Expect(taken <= num || driver_.wrote(), "bounded", "more than a ring full");
  Expect(!broken_ || (taken == 0 && queue_.broken()), "broken-for-good",
         "it goes on");
  broken_ = queue_.broken().has_value();
  Expect(!broken_ || !queue_.broken()->text().empty(), "error", "no reason");
  const ServedCall call = {.chains = taken,
                           .broken = broken_,
                           .drained = !broken_ && taken <= num,
                           .wants_interrupt = wants_interrupt};
  if (driver_.wrote()) return ring_.AfterOthers(call);
  ring_.After(call, [](const SeenChain& chain, const SeenChain* /*with_word*/,
                       uint32_t bytes) {
    // TakeOne says one byte of a single writable buffer, and writes none.
    Expect(bytes == 0 || (bytes == 1 && chain.request_bytes == 0), "element",
           "another length than was said");
    return std::optional<WrittenAck>();
  });
}

bool PlainDevice::TakeOne() {
  const uint16_t num = memory_.layout().num;
  SingleBuffer one;
  const PopOutcome outcome = queue_.PopOne(one);
  if (outcome == PopOutcome::kOne) {
    Expect(one.token.id < num ||
               memory_.layout().format == virtio_user::RingFormat::kPacked,
           "token", "an id beyond the ring");
    queue_.Push(one.token, one.writable ? 1 : 0);
    return true;
  }
  if (outcome != PopOutcome::kChain) return false;
  const auto popped = queue_.Pop(
      [this](DeviceBuffer buffer) { return memory_.Resolve(buffer); }, chain_);
  if (!popped || !*popped) return false;
  Expect(chain_.token.descriptor_count >= 1 &&
             chain_.token.descriptor_count <= num,
         "token", "a count that no chain has");
  Expect(chain_.buffer_count() <= num, "bounded", "more buffers than a ring");
  queue_.Push(chain_.token, 0);
  return true;
}

}  // namespace fuzz
