// SPDX-License-Identifier: BSD-3-Clause
//
// Every header against what the specification says about it, written down here
// once more and in other words.

#include "virtio_user/net/offload.h"

#include <array>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace virtio_user {
namespace {

// Edges of where a checksum may stand, and of frames.
struct Place {
  uint16_t start;
  uint16_t offset;
  size_t frame_bytes;
  bool inside;
};
constexpr Place kPlaces[] = {
    {0, 0, 0, false},          {0, 0, 1, false},
    {0, 0, 2, true},           {34, 16, 51, false},
    {34, 16, 52, true},        {34, 16, 60, true},
    {14, 65535, 60, false},    {65535, 0, 60, false},
    {65535, 65535, 60, false}, {65535, 65535, 65589, false},
    {65535, 52, 65588, false}, {65535, 52, 65589, true},
    {65533, 0, 65535, true},   {65534, 0, 65535, false},
};

FeatureSet Choose(unsigned mask, std::span<const Feature> from) {
  FeatureSet set = {Feature::kVersion1};
  for (size_t i = 0; i < from.size(); ++i) {
    if ((mask >> i & 1) != 0) set.Add(from[i]);
  }
  return set;
}

// "Processing of Incoming Packets", as yes or no.
bool MayBe(const NetHeader& h, bool csum_inside, FeatureSet f) {
  if (!f.HasBit(1))
    return true;  // GUEST_CSUM: flags and gso_type mean nothing.
  if ((h.flags & 1) != 0 && !csum_inside) return false;
  switch (h.gso_type) {
    case 0:
      return true;
    case 1:
      return f.HasBit(7) && h.gso_size > 0;
    case 0x81:
      return f.HasBit(7) && f.HasBit(9) && h.gso_size > 0;
    case 4:
      return f.HasBit(8) && h.gso_size > 0;
    case 0x84:
      return f.HasBit(8) && f.HasBit(9) && h.gso_size > 0;
    case 5:
      return (f.HasBit(54) || f.HasBit(55)) && h.gso_size > 0;
    default:
      return false;
  }
}

// What it says then.
Offload Meaning(const NetHeader& h, FeatureSet f) {
  Offload o;
  if (!f.HasBit(1)) return o;
  if ((h.flags & 3) == 2) o.checksum = Checksum::kValid;
  if ((h.flags & 1) != 0) {
    o.checksum = Checksum::kPartial;
    o.csum_start = h.csum_start;
    o.csum_offset = h.csum_offset;
  }
  if (h.gso_type == 0) return o;
  o.segmentation = h.gso_type == 5            ? Segmentation::kUdp
                   : (h.gso_type & 0x7f) == 4 ? Segmentation::kTcp6
                                              : Segmentation::kTcp4;
  o.ecn = (h.gso_type & 0x80) != 0;
  o.segment_bytes = h.gso_size;
  o.header_bytes = h.hdr_len;
  return o;
}

TEST(DecodeOffload, TellsEveryHeaderAsTheSpecificationHasIt_D12) {
  constexpr Feature kChosen[] = {
      Feature::kNetGuestCsum, Feature::kNetGuestTso4, Feature::kNetGuestTso6,
      Feature::kNetGuestEcn,  Feature::kNetGuestUso4, Feature::kNetGuestUso6};
  constexpr uint8_t kFlags[] = {0, 1, 2, 3, 4, 5, 7, 128, 254, 255};
  for (unsigned mask = 0; mask < 64; ++mask) {
    const FeatureSet features = Choose(mask, kChosen);
    for (const Place& place : kPlaces) {
      for (unsigned gso = 0; gso < 512; ++gso) {
        for (const uint8_t flags : kFlags) {
          const NetHeader header{
              .flags = flags,
              .gso_type = static_cast<uint8_t>(gso / 2),
              .hdr_len = 54,
              .gso_size = gso % 2 == 0 ? uint16_t{0} : uint16_t{1448},
              .csum_start = place.start,
              .csum_offset = place.offset,
              .num_buffers = 77};
          const auto got =
              DecodeOffload({.base = header}, place.frame_bytes, features);
          ASSERT_EQ(got.has_value(), MayBe(header, place.inside, features))
              << mask << " " << gso << " " << int{flags};
          if (got) {
            ASSERT_EQ(*got, Meaning(header, features))
                << mask << " " << gso << " " << int{flags};
          }
        }
      }
    }
  }
}

TEST(DecodeOffload, HandsOnTheHashOfAKnownReportOnly) {
  for (unsigned report = 0; report < 65536; ++report) {
    const HeaderCopy header{.hash = 0xdeadbeef,
                            .hash_report = static_cast<uint16_t>(report)};
    const auto got = DecodeOffload(header, 60, {});
    ASSERT_TRUE(got.has_value());
    const bool known = report >= 1 && report <= 9;
    ASSERT_EQ(got->hash_report, known ? report : 0);
    ASSERT_EQ(got->hash, known ? 0xdeadbeefu : 0u);
  }
}

TEST(LoadHeader, LoadsEachFieldFromItsPlace) {
  alignas(4) std::array<std::byte, 20> wire;
  for (size_t i = 0; i < wire.size(); ++i) {
    wire[i] = static_cast<std::byte>(0x10 + i);
  }
  const HeaderCopy hash = LoadHeader(wire.data(), 20);
  EXPECT_EQ(hash.base.flags, 0x10);
  EXPECT_EQ(hash.base.gso_type, 0x11);
  EXPECT_EQ(hash.base.hdr_len, 0x1312);
  EXPECT_EQ(hash.base.gso_size, 0x1514);
  EXPECT_EQ(hash.base.csum_start, 0x1716);
  EXPECT_EQ(hash.base.csum_offset, 0x1918);
  EXPECT_EQ(hash.hash, 0x1f1e1d1cu);
  EXPECT_EQ(hash.hash_report, 0x2120);
  for (const size_t bytes : {10, 12}) {
    const HeaderCopy copy = LoadHeader(wire.data(), bytes);
    EXPECT_EQ(copy.base.csum_offset, 0x1918);
    EXPECT_EQ(copy.hash, 0u);
    EXPECT_EQ(copy.hash_report, 0u);
  }
}

// "Packet Transmission", as yes or no.
bool MayAsk(const Offload& o, bool csum_inside, FeatureSet f) {
  const bool partial = o.checksum == Checksum::kPartial;
  if (partial && !(f.HasBit(0) && csum_inside)) return false;
  switch (o.segmentation) {
    case Segmentation::kNone:
      return true;
    case Segmentation::kTcp4:
      return partial && o.segment_bytes > 0 && f.HasBit(11) &&
             (!o.ecn || f.HasBit(13));
    case Segmentation::kTcp6:
      return partial && o.segment_bytes > 0 && f.HasBit(12) &&
             (!o.ecn || f.HasBit(13));
    case Segmentation::kUdp:
      return partial && o.segment_bytes > 0 && f.HasBit(56) && !o.ecn;
  }
  return false;
}

NetHeader Wanted(const Offload& o) {
  NetHeader h{};
  if (o.checksum == Checksum::kPartial) {
    h.flags = 1;
    h.csum_start = o.csum_start;
    h.csum_offset = o.csum_offset;
  }
  constexpr uint8_t kTypes[] = {0, 1, 4, 5};
  if (o.segmentation != Segmentation::kNone) {
    h.gso_type = kTypes[static_cast<int>(o.segmentation)];
    if (o.ecn) h.gso_type |= 0x80;
    h.gso_size = o.segment_bytes;
    h.hdr_len = o.header_bytes;
  }
  return h;
}

std::vector<Offload> Requests(const Place& place) {
  std::vector<Offload> requests;
  for (const auto checksum :
       {Checksum::kNone, Checksum::kPartial, Checksum::kValid}) {
    for (const auto segmentation : {Segmentation::kNone, Segmentation::kTcp4,
                                    Segmentation::kTcp6, Segmentation::kUdp}) {
      for (const bool ecn : {false, true}) {
        for (const int segment_bytes : {0, 1, 1448, 65535}) {
          requests.push_back(
              {.checksum = checksum,
               .csum_start = place.start,
               .csum_offset = place.offset,
               .segmentation = segmentation,
               .ecn = ecn,
               .segment_bytes = static_cast<uint16_t>(segment_bytes),
               .header_bytes = 54,
               .hash_report = 3,
               .hash = 4});
        }
      }
    }
  }
  return requests;
}

TEST(EncodeOffload, AsksForWhatIsAllowedAndNothingElse_D12) {
  constexpr Feature kChosen[] = {Feature::kNetCsum, Feature::kNetHostTso4,
                                 Feature::kNetHostTso6, Feature::kNetHostEcn,
                                 Feature::kNetHostUso};
  for (unsigned mask = 0; mask < 32; ++mask) {
    const FeatureSet features = Choose(mask, kChosen);
    for (const Place& place : kPlaces) {
      for (const Offload& request : Requests(place)) {
        const auto got = EncodeOffload(request, place.frame_bytes, features);
        ASSERT_EQ(got.has_value(), MayAsk(request, place.inside, features));
        if (!got) {
          ASSERT_EQ(got.error().code(), ErrorCode::kInvalidArgument);
          continue;
        }
        const NetHeader want = Wanted(request);
        ASSERT_EQ(std::memcmp(&*got, &want, sizeof(want)), 0);
      }
    }
  }
}

// Behind a tunnel's outer headers, and beyond what an IP header's 16 bits of
// length can say: offsets are the caller's and lengths are the frame's.
TEST(EncodeOffload, TunnelledAndVeryLongFramesKeepTheirOffsets_D16) {
  const FeatureSet features = {Feature::kNetCsum, Feature::kNetHostTso4};
  const Offload tunnelled{.checksum = Checksum::kPartial,
                          .csum_start = 14 + 20 + 8 + 8 + 14 + 20,
                          .csum_offset = 16,
                          .segmentation = Segmentation::kTcp4,
                          .segment_bytes = 1398,
                          .header_bytes = 14 + 20 + 8 + 8 + 14 + 20 + 20};
  const auto header = EncodeOffload(tunnelled, 65589, features);
  ASSERT_TRUE(header.has_value());
  EXPECT_EQ(header->csum_start, 84);
  EXPECT_EQ(header->csum_offset, 16);
  EXPECT_EQ(header->gso_size, 1398);
  EXPECT_EQ(header->hdr_len, 104);
}

TEST(Offload, WhatWasAskedIsWhatTheOtherSideIsTold) {
  const FeatureSet all = ~FeatureSet{};
  for (const Place& place : kPlaces) {
    for (Offload request : Requests(place)) {
      request.hash = request.hash_report = 0;
      const auto header = EncodeOffload(request, place.frame_bytes, all);
      if (!header) continue;
      const auto told =
          DecodeOffload({.base = *header}, place.frame_bytes, all);
      ASSERT_TRUE(told.has_value());
      ASSERT_EQ(*told, Meaning(*header, all));
      ASSERT_EQ(told->segmentation, request.segmentation);
      ASSERT_EQ(told->checksum == Checksum::kPartial,
                request.checksum == Checksum::kPartial);
    }
  }
}

TEST(EncodeOffload, RefusalsSayWhy) {
  const auto no_csum = EncodeOffload({.checksum = Checksum::kPartial}, 60, {});
  EXPECT_NE(std::string(no_csum.error().text()).find("VIRTIO_NET_F_CSUM"),
            std::string::npos);
  const auto outside = EncodeOffload(
      {.checksum = Checksum::kPartial, .csum_start = 58, .csum_offset = 1}, 60,
      {Feature::kNetCsum});
  EXPECT_EQ(std::string(outside.error().text()),
            "a checksum at 58 + 1 lies outside of a frame of 60 bytes");
}

}  // namespace
}  // namespace virtio_user
