// SPDX-License-Identifier: BSD-3-Clause
//
// Which frames are on their way, and what is wrong with one that comes.

#ifndef BACKEND_SIM_SIMULATION_PACKET_BOOK_H_
#define BACKEND_SIM_SIMULATION_PACKET_BOOK_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace backend_sim {

// Of one pair whose back-end echoes: what comes is what was sent, whole, in
// order, once. Frames carry their number.
class PacketBook {
 public:
  // The bytes of the next frame that is sent on `pair`; it counts as sent once
  // Sent() says so.
  std::vector<std::byte> Next(uint16_t pair, size_t bytes) const {
    return Frame(pair, 0, bytes);
  }
  // Likewise the one that is `ahead` frames behind it.
  std::vector<std::byte> Frame(uint16_t pair, uint64_t ahead,
                               size_t bytes) const;
  void Sent(uint64_t count = 1) { next_ += count; }

  // What is wrong with a frame that came; nothing: all is well.
  std::optional<std::string> Came(uint16_t pair,
                                  std::span<const std::byte> frame);

  // A session has ended: what was on its way is lost, or may come again from
  // notes that the back-end left.
  void SessionEnded(bool may_repeat) {
    repeats_ |= may_repeat;
    first_ = next_;
  }

  uint64_t sent_count() const { return next_; }
  uint64_t come_count() const { return come_; }
  // Numbers of this session's frames begin here.
  uint64_t first_of_session() const { return first_; }

 private:
  uint64_t next_ = 0;    // Number of the next frame.
  uint64_t first_ = 0;   // Of this session.
  uint64_t expect_ = 0;  // None below it comes any more.
  uint64_t come_ = 0;
  bool repeats_ = false;  // Order and once do not hold after a crash.
};

}  // namespace backend_sim

#endif  // BACKEND_SIM_SIMULATION_PACKET_BOOK_H_
