// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/control_input.h"

#include <algorithm>

#include "fuzz/peer_writes.h"
#include "fuzz/reader.h"

namespace fuzz {
namespace {

// Takes what PeerWrites will take; what an input's end cuts off is no plan.
std::span<const std::byte> TurnOf(Reader& input) {
  const auto first = input.Take(1);
  if (first.empty() || first[0] == std::byte{0}) return first;
  const auto rest = input.Take(PeerWrites::kPlanBytes - 1);
  if (rest.size() < PeerWrites::kPlanBytes - 1) return {};
  return {first.data(), PeerWrites::kPlanBytes};
}

size_t BytesOf(const ControlWrite& write) {
  const size_t turn = write.quiet ? 0 : std::max<size_t>(write.turn.size(), 1);
  return 3 + write.bytes.size() + turn;
}

}  // namespace

RingMemory& WipedControlMemory(uint8_t how) {
  return WipedMemory((how & 1) != 0 ? virtio_user::RingFormat::kPacked
                                    : virtio_user::RingFormat::kSplit,
                     how >> 4,
                     (how & 12) == 8 ? BufferSize::kLong : BufferSize::kShort);
}

ControlInput::ControlInput(std::span<const std::byte> bytes) {
  Reader input(bytes);
  how = input.Byte();
  scene = input.Byte();
  writes.reserve(kMostControlWrites);
  while (!input.empty() && writes.size() < kMostControlWrites) {
    const uint16_t place = input.Word();
    ControlWrite& write = writes.emplace_back();
    write.at = place & (kQuiet - 1);
    write.quiet = (place & kQuiet) != 0;
    write.bytes = input.Chunk();
    if (!write.quiet) write.turn = TurnOf(input);
  }
  last_turn = TurnOf(input);
}

size_t ControlInput::Write(std::span<std::byte> out) const {
  constexpr size_t kHeadBytes = 2;
  if (out.size() < kHeadBytes) return 0;
  size_t size = 0;
  const auto put = [&](size_t byte) { out[size++] = std::byte(byte & 0xff); };
  const auto put_all = [&](std::span<const std::byte> bytes) {
    std::ranges::copy(bytes, out.begin() + static_cast<std::ptrdiff_t>(size));
    size += bytes.size();
  };
  put(how);
  put(scene);
  for (const ControlWrite& write : writes) {
    if (out.size() - size < BytesOf(write)) break;
    put(write.at);
    put(write.at >> 8 | (write.quiet ? kQuiet >> 8 : 0));
    put(write.bytes.size());
    put_all(write.bytes);
    if (write.quiet) continue;
    write.turn.empty() ? put(0) : put_all(write.turn);
  }
  if (writes.size() == kMostControlWrites &&
      out.size() - size >= last_turn.size()) {
    put_all(last_turn);
  }
  return size;
}

}  // namespace fuzz
