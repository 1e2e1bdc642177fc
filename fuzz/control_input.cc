// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/control_input.h"

#include <algorithm>

#include "fuzz/peer_writes.h"
#include "fuzz/reader.h"

namespace fuzz {
namespace {

constexpr uint16_t kQuiet = 0x8000;

std::vector<std::byte> TurnOf(Reader& input) {
  const auto how = std::byte{input.Byte()};
  std::vector<std::byte> turn = {how};
  if (how == std::byte{0}) return turn;
  const auto rest = input.Take(PeerWrites::kPlanBytes - 1);
  turn.insert(turn.end(), rest.begin(), rest.end());
  return turn;
}

}  // namespace

RingMemory& WipedControlMemory(uint8_t how) {
  return WipedMemory((how & 1) != 0 ? virtio_user::RingFormat::kPacked
                                    : virtio_user::RingFormat::kSplit,
                     how >> 4);
}

ControlInput::ControlInput(std::span<const std::byte> bytes) {
  Reader input(bytes);
  how = input.Byte();
  while (!input.empty() && writes.size() < kMostControlWrites) {
    const uint16_t place = input.Word();
    const auto chunk = input.Chunk();
    ControlWrite& write = writes.emplace_back();
    write.at = place & (kQuiet - 1);
    write.quiet = (place & kQuiet) != 0;
    write.bytes.assign(chunk.begin(), chunk.end());
    if (!write.quiet) write.turn = TurnOf(input);
  }
}

size_t ControlInput::Write(std::span<std::byte> out) const {
  std::vector<std::byte> bytes;
  Append(bytes, how, 1);
  size_t complete = std::min(bytes.size(), out.size());
  for (const ControlWrite& write : writes) {
    Append(bytes, write.at | (write.quiet ? kQuiet : 0), 2);
    Append(bytes, write.bytes.size(), 1);
    bytes.insert(bytes.end(), write.bytes.begin(), write.bytes.end());
    if (!write.quiet) {
      bytes.insert(bytes.end(), write.turn.begin(), write.turn.end());
    }
    if (bytes.size() > out.size()) break;
    complete = bytes.size();
  }
  std::copy_n(bytes.begin(), complete, out.begin());
  return complete;
}

}  // namespace fuzz
