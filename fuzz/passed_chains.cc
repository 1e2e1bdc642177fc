// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/passed_chains.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <span>
#include <vector>

#include "fuzz/finding.h"
#include "fuzz/reader.h"
#include "virtio_user/base/check.h"
#include "virtio_user/spec/ring.h"

namespace fuzz {

using virtio_user::Packet;
using virtio_user::VirtqDesc;
using virtio_user::VirtqUsedElem;

namespace {

constexpr size_t kBurst = 8;

template <typename T>
void Set(std::byte* at, T value) {
  std::memcpy(at, &value, sizeof(value));
}

uint16_t UsedIndex(const PassedRing& ring) {
  return ValueAt<uint16_t>(ring.memory.layout.device + 2);
}

// So many until index 0.
uint16_t Left(const PassedRing& ring) {
  return static_cast<uint16_t>(0 - UsedIndex(ring));
}

// Uses at most `most` of what is available; how many.
size_t UseInTurn(const PassedRing& ring, size_t most) {
  const auto& layout = ring.memory.layout;
  const auto available = ValueAt<uint16_t>(layout.driver + 2);
  uint16_t used = UsedIndex(ring);
  size_t count = 0;
  for (; count < most && used != available; ++count, ++used) {
    const size_t place = used % layout.num;
    const auto id = ValueAt<uint16_t>(layout.driver + 4 + 2 * place);
    uint32_t bytes = 0;
    if (ring.kind.device_writes) {
      const auto desc =
          ValueAt<VirtqDesc>(layout.desc + id * sizeof(VirtqDesc));
      const auto memory = ring.memory.From(desc.addr);
      bytes = ring.kind.header_bytes + 1;
      VU_CHECK(memory.size() >= bytes);
      std::ranges::fill(memory.first(bytes), std::byte{0});
      // num_buffers, or the first byte of a frame.
      memory[10] = std::byte{1};
    }
    Set(layout.device + 4 + 8 * place, VirtqUsedElem{.id = id, .len = bytes});
  }
  Set(layout.device + 2, used);
  return count;
}

}  // namespace

void PassChains(const PassedRing& ring, virtio_user::RxQueue& queue,
                uint16_t left) {
  std::array<Packet, kBurst> packets;
  ring.vring.ring.gate.Open();
  Expect(queue.Receive(packets) == 0, "passed", "a packet that nobody sent");
  while (Left(ring) != left) {
    const auto more = static_cast<uint16_t>(Left(ring) - left);
    const size_t used = UseInTurn(ring, std::min<size_t>(more, kBurst));
    Expect(used != 0, "passed", "a ring that is not filled up");
    Expect(queue.Receive(packets) == used, "passed",
           "not each frame is received");
    for (const Packet& packet : std::span(packets).first(used)) {
      ring.pool.Free(packet);
    }
  }
  // So that the ring has all the buffers it can have.
  Expect(queue.Receive(packets) == 0, "passed", "a packet that nobody sent");
  ring.vring.ring.gate.Close();
}

void PassChains(const PassedRing& ring, virtio_user::TxQueue& queue,
                uint16_t left) {
  constexpr std::array<std::byte, 60> kFrame{};
  // With a descriptor for each header there may be room for half as many.
  const size_t most =
      std::min<size_t>(kBurst, std::max(1, ring.memory.layout.num / 2));
  ring.vring.ring.gate.Open();
  while (Left(ring) != left) {
    const auto more = static_cast<uint16_t>(Left(ring) - left);
    std::array<Packet, kBurst> packets;
    const auto burst = std::span(packets).first(std::min<size_t>(more, most));
    for (Packet& packet : burst) packet = ring.pool.Make(kFrame).value();
    Expect(queue.Send(burst) == burst.size(), "passed",
           "not each packet is sent");
    Expect(UseInTurn(ring, burst.size()) == burst.size(), "passed",
           "not each packet is there");
    Expect(queue.Complete(burst.size()) == burst.size(), "passed",
           "not each packet comes back");
  }
  ring.vring.ring.gate.Close();
}

}  // namespace fuzz
