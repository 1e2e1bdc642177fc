// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/sent_frames.h"

#include <algorithm>
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
  frame.plain = packet.has_offload == 0;
}

void SentFrames::Withdraw(size_t count) {
  VU_CHECK(count <= end_ - first_);
  end_ -= count;
}

bool SentFrames::IsNext(const Frame& frame,
                        std::span<const std::byte> bytes) const {
  const auto header = bytes.first(header_bytes_);
  const auto payload = bytes.subspan(header_bytes_);
  if (frame.count != payload.size() ||
      std::memcmp(payload.data(), frame.bytes.data(), frame.count) != 0) {
    return false;
  }
  Expect(
      !frame.plain || std::ranges::all_of(
                          header, [](std::byte b) { return b == std::byte{}; }),
      "header", "it says what nobody asked for");
  return true;
}

void SentFrames::Read(std::span<const std::byte> bytes) {
  if (lost_) return;
  for (; first_ < end_; ++first_, ++skipped_) {
    if (IsNext(Store()[first_ % kMost], bytes)) {
      ++first_;
      Expect(skipped_ <= dropped_, "frames", "one was left out");
      return;
    }
  }
  Expect(false, "frames", "another than was sent");
}

void SentFrames::Forget() {
  first_ = end_;
  skipped_ = dropped_;
  lost_ = false;
}

}  // namespace fuzz
