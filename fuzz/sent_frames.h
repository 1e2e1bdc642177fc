// SPDX-License-Identifier: BSD-3-Clause
//
// What was sent, to be found again at the other end.

#ifndef FUZZ_SENT_FRAMES_H_
#define FUZZ_SENT_FRAMES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "fuzz/sent_header.h"
#include "virtio_user/net/buffer_pool.h"
#include "virtio_user/spec/feature.h"

namespace fuzz {

// Frames in the order in which they were handed to a queue, which may have
// dropped some of them.
class SentFrames {
 public:
  SentFrames(virtio_user::FeatureSet accepted, uint32_t header_bytes)
      : accepted_(accepted), header_bytes_(header_bytes) {}

  // Before a queue gets it; copied.
  void Add(const virtio_user::BufferPool& pool,
           const virtio_user::Packet& packet);
  // The last `left` that were added have not been taken, and `taken` before
  // them were; the queue says that it has dropped so many, all in all. Reports
  // one that was dropped without a reason, or not dropped.
  void Taken(size_t taken, size_t left, uint64_t dropped);
  // How many a queue says that it has dropped, all in all.
  void Dropped(uint64_t count) { dropped_ = count; }
  // What a device reads: the next of them that was not dropped, behind the
  // header that its request for offloads has to lead to. Reports another one.
  void Read(std::span<const std::byte> bytes);
  // Nothing is out any more.
  void Forget();

 private:
  static constexpr size_t kMost = 64;
  static constexpr size_t kMostBytes = 1200;
  struct Frame {
    std::array<std::byte, kMostBytes> bytes;
    size_t count = 0;
    // Nothing: it must be dropped.
    std::optional<SentHeader> header;
    // In one buffer, with room for the header in front: it can be sent.
    bool simple = false;
  };
  static std::array<Frame, kMost>& Store();

  const virtio_user::FeatureSet accepted_;
  const uint32_t header_bytes_;
  // Counted since the beginning; at most kMost apart.
  uint64_t first_ = 0;
  uint64_t end_ = 0;
  uint64_t dropped_ = 0;
  uint64_t skipped_ = 0;
  bool lost_ = false;  // There were more than can be kept.
};

}  // namespace fuzz

#endif  // FUZZ_SENT_FRAMES_H_
