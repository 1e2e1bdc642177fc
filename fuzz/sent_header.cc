// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/sent_header.h"

#include <cstdint>

#include "fuzz/finding.h"
#include "fuzz/reader.h"

namespace fuzz {

using virtio_user::Checksum;
using virtio_user::FeatureSet;
using virtio_user::Offload;
using virtio_user::Segmentation;

namespace {

// "Feature bits".
constexpr unsigned kCsum = 0;
constexpr unsigned kGuestCsum = 1;
constexpr unsigned kGuestEcn = 9;
constexpr unsigned kHostEcn = 13;
constexpr unsigned kHashReport = 57;

// "Hash reporting for incoming packets": UDPv6_EX.
constexpr uint16_t kLastHashReport = 9;

// What stands in gso_type, and with which of the bits such frames go out and
// come in.
struct Kind {
  Segmentation segmentation;
  uint8_t gso_type;
  bool tcp;
  uint64_t host;
  uint64_t guest;
};

constexpr uint64_t Bit(unsigned bit) { return uint64_t{1} << bit; }

constexpr Kind kKinds[] = {
    {Segmentation::kNone, 0, false, 0, 0},
    {Segmentation::kTcp4, 1, true, Bit(11), Bit(7)},
    {Segmentation::kTcp6, 4, true, Bit(12), Bit(8)},
    {Segmentation::kUdp, 5, false, Bit(56), Bit(54) | Bit(55)},
};

const Kind& KindOf(Segmentation segmentation) {
  for (const Kind& kind : kKinds) {
    if (kind.segmentation == segmentation) return kind;
  }
  Report({"segments", "KindOf"}, "of a kind that there is not");
}

constexpr uint8_t kEcn = 0x80;

// Of two bytes each, from the least significant one on.
void Put(SentHeader& header, size_t at, uint16_t value) {
  header[at] = static_cast<std::byte>(value & 0xff);
  header[at + 1] = static_cast<std::byte>(value >> 8);
}

bool SumIsInside(const Offload& offload, size_t frame_bytes) {
  return size_t{offload.csum_start} + offload.csum_offset + 2 <= frame_bytes;
}

}  // namespace

std::optional<SentHeader> HeaderToSend(const Offload& offload,
                                       size_t frame_bytes,
                                       FeatureSet accepted) {
  constexpr std::byte kNeedsCsum{1};
  SentHeader header{};
  const bool sum = offload.checksum == Checksum::kPartial;
  if (sum) {
    if (!accepted.HasBit(kCsum) || !SumIsInside(offload, frame_bytes)) {
      return std::nullopt;
    }
    header[0] = kNeedsCsum;
    Put(header, 6, offload.csum_start);
    Put(header, 8, offload.csum_offset);
  }
  if (offload.segmentation == Segmentation::kNone) return header;
  const Kind& kind = KindOf(offload.segmentation);
  if (!sum || (accepted.low() & kind.host) == 0 || offload.segment_bytes == 0 ||
      (offload.ecn && (!kind.tcp || !accepted.HasBit(kHostEcn)))) {
    return std::nullopt;
  }
  header[1] = static_cast<std::byte>(kind.gso_type | (offload.ecn ? kEcn : 0));
  Put(header, 2, offload.header_bytes);
  Put(header, 4, offload.segment_bytes);
  return header;
}

namespace {

// False: no frame has such segments.
bool TakeSegments(std::span<const std::byte> header, FeatureSet accepted,
                  Offload& offload) {
  const auto said = std::to_integer<uint8_t>(header[1]);
  if (said == 0) return true;
  offload.ecn = (said & kEcn) != 0;
  offload.header_bytes = ValueAt<uint16_t>(header, 2);
  offload.segment_bytes = ValueAt<uint16_t>(header, 4);
  for (const Kind& kind : kKinds) {
    if (kind.gso_type == 0 || kind.gso_type != (said & ~kEcn)) continue;
    offload.segmentation = kind.segmentation;
    return (accepted.low() & kind.guest) != 0 && offload.segment_bytes != 0 &&
           (!offload.ecn || (kind.tcp && accepted.HasBit(kGuestEcn)));
  }
  return false;
}

}  // namespace

std::optional<Offload> OffloadOf(std::span<const std::byte> header,
                                 size_t frame_bytes, FeatureSet accepted) {
  Offload offload;
  if (accepted.HasBit(kGuestCsum)) {
    const auto flags = std::to_integer<uint8_t>(header[0]);
    if ((flags & 1) != 0) {
      offload.checksum = Checksum::kPartial;
      offload.csum_start = ValueAt<uint16_t>(header, 6);
      offload.csum_offset = ValueAt<uint16_t>(header, 8);
      if (!SumIsInside(offload, frame_bytes)) return std::nullopt;
    } else if ((flags & 2) != 0) {
      offload.checksum = Checksum::kValid;
    }
    if (!TakeSegments(header, accepted, offload)) return std::nullopt;
  }
  if (!accepted.HasBit(kHashReport)) return offload;
  const auto report = ValueAt<uint16_t>(header, 16);
  if (report == 0 || report > kLastHashReport) return offload;
  offload.hash_report = report;
  offload.hash = ValueAt<uint32_t>(header, 12);
  return offload;
}

void CheckReported(const Offload& offload, size_t frame_bytes,
                   FeatureSet accepted) {
  Expect(offload.checksum == Checksum::kNone || accepted.HasBit(kGuestCsum),
         "checksum", "of a device that must say nothing of it");
  Expect(offload.checksum != Checksum::kPartial ||
             SumIsInside(offload, frame_bytes),
         "checksum", "outside of the frame");
  const Kind& kind = KindOf(offload.segmentation);
  if (offload.segmentation == Segmentation::kNone) {
    Expect(!offload.ecn, "segments", "a mark without them");
  } else {
    Expect(accepted.HasBit(kGuestCsum) && (accepted.low() & kind.guest) != 0,
           "segments", "of a kind that nobody takes");
    Expect(offload.segment_bytes != 0, "segments", "without a byte");
    Expect(!offload.ecn || (kind.tcp && accepted.HasBit(kGuestEcn)), "segments",
           "with a mark that nobody takes");
  }
  Expect((offload.hash_report == 0 && offload.hash == 0) ||
             (accepted.HasBit(kHashReport) &&
              offload.hash_report <= kLastHashReport),
         "hash", "nobody asked for it");
}

}  // namespace fuzz
