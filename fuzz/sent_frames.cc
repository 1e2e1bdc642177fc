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
  const auto header =
      HeaderToSend(pool.offload(packet), packet.bytes, accepted_);
  VU_CHECK(header.has_value());
  if (end_ - first_ == kMost) {
    ++first_;
    lost_ = true;
  }
  Frame& frame = Store()[end_++ % kMost];
  frame.count = pool.CopyOut(packet, frame.bytes);
  frame.header = *header;
}

void SentFrames::Read(std::span<const std::byte> bytes) {
  if (lost_) return;
  Expect(first_ != end_, "frames", "one that nobody sent");
  const auto header = bytes.first(header_bytes_);
  const auto payload = bytes.subspan(header_bytes_);
  const Frame& frame = Store()[first_++ % kMost];
  Expect(frame.count == payload.size() &&
             std::memcmp(payload.data(), frame.bytes.data(), frame.count) == 0,
         "frames", "another than was sent");
  Expect(std::memcmp(header.data(), frame.header.data(), header_bytes_) == 0,
         "header", "it says what nobody asked for");
}

void SentFrames::Forget() {
  first_ = end_;
  lost_ = false;
}

}  // namespace fuzz
