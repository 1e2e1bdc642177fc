// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/sent_frames.h"

#include <cstring>

#include "fuzz/finding.h"
#include "virtio_user/base/check.h"

namespace fuzz {

std::array<SentFrames::Frame, SentFrames::kMost>& SentFrames::Store() {
  // One input at a time: none has to be made anew.
  static std::array<Frame, kMost> store;
  return store;
}

void SentFrames::Add(const virtio_user::BufferPool& pool,
                     const virtio_user::Packet& packet) {
  if (end_ - first_ == kMost) {
    ++first_;
    lost_ = true;
  }
  Frame& frame = Store()[end_++ % kMost];
  frame.count = pool.CopyOut(packet, frame.bytes);
  frame.header = HeaderToSend(pool.offload(packet), packet.bytes, accepted_);
  frame.simple = packet.buffer_count == 1 && packet.offset >= header_bytes_;
}

void SentFrames::Taken(size_t taken, size_t left, uint64_t dropped) {
  VU_CHECK(taken + left <= end_ - first_);
  end_ -= left;
  uint64_t must = 0;
  uint64_t may = 0;
  for (uint64_t i = end_ - taken; i != end_; ++i) {
    const Frame& frame = Store()[i % kMost];
    if (!frame.header) ++must;
    if (frame.header && !frame.simple) ++may;
  }
  Expect(dropped - dropped_ >= must, "dropped",
         "not each one that asks for what cannot be");
  Expect(dropped - dropped_ <= must + may, "dropped", "one that can be sent");
  dropped_ = dropped;
}

void SentFrames::Read(std::span<const std::byte> bytes) {
  if (lost_) return;
  const auto header = bytes.first(header_bytes_);
  const auto payload = bytes.subspan(header_bytes_);
  bool seen = false;
  for (; first_ < end_; ++first_, ++skipped_) {
    const Frame& frame = Store()[first_ % kMost];
    if (frame.count != payload.size() ||
        std::memcmp(payload.data(), frame.bytes.data(), frame.count) != 0) {
      continue;
    }
    seen = true;
    if (!frame.header ||
        std::memcmp(header.data(), frame.header->data(), header_bytes_) != 0) {
      continue;
    }
    ++first_;
    Expect(skipped_ <= dropped_, "frames", "one was left out");
    return;
  }
  Expect(!seen, "header", "it says what nobody asked for");
  Expect(false, "frames", "another than was sent");
}

void SentFrames::Forget() {
  first_ = end_;
  skipped_ = dropped_;
  lost_ = false;
}

}  // namespace fuzz
