// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/net/offload.h"

#include "virtio_user/ring/shared_memory.h"

namespace virtio_user {
namespace {

// Which features let a frame of each kind come in and go out.
struct SegmentationRule {
  uint8_t gso_type;
  Segmentation segmentation;
  FeatureSet guest;  // Any of them: the driver takes such frames.
  FeatureSet host;   // Likewise: the device does.
};

constexpr SegmentationRule kSegmentations[] = {
    {kGsoTcp4,
     Segmentation::kTcp4,
     {Feature::kNetGuestTso4},
     {Feature::kNetHostTso4}},
    {kGsoTcp6,
     Segmentation::kTcp6,
     {Feature::kNetGuestTso6},
     {Feature::kNetHostTso6}},
    {kGsoUdpL4,
     Segmentation::kUdp,
     {Feature::kNetGuestUso4, Feature::kNetGuestUso6},
     {Feature::kNetHostUso}},
};

const SegmentationRule* RuleOf(uint8_t gso_type) {
  for (const SegmentationRule& rule : kSegmentations) {
    if (rule.gso_type == gso_type) return &rule;
  }
  return nullptr;
}

const SegmentationRule* RuleOf(Segmentation segmentation) {
  for (const SegmentationRule& rule : kSegmentations) {
    if (rule.segmentation == segmentation) return &rule;
  }
  return nullptr;
}

// Whether both bytes of the checksum lie in the frame.
bool ChecksumInside(uint16_t start, uint16_t offset, size_t frame_bytes) {
  return size_t{start} + offset + sizeof(uint16_t) <= frame_bytes;
}

bool IsTcp(Segmentation segmentation) {
  return segmentation == Segmentation::kTcp4 ||
         segmentation == Segmentation::kTcp6;
}

bool DecodeChecksum(const NetHeader& header, size_t frame_bytes,
                    Offload& offload) {
  if ((header.flags & kNetHeaderNeedsCsum) != 0) {
    if (!ChecksumInside(header.csum_start, header.csum_offset, frame_bytes)) {
      return false;
    }
    offload.checksum = Checksum::kPartial;
    offload.csum_start = header.csum_start;
    offload.csum_offset = header.csum_offset;
  } else if ((header.flags & kNetHeaderDataValid) != 0) {
    offload.checksum = Checksum::kValid;
  }
  return true;
}

bool DecodeSegmentation(const NetHeader& header, FeatureSet accepted,
                        Offload& offload) {
  if (header.gso_type == kGsoNone) return true;
  const bool ecn = (header.gso_type & kGsoEcn) != 0;
  const SegmentationRule* const rule =
      RuleOf(static_cast<uint8_t>(header.gso_type & ~kGsoEcn));
  if (rule == nullptr || !accepted.HasAny(rule->guest) ||
      header.gso_size == 0) {
    return false;
  }
  if (ecn &&
      (!IsTcp(rule->segmentation) || !accepted.Has(Feature::kNetGuestEcn))) {
    return false;
  }
  offload.segmentation = rule->segmentation;
  offload.ecn = ecn;
  offload.segment_bytes = header.gso_size;
  offload.header_bytes = header.hdr_len;
  return true;
}

}  // namespace

HeaderCopy LoadHeader(std::byte* header, size_t bytes) {
  HeaderCopy copy;
  copy.base.flags = LoadRelaxed<uint8_t>(header + offsetof(NetHeader, flags));
  copy.base.gso_type =
      LoadRelaxed<uint8_t>(header + offsetof(NetHeader, gso_type));
  copy.base.hdr_len =
      LoadRelaxed<uint16_t>(header + offsetof(NetHeader, hdr_len));
  copy.base.gso_size =
      LoadRelaxed<uint16_t>(header + offsetof(NetHeader, gso_size));
  copy.base.csum_start =
      LoadRelaxed<uint16_t>(header + offsetof(NetHeader, csum_start));
  copy.base.csum_offset =
      LoadRelaxed<uint16_t>(header + offsetof(NetHeader, csum_offset));
  if (bytes < kHashNetHeaderBytes) return copy;
  // The hash stands at a multiple of 4 behind a header that may not.
  const uint32_t low =
      LoadRelaxed<uint16_t>(header + offsetof(HashNetHeader, hash_value));
  const uint32_t high = LoadRelaxed<uint16_t>(
      header + offsetof(HashNetHeader, hash_value) + sizeof(uint16_t));
  copy.hash = low | high << 16;
  copy.hash_report =
      LoadRelaxed<uint16_t>(header + offsetof(HashNetHeader, hash_report));
  return copy;
}

std::optional<Offload> DecodeOffload(const HeaderCopy& header,
                                     size_t frame_bytes, FeatureSet accepted) {
  Offload offload;
  if (accepted.Has(Feature::kNetGuestCsum) &&
      (!DecodeChecksum(header.base, frame_bytes, offload) ||
       !DecodeSegmentation(header.base, accepted, offload))) {
    return std::nullopt;
  }
  // A report of a kind that nobody knows says no more than none.
  if (header.hash_report <= kMaxHashReport) {
    offload.hash_report = header.hash_report;
    offload.hash = header.hash_report == 0 ? 0 : header.hash;
  }
  return offload;
}

Result<NetHeader> EncodeOffload(const Offload& offload, size_t frame_bytes,
                                FeatureSet accepted) {
  NetHeader header{};
  if (offload.checksum == Checksum::kPartial) {
    if (!accepted.Has(Feature::kNetCsum)) {
      return Fail(ErrorCode::kInvalidArgument,
                  "a checksum was left to a device that does not compute any "
                  "(VIRTIO_NET_F_CSUM)");
    }
    if (!ChecksumInside(offload.csum_start, offload.csum_offset, frame_bytes)) {
      return Fail(ErrorCode::kInvalidArgument,
                  "a checksum at %u + %u lies outside of a frame of %zu bytes",
                  offload.csum_start, offload.csum_offset, frame_bytes);
    }
    header.flags = kNetHeaderNeedsCsum;
    header.csum_start = offload.csum_start;
    header.csum_offset = offload.csum_offset;
  }
  if (offload.segmentation == Segmentation::kNone) return header;
  const SegmentationRule& rule = *RuleOf(offload.segmentation);
  const bool ecn_allowed = !offload.ecn || (IsTcp(offload.segmentation) &&
                                            accepted.Has(Feature::kNetHostEcn));
  // "the driver MUST set VIRTIO_NET_HDR_F_NEEDS_CSUM" for such frames.
  if (!accepted.HasAny(rule.host) || !ecn_allowed ||
      offload.checksum != Checksum::kPartial || offload.segment_bytes == 0) {
    return Fail(ErrorCode::kInvalidArgument,
                "segments of %u bytes were asked of a device that does not cut "
                "such frames, or without their checksum",
                offload.segment_bytes);
  }
  header.gso_type =
      static_cast<uint8_t>(rule.gso_type | (offload.ecn ? kGsoEcn : 0));
  header.gso_size = offload.segment_bytes;
  header.hdr_len = offload.header_bytes;
  return header;
}

}  // namespace virtio_user
