// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/received_frames.h"

#include <algorithm>
#include <cstring>

#include "fuzz/finding.h"
#include "fuzz/reader.h"
#include "fuzz/sent_header.h"
#include "virtio_user/base/check.h"

namespace fuzz {

using virtio_user::BufferPool;
using virtio_user::Feature;
using virtio_user::Packet;

struct ReceivedFrames::Found {
  std::array<ChainsInFlight::Used, kMost> used;
  size_t count = 0;
  size_t next = 0;

  // False: there is none any more.
  bool Next(ChainsInFlight& chains, ChainsInFlight::Used& one) {
    if (next == count) return chains.Take({&one, 1}) == 1;
    one = used[next++];
    return true;
  }
};

std::array<std::byte, ReceivedFrames::kMostBytes>& ReceivedFrames::Buffers() {
  static std::array<std::byte, kMostBytes> buffers;
  return buffers;
}

void ReceivedFrames::Foresee(ChainsInFlight& chains, size_t most) {
  VU_CHECK(most <= kMost && memory_.buffers.size() <= kMostBytes);
  count_ = part_count_ = 0;
  bytes_ = dropped_ = 0;
  while (count_ < most) {
    Found found;
    found.count = chains.Take(std::span(found.used).first(most - count_));
    if (found.count == 0) return;
    // What the driver may write into is looked at before.
    if (part_count_ == 0) {
      std::memcpy(Buffers().data(), memory_.buffers.data(),
                  memory_.buffers.size());
    }
    while (found.next != found.count) {
      Frame frame;
      if (MakeFrame(chains, found, frame)) {
        bytes_ += frame.bytes;
        frames_[count_++] = frame;
      } else {
        ++dropped_;
      }
    }
  }
}

void ReceivedFrames::AddPart(const ChainsInFlight::Used& used, uint32_t skip,
                             Frame& frame) {
  VU_CHECK(part_count_ < parts_.size() && used.bytes >= skip);
  const size_t at = used.chain.addr - memory_.buffers_addr;
  parts_[part_count_++] = {.at = at + skip, .bytes = used.bytes - skip};
  ++frame.part_count;
  frame.bytes += used.bytes - skip;
}

bool ReceivedFrames::MakeFrame(ChainsInFlight& chains, Found& found,
                               Frame& frame) {
  ChainsInFlight::Used used;
  VU_CHECK(found.Next(chains, used));
  if (used.bytes <= terms_.header_bytes) return false;
  const size_t at = used.chain.addr - memory_.buffers_addr;
  const auto header =
      std::span(Buffers()).subspan(at).first(terms_.header_bytes);
  const uint16_t buffers = terms_.accepted.Has(Feature::kNetMrgRxbuf)
                               ? ValueAt<uint16_t>(header, 10)
                               : uint16_t{1};
  if (buffers == 0) return false;
  frame.buffer = static_cast<uint32_t>(at / terms_.buffer_bytes);
  frame.first_part = part_count_;
  AddPart(used, terms_.header_bytes, frame);
  for (size_t i = 1; i < buffers; ++i) {
    if (!found.Next(chains, used)) {
      chains.Break();
      return false;
    }
    AddPart(used, 0, frame);
  }
  const auto offload = OffloadOf(header, frame.bytes, terms_.accepted);
  if (offload) frame.offload = *offload;
  return offload.has_value();
}

void ReceivedFrames::Check(const BufferPool& pool,
                           std::span<const Packet> packets) const {
  Expect(packets.size() <= count_, "frames", "more than the device has given");
  Expect(packets.size() == count_, "frames", "one that came is kept back");
  static std::array<std::byte, kMostBytes> frame;
  for (size_t i = 0; i < packets.size(); ++i) {
    const Packet& packet = packets[i];
    const Frame& must = frames_[i];
    Expect(packet.bytes == must.bytes, "frames", "of another length");
    Expect(
        packet.buffer == must.buffer && packet.buffer_count == must.part_count,
        "frames", "in other buffers");
    Expect(pool.offload(packet) == must.offload, "header",
           "another than the device wrote");
    VU_CHECK(pool.CopyOut(packet, frame) == must.bytes);
    size_t at = 0;
    for (size_t k = 0; k < must.part_count; ++k) {
      const Part& part = parts_[must.first_part + k];
      Expect(std::memcmp(frame.data() + at, Buffers().data() + part.at,
                         part.bytes) == 0,
             "frames", "another than the device wrote");
      at += part.bytes;
    }
  }
}

}  // namespace fuzz
