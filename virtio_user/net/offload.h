// SPDX-License-Identifier: BSD-3-Clause
//
// What the header in front of a frame says or asks beyond "here is a frame",
// as values that were checked, and the way from and to the header.

#ifndef VIRTIO_USER_NET_OFFLOAD_H_
#define VIRTIO_USER_NET_OFFLOAD_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "virtio_user/base/error.h"
#include "virtio_user/spec/feature.h"
#include "virtio_user/spec/net.h"

namespace virtio_user {

enum class Checksum : uint8_t {
  kNone,     // Received: nobody looked. Sent: it is as it shall be.
  kPartial,  // To be completed over the bytes from csum_start on.
  kValid,    // Received: the device has verified it.
};

enum class Segmentation : uint8_t { kNone, kTcp4, kTcp6, kUdp };

// Offsets are in bytes from the first byte of the frame.
struct Offload {
  Checksum checksum = Checksum::kNone;
  uint16_t csum_start = 0;   // kPartial: where the sum begins...
  uint16_t csum_offset = 0;  // ...and where it goes, from there.
  Segmentation segmentation = Segmentation::kNone;
  bool ecn = false;            // TCP: with the CWR flag set.
  uint16_t segment_bytes = 0;  // Payload of each segment (gso_size).
  uint16_t header_bytes = 0;   // Of all headers (hdr_len); a hint.
  uint16_t hash_report = 0;    // VIRTIO_NET_HASH_REPORT_*; 0: no hash.
  uint32_t hash = 0;

  friend bool operator==(const Offload&, const Offload&) = default;
};

// A received header, each field of which was loaded once.
struct HeaderCopy {
  NetHeader base{};
  uint32_t hash = 0;
  uint16_t hash_report = 0;
};

// Loads the header of `bytes` (10, 12 or 20) bytes that a device wrote.
// Requires: aligned to 2.
HeaderCopy LoadHeader(std::byte* header, size_t bytes);

// What a received header means for a frame of `frame_bytes`, under the
// accepted features; nothing if it cannot be true: a checksum that lies
// outside of the frame, a kind of segmentation that is unknown or was not
// negotiated, a segment size of 0 ("Processing of Incoming Packets"). Unknown
// flag bits are ignored, and without GUEST_CSUM all of flags and gso_type is:
// the device must leave them 0 then, and nobody asked.
std::optional<Offload> DecodeOffload(const HeaderCopy& header,
                                     size_t frame_bytes, FeatureSet accepted);

// The header that asks for `offload`. kInvalidArgument where it asks for what
// was not negotiated or cannot be: see DecodeOffload ("Packet Transmission").
Result<NetHeader> EncodeOffload(const Offload& offload, size_t frame_bytes,
                                FeatureSet accepted);

}  // namespace virtio_user

#endif  // VIRTIO_USER_NET_OFFLOAD_H_
