// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_CAPTURE_H_
#define CLI_CAPTURE_H_

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <expected>
#include <span>
#include <string>
#include <vector>

namespace virtio_user::cli {

// The packets of a capture file, in memory: pcap or pcapng, Ethernet. A value;
// immutable once read.
class Capture {
 public:
  // In words, with the packet's number where there is one (they count from 1,
  // as everybody does): a file that cannot be read, or is no capture, or ends
  // in the middle of a packet; another link type; no packet; a packet of which
  // not one byte was captured.
  static std::expected<Capture, std::string> Read(const std::string& path);
  // The same of the bytes of a file.
  static std::expected<Capture, std::string> FromBytes(
      std::span<const std::byte> bytes);

  size_t size() const { return packets_.size(); }
  // As captured.
  std::span<const std::byte> Bytes(size_t index) const;
  // Packets of which the file has only the front.
  size_t truncated_count() const;
  size_t max_bytes() const;

  // A pcap file with these packets: times, lengths and link type are those of
  // the file that was read. Nanoseconds only if one of the times has some.
  std::string FileOf(std::span<const size_t> indexes) const;

 private:
  struct Packet {
    size_t begin = 0;
    uint32_t bytes = 0;
    uint32_t original_bytes = 0;
    int64_t seconds = 0;
    int64_t nanoseconds = 0;
  };

  Capture() = default;
  // Takes over `file`.
  static std::expected<Capture, std::string> FromStream(std::FILE* file);

  std::vector<std::byte> bytes_;  // Of all packets.
  std::vector<Packet> packets_;
  int link_type_ = 0;
  int snapshot_bytes_ = 0;
};

}  // namespace virtio_user::cli

#endif  // CLI_CAPTURE_H_
