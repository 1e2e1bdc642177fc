// SPDX-License-Identifier: BSD-3-Clause
//
// libFuzzer's hooks for inputs of control_queue_fuzz: what a driver writes is
// inserted, removed, repeated, exchanged and changed as wholes, new writes are
// descriptors and what makes them available, and cross-over joins the beginning
// of one driver to the end of another.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "fuzz/control_input.h"
#include "fuzz/peer_writes.h"
#include "fuzz/record_list.h"
#include "fuzz/ring_memory.h"
#include "virtio_user/spec/ring.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t most);

namespace {

using fuzz::ControlWrite;
using virtio_user::RingFormat;

using Bytes = std::span<std::byte>;

constexpr uint16_t kFlags[] = {
    0,
    virtio_user::kDescFlagNext,
    virtio_user::kDescFlagWrite,
    virtio_user::kDescFlagNext | virtio_user::kDescFlagWrite,
    virtio_user::kDescFlagIndirect,
    virtio_user::kDescFlagIndirect | virtio_user::kDescFlagNext,
    0xffff};
constexpr uint32_t kLengths[] = {0, 1, 2, 3, 4, 6, 8, 16, 32, 48, 0xffffffff};

// What new writes consist of, for as long as one mutation takes.
class Arena {
 public:
  // Zeros.
  Bytes Take(size_t count) {
    const auto taken = std::span(bytes_).subspan(used_, count);
    used_ += count;
    return taken;
  }
  Bytes Copy(std::span<const std::byte> bytes) {
    const auto copy = Take(bytes.size());
    std::ranges::copy(bytes, copy.begin());
    return copy;
  }

 private:
  std::array<std::byte, 2048> bytes_{};
  size_t used_ = 0;
};

void Put(Bytes bytes, size_t at, size_t count, uint64_t number) {
  for (size_t i = 0; i < count; ++i) {
    bytes[at + i] = static_cast<std::byte>(number >> (8 * i) & 0xff);
  }
}

class Mutator {
 public:
  Mutator(fuzz::Choices& choices, uint8_t how)
      : choices_(choices),
        memory_(fuzz::WipedControlMemory(how)),
        layout_(memory_.layout()) {}

  // A descriptor, of an indirect table too, an entry of the available ring, or
  // the available index.
  ControlWrite Fresh() {
    const size_t what = choices_.Below(split() ? 5 : 2);
    ControlWrite write{.quiet = choices_.Below(4) != 0};
    const size_t slot = choices_.Below(layout_.num);
    if (what < 3) {
      const size_t at =
          what == 0 ? memory_.ring().size() + TableBytes() : slot * kDescBytes;
      write.at = static_cast<uint16_t>(at);
      write.bytes = Descriptor();
      return write;
    }
    const auto driver = static_cast<size_t>(layout_.driver - layout_.desc);
    write.at = static_cast<uint16_t>(driver + (what == 3 ? 4 + 2 * slot : 2));
    const Bytes word = arena_.Take(2);
    Put(word, 0, 2, Slot());
    write.bytes = word;
    return write;
  }

  // A field of a descriptor, or some byte; and whether it is told of.
  void Change(ControlWrite& write) {
    if (choices_.Below(4) == 0) write.quiet = !write.quiet;
    if (choices_.Below(8) == 0) write.turn = Turn();
    if (write.bytes.empty()) return;
    const Bytes bytes = arena_.Copy(write.bytes);
    write.bytes = bytes;
    const size_t at = choices_.Below(bytes.size());
    if (bytes.size() % kDescBytes != 0 || choices_.Below(3) == 0) {
      bytes[at] = std::byte{choices_.Byte()};
      return;
    }
    const Bytes fresh = Descriptor();
    constexpr size_t kFields[] = {0, 8, 12, 14, kDescBytes};
    const size_t field = choices_.Below(4);
    std::ranges::copy(
        fresh.subspan(kFields[field], kFields[field + 1] - kFields[field]),
        bytes.subspan(at - at % kDescBytes + kFields[field]).begin());
  }

