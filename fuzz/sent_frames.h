// SPDX-License-Identifier: BSD-3-Clause
//
// What was sent, to be found again at the other end.

#ifndef FUZZ_SENT_FRAMES_H_
#define FUZZ_SENT_FRAMES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "fuzz/sent_header.h"
#include "virtio_user/net/buffer_pool.h"
#include "virtio_user/spec/feature.h"

namespace fuzz {

// Frames in the order in which a queue has to send them.
class SentFrames {
 public:
  SentFrames(virtio_user::FeatureSet accepted, uint32_t header_bytes)
      : accepted_(accepted), header_bytes_(header_bytes) {}

  // Before a queue gets it; copied. Requires: it can be sent.
  void Add(const virtio_user::BufferPool& pool,
           const virtio_user::Packet& packet);
  // What a device reads: the next of them, behind the header that its request
  // for offloads has to lead to. Reports another one.
  void Read(std::span<const std::byte> bytes);
  // Nothing is out any more.
  void Forget();

 private:
  // More than a ring has chains; nothing is out that nobody has read.
  static constexpr size_t kMost = 64;
  static constexpr size_t kMostBytes = 1200;
  struct Frame {
    std::array<std::byte, kMostBytes> bytes;
    size_t count = 0;
    SentHeader header{};
  };
  static std::array<Frame, kMost>& Store();

  const virtio_user::FeatureSet accepted_;
  const uint32_t header_bytes_;
  // Counted since the beginning; at most kMost apart.
  uint64_t first_ = 0;
  uint64_t end_ = 0;
  bool lost_ = false;  // There were more than can be kept.
};

}  // namespace fuzz

#endif  // FUZZ_SENT_FRAMES_H_
