// SPDX-License-Identifier: BSD-3-Clause
//
// What was sent, to be found again at the other end.

#ifndef FUZZ_SENT_FRAMES_H_
#define FUZZ_SENT_FRAMES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "virtio_user/net/buffer_pool.h"

namespace fuzz {

// Frames in the order in which they were handed to a queue, which may have
// dropped some of them.
class SentFrames {
 public:
  explicit SentFrames(uint32_t header_bytes) : header_bytes_(header_bytes) {}

  // Before a queue gets it; copied.
  void Add(const virtio_user::BufferPool& pool,
           const virtio_user::Packet& packet);
  // The last `count` that were added have not been taken.
  void Withdraw(size_t count);
  // How many a queue says that it has dropped, all in all.
  void Dropped(uint64_t count) { dropped_ = count; }
  // What a device reads: the next of them that was not dropped, behind a header
  // that says nothing if nothing was to be said. Reports another one.
  void Read(std::span<const std::byte> bytes);
  // Nothing is out any more.
  void Forget();

 private:
  static constexpr size_t kMost = 64;
  static constexpr size_t kMostBytes = 1200;
  struct Frame {
    std::array<std::byte, kMostBytes> bytes;
    size_t count = 0;
    bool plain = false;
  };
  bool IsNext(const Frame& frame, std::span<const std::byte> bytes) const;

  static std::array<Frame, kMost>& Store();

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