 private:
  static constexpr size_t kDescBytes = sizeof(virtio_user::VirtqDesc);
  static constexpr size_t kMostRequestBytes = 8192;

  bool split() const { return layout_.format == RingFormat::kSplit; }

  // Where a table begins among the buffers.
  size_t TableBytes() {
    return kDescBytes *
           choices_.Below(fuzz::RingMemory::kBufferBytes / kDescBytes);
  }

  // Mostly one that is there.
  size_t Slot() {
    return choices_.Below(8) == 0 ? choices_.Byte()
                                  : choices_.Below(layout_.num + 1u);
  }

  Bytes Descriptor() {
    const Bytes bytes = arena_.Take(kDescBytes);
    const auto flags = choices_.OneOf(kFlags);
    const size_t offset = (flags & virtio_user::kDescFlagIndirect) != 0
                              ? TableBytes()
                              : choices_.Below(fuzz::RingMemory::kBufferBytes);
    Put(bytes, 0, 8, fuzz::RingMemory::kBase + offset);
    Put(bytes, 8, 4, Length());
    const size_t slot = Slot();
    const bool wrap = choices_.Below(4) != 0;
    Put(bytes, 12, 2, split() ? flags : slot);
    Put(bytes, 14, 2,
        split() ? slot
                : flags | (wrap ? virtio_user::kPackedFlagAvail
                                : virtio_user::kPackedFlagUsed));
    return bytes;
  }

  uint32_t Length() {
    if (memory_.buffers().size() < kMostRequestBytes ||
        choices_.Below(4) != 0) {
      return choices_.OneOf(kLengths);
    }
    return static_cast<uint32_t>(kMostRequestBytes - 8 + choices_.Below(16));
  }

  Bytes Turn() {
    const Bytes turn = arena_.Take(fuzz::PeerWrites::kPlanBytes);
    for (std::byte& byte : turn) byte = std::byte{choices_.Byte()};
    // 0 would be no plan, and nothing would follow.
    turn[0] |= std::byte{1};
    return turn;
  }

  fuzz::Choices& choices_;
  fuzz::RingMemory& memory_;
  const virtio_user::RingLayout& layout_;
  Arena arena_;
};

}  // namespace

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size,
                                          size_t most, unsigned seed) {
  fuzz::Choices choices(seed);
  // What has no structure is found too.
  if (size == 0 || choices.Below(2) == 0) {
    return LLVMFuzzerMutate(data, size, most);
  }
  static std::vector<std::byte> source;
  const auto before = std::as_bytes(std::span(data, size));
  source.assign(before.begin(), before.end());
  fuzz::ControlInput input(source);
  if (choices.Below(16) == 0) input.how = choices.Byte();
  if (choices.Below(16) == 0) input.scene = choices.Byte();
  Mutator mutator(choices, input.how);
  const size_t times = 1 + choices.Below(4);
  for (size_t i = 0; i < times; ++i) {
    fuzz::MutateList(
        choices, input.writes, fuzz::kMostControlWrites,
        [&] { return mutator.Fresh(); },
        [&](ControlWrite& write) { mutator.Change(write); });
  }
  return input.Write(std::as_writable_bytes(std::span(data, most)));
}

extern "C" size_t LLVMFuzzerCustomCrossOver(const uint8_t* first,
                                            size_t first_size,
                                            const uint8_t* second,
                                            size_t second_size, uint8_t* out,
                                            size_t most, unsigned seed) {
  fuzz::Choices choices(seed);
  fuzz::ControlInput joined(std::as_bytes(std::span(first, first_size)));
  joined.writes = fuzz::Joined(
      choices, std::move(joined.writes),
      fuzz::ControlInput(std::as_bytes(std::span(second, second_size))).writes,
      fuzz::kMostControlWrites);
  return joined.Write(std::as_writable_bytes(std::span(out, most)));
}
