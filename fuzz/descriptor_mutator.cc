// SPDX-License-Identifier: BSD-3-Clause
//
// libFuzzer's hooks for inputs of control_queue_fuzz: what a driver writes is
// inserted, removed, repeated, exchanged and changed as wholes, new writes are
// descriptors and what makes them available, and cross-over joins the beginning
// of one driver to the end of another.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "fuzz/control_input.h"
#include "fuzz/peer_writes.h"
#include "fuzz/reader.h"
#include "fuzz/record_list.h"
#include "fuzz/ring_memory.h"
#include "virtio_user/spec/ring.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t most);

namespace {

using fuzz::ControlWrite;
using virtio_user::RingFormat;

using Bytes = std::vector<std::byte>;

constexpr uint16_t kFlags[] = {
    0,
    virtio_user::kDescFlagNext,
    virtio_user::kDescFlagWrite,
    virtio_user::kDescFlagNext | virtio_user::kDescFlagWrite,
    virtio_user::kDescFlagIndirect,
    virtio_user::kDescFlagIndirect | virtio_user::kDescFlagNext,
    0xffff};
constexpr uint32_t kLengths[] = {0, 1, 2, 3, 4, 6, 8, 16, 32, 48, 0xffffffff};

class Mutator {
 public:
  Mutator(fuzz::Choices& choices, uint8_t how)
      : choices_(choices), layout_(fuzz::WipedControlMemory(how).layout()) {}

  // A descriptor, an entry of the available ring, or the available index.
  ControlWrite Fresh() {
    const bool split = layout_.format == RingFormat::kSplit;
    const size_t what = choices_.Below(split ? 4 : 1);
    ControlWrite write{.quiet = choices_.Below(2) == 0};
    const size_t slot = choices_.Below(layout_.num);
    if (what < 2) {
      write.at = static_cast<uint16_t>(slot * sizeof(virtio_user::VirtqDesc));
      write.bytes = Descriptor(split);
      return write;
    }
    const auto driver = static_cast<size_t>(layout_.driver - layout_.desc);
    const size_t at = driver + (what == 2 ? 4 + 2 * slot : 2);
    write.at = static_cast<uint16_t>(at);
    fuzz::Append(write.bytes, choices_.Below(layout_.num + 2u), 2);
    return write;
  }

  // A field of a descriptor, or some byte; and whether it is told of.
  void Change(ControlWrite& write) {
    if (choices_.Below(4) == 0) write.quiet = !write.quiet;
    if (choices_.Below(8) == 0) write.turn = Turn();
    if (write.bytes.empty()) return;
    const size_t at = choices_.Below(write.bytes.size());
    if (write.bytes.size() % sizeof(virtio_user::VirtqDesc) != 0 ||
        choices_.Below(3) == 0) {
      write.bytes[at] = std::byte{choices_.Byte()};
      return;
    }
    const size_t descriptor = at - at % sizeof(virtio_user::VirtqDesc);
    const Bytes fresh = Descriptor(layout_.format == RingFormat::kSplit);
    constexpr size_t kFields[] = {0, 8, 12, 14, 16};
    const size_t field = choices_.Below(4);
    std::copy(fresh.begin() + static_cast<std::ptrdiff_t>(kFields[field]),
              fresh.begin() + static_cast<std::ptrdiff_t>(kFields[field + 1]),
              write.bytes.begin() +
                  static_cast<std::ptrdiff_t>(descriptor + kFields[field]));
  }

 private:
  Bytes Descriptor(bool split) {
    Bytes bytes;
    const auto flags = choices_.OneOf(kFlags);
    fuzz::Append(bytes, fuzz::RingMemory::kBase + choices_.Below(512), 8);
    fuzz::Append(bytes, choices_.OneOf(kLengths), 4);
    const size_t slot = choices_.Below(layout_.num + 1u);
    if (split) {
      fuzz::Append(bytes, flags, 2);
      fuzz::Append(bytes, slot, 2);
      return bytes;
    }
    const bool wrap = choices_.Below(4) != 0;
    fuzz::Append(bytes, slot, 2);
    fuzz::Append(bytes,
                 flags | (wrap ? virtio_user::kPackedFlagAvail
                               : virtio_user::kPackedFlagUsed),
                 2);
    return bytes;
  }

  Bytes Turn() {
    Bytes turn;
    const uint8_t how = choices_.Byte();
    turn.push_back(std::byte{how});
    if (how == 0) return turn;
    for (size_t i = 1; i < fuzz::PeerWrites::kPlanBytes; ++i) {
      turn.push_back(std::byte{choices_.Byte()});
    }
    return turn;
  }

  fuzz::Choices& choices_;
  const virtio_user::RingLayout& layout_;
};

}  // namespace

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size,
                                          size_t most, unsigned seed) {
  fuzz::Choices choices(seed);
  // What has no structure is found too.
  if (size == 0 || choices.Below(2) == 0) {
    return LLVMFuzzerMutate(data, size, most);
  }
  fuzz::ControlInput input(std::as_bytes(std::span(data, size)));
  if (choices.Below(16) == 0) input.how = choices.Byte();
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
