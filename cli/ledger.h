// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_LEDGER_H_
#define CLI_LEDGER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace virtio_user::cli {

// What went out on one pair and what came back.
struct PairCounts {
  uint64_t sent = 0;
  uint64_t sent_bytes = 0;
  uint64_t received = 0;  // In echo traffic: as they had been sent.
  uint64_t received_bytes = 0;

  friend bool operator==(const PairCounts&, const PairCounts&) = default;
};

// Where frames come back.
enum class Routing : uint8_t {
  kOwnPair,  // On the pair that sent them, and no others come.
  kAnyPair,  // Where the network likes, and so do frames of its own.
};

// Where a run's frames come from, and the account of every one of them: finds
// what is wrong with those that come back, and which do not.
class Ledger {
 public:
  virtual ~Ledger() = default;

  // Of any frame that Write writes.
  virtual size_t max_frame_bytes() const = 0;
  // Writes the frame that goes out on `pair` once `ahead` others have, from
  // the front of `out`; its size. Requires: there are so many left to send,
  // and out.size() >= max_frame_bytes().
  virtual size_t Write(uint16_t pair, uint64_t ahead,
                       std::span<std::byte> out) const = 0;
  // The next frame of `pair` has been handed to the back-end.
  virtual void Sent(uint16_t pair) = 0;

  // Whether this frame is the network's own, and nobody's business.
  virtual bool IsStranger(std::span<const std::byte> bytes) const = 0;
  // Checks every byte of a frame that came on `pair` of an echoing back-end.
  // What is wrong with it, or nothing.
  virtual std::optional<std::string> Echoed(
      uint16_t pair, std::span<const std::byte> bytes) = 0;
  // A frame of unknown contents came on `pair`.
  virtual void Received(uint16_t pair, size_t bytes) = 0;

  // Sent on `pair`, and not seen again anywhere.
  virtual uint64_t Missing(uint16_t pair) const = 0;
  // The missing ones of `pair` in words, naming up to four of them. Where none
  // ever came back, `advice` follows.
  virtual std::string DescribeMissing(uint16_t pair,
                                      std::string_view advice) const = 0;
  // Gives up on what is missing on `pair`: it is not waited for any more, and
  // may come all the same.
  virtual void WriteOff(uint16_t pair) = 0;

  virtual uint16_t pairs() const = 0;
  virtual const PairCounts& counts(uint16_t pair) const = 0;
};

}  // namespace virtio_user::cli

#endif  // CLI_LEDGER_H_
