// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_PACKET_PATTERN_H_
#define CLI_PACKET_PATTERN_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "cli/frame_sizes.h"
#include "virtio_user/base/mac_address.h"

namespace virtio_user::cli {

// Which packet of a run: the `sequence`-th that was sent on `pair`.
struct PacketId {
  uint16_t pair = 0;
  uint64_t sequence = 0;

  friend bool operator==(const PacketId&, const PacketId&) = default;
};

// The packets of one run. Size and every byte of a packet follow from the
// seed and its id, so nothing needs to be remembered to check it:
//
//   0  destination, source (6 bytes each), EtherType 0x88b5 (IEEE 802: for
//      local experiments)
//  14  tag of the run (8), pair (2), size (2), sequence (8), little-endian
//  34  pseudo-random bytes
//
// A value; immutable.
class PacketPattern {
 public:
  PacketPattern(uint64_t seed, const MacAddress& source,
                const FrameSizes& sizes = {});

  const FrameSizes& sizes() const { return sizes_; }
  // In the range of sizes(), all of them about equally often.
  size_t SizeOf(PacketId id) const;
  // Writes the packet to the front of `out`; its size. Requires:
  // out.size() >= SizeOf(id).
  size_t Write(PacketId id, std::span<std::byte> out) const;

  // Which packet `bytes` says that it is; nothing if it is none of this run.
  std::optional<PacketId> Identify(std::span<const std::byte> bytes) const;
  // Where `bytes` first differs from packet `id`; nothing if it is the same.
  // Bytes that only one of the two has differ.
  std::optional<size_t> FirstDifference(PacketId id,
                                        std::span<const std::byte> bytes) const;
  // Byte `index` of packet `id`. Requires: index < SizeOf(id).
  std::byte ByteAt(PacketId id, size_t index) const;

 private:
  // What precedes the pseudo-random bytes, of which word `index` follows from
  // the key.
  static constexpr size_t kHeadBytes = 34;
  using Head = std::array<std::byte, kHeadBytes>;

  uint64_t KeyOf(PacketId id) const;
  Head HeadOf(PacketId id) const;

  FrameSizes sizes_;
  uint64_t seed_;
  uint64_t tag_;
  MacAddress source_;
};

}  // namespace virtio_user::cli

#endif  // CLI_PACKET_PATTERN_H_
