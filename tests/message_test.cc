// SPDX-License-Identifier: BSD-3-Clause
//
// Every message of the codec against bytes typed from the tables of QEMU's
// docs/interop/vhost-user.rst (little-endian, as on x86-64).

#include "virtio_user/vhost_user/message.h"

#include <array>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/wire_bytes.h"

namespace virtio_user {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using enum VhostUserRequest;

class MessageTest : public ::testing::Test {
 protected:
  Bytes out_;
  MessageWriter writer_{out_};
};

TEST_F(MessageTest, ARequestWithoutPayloadIsItsHeader) {
  writer_.Empty(kGetFeatures);
  writer_.Empty(kSetOwner);
  writer_.Empty(kGetProtocolFeatures);
  writer_.Empty(kGetQueueNum);
  writer_.Empty(kGetStatus);
  EXPECT_EQ(out_, FromInts({1,  0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0,  //
                            3,  0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0,  //
                            15, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0,  //
                            17, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0,  //
                            40, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0}));
}

TEST_F(MessageTest, AnIntegerOf64BitsFollowsItsHeader) {
  for (const auto& [request, number] :
       {std::pair{kSetFeatures, 2}, std::pair{kSetVringKick, 12},
        std::pair{kSetVringCall, 13}, std::pair{kSetProtocolFeatures, 16},
        std::pair{kSetStatus, 39}}) {
    out_.clear();
    writer_.U64(request, 0x8877665544332211);
    EXPECT_EQ(out_,
              FromInts({number, 0,    0,    0,    1,    0,    0,    0,
                        8,      0,    0,    0,  //
                        0x11,   0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88}));
  }
}

TEST_F(MessageTest, AVringStateIsIndexAndNumber_S15_H17) {
  for (const auto& [request, number] :
       {std::pair{kSetVringNum, 8}, std::pair{kSetVringBase, 10},
        std::pair{kGetVringBase, 11}, std::pair{kSetVringEnable, 18}}) {
    out_.clear();
    writer_.State(request, {.index = 0x04030201, .num = 0x08070605});
    EXPECT_EQ(out_, FromInts({number, 0, 0, 0, 1, 0, 0, 0, 8, 0, 0, 0,  //
                              1,      2, 3, 4, 5, 6, 7, 8}));
  }
}

TEST_F(MessageTest, VringAddressesStandInTheOrderDescUsedAvailLog_F58) {
  writer_.Addr(0x0201, {.desc = {0x1122334455667788},
                        .avail = {0x99aabbccddeeff00},
                        .used = {0x0102030405060708}});
  EXPECT_EQ(out_, FromInts({9,    0,    0,    0,    1,    0,    0,    0,
                            40,   0,    0,    0,                             //
                            1,    2,    0,    0,    0,    0,    0,    0,     //
                            0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11,  //
                            8,    7,    6,    5,    4,    3,    2,    1,     //
                            0x00, 0xff, 0xee, 0xdd, 0xcc, 0xbb, 0xaa, 0x99,  //
                            0,    0,    0,    0,    0,    0,    0,    0}));
}

TEST_F(MessageTest, AMemoryTableIsACountAndRegionsOf32Bytes) {
  std::array<std::byte, 0x30> memory{};
  const MemoryRegion regions[] = {
      {.host = std::span(memory).first(0x10),
       .published = 0x1122334455667788,
       .iova = 0x99,
       .fd = 5,
       .offset = 0x0102030405060708},
      {.host = std::span(memory).last(0x20), .published = 0x4000, .fd = 6}};
  writer_.MemTable(regions);
  EXPECT_EQ(out_, FromInts({5,    0,    0,    0,    1,    0,    0,    0,
                            72,   0,    0,    0,                             //
                            2,    0,    0,    0,    0,    0,    0,    0,     //
                            0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11,  //
                            0x10, 0,    0,    0,    0,    0,    0,    0,     //
                            0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11,  //
                            8,    7,    6,    5,    4,    3,    2,    1,     //
                            0,    0x40, 0,    0,    0,    0,    0,    0,     //
                            0x20, 0,    0,    0,    0,    0,    0,    0,     //
                            0,    0x40, 0,    0,    0,    0,    0,    0,     //
                            0,    0,    0,    0,    0,    0,    0,    0}));
}

TEST_F(MessageTest, AMemoryTableOfEveryLegalSizeHasItsLength) {
  std::array<std::byte, 8> memory{};
  std::vector<MemoryRegion> regions;
  for (size_t count = 0; count <= 8; ++count) {
    out_.clear();
    writer_.MemTable(regions);
    EXPECT_EQ(out_.size(), 12 + 8 + 32 * count);
    EXPECT_EQ(Get(out_, 8, 4), 8 + 32 * count);
    EXPECT_EQ(Get(out_, 12, 8), count);
    regions.push_back({.host = std::span(memory).subspan(count % 8, 1)});
  }
}

// The specification's table ends after the queue size, at 20 bytes; every
// implementation sends C's structure, of 24.
TEST_F(MessageTest, WhereNotesLieIsSizeOffsetQueuesQueueSizeAndPadding) {
  for (const auto& [request, number] :
       {std::pair{VhostUserRequest::kGetInflightFd, 31},
        std::pair{VhostUserRequest::kSetInflightFd, 32}}) {
    out_.clear();
    writer_.Inflight(request, {.mmap_size = 0x1122334455667788,
                               .mmap_offset = 0x0102030405060708,
                               .num_queues = 0xa1b2,
                               .queue_size = 0xc3d4,
                               .padding = 0});
    EXPECT_EQ(out_, FromInts({number, 0,    0,    0,    1,    0,    0,    0,
                              24,     0,    0,    0,  //
                              0x88,   0x77, 0x66, 0x55, 0x44, 0x33, 0x22,
                              0x11,                                           //
                              8,      7,    6,    5,    4,    3,    2,    1,  //
                              0xb2,   0xa1, 0xd4, 0xc3, 0,    0,    0,    0}));
  }
}

TEST_F(MessageTest, ConfigurationIsOffsetSizeFlagsAndBytes) {
  writer_.Config(kSetConfig, 0x0201, FromInts({7, 8, 9}));
  EXPECT_EQ(out_, FromInts({25, 0, 0, 0, 1, 0, 0, 0, 15, 0, 0, 0,  //
                            1,  2, 0, 0, 3, 0, 0, 0, 0,  0, 0, 0,  //
                            7,  8, 9}));
  out_.clear();
  writer_.Config(kGetConfig, 0, Bytes(256));
  EXPECT_EQ(out_.size(), 12u + 12u + 256u);
  EXPECT_EQ(Get(out_, 0, 4), 24u);
  EXPECT_EQ(Get(out_, 8, 4), 268u);
  EXPECT_EQ(Get(out_, 16, 4), 256u);
}

TEST_F(MessageTest, MessagesAreAppendedToWhatIsThere) {
  out_ = FromInts({0xee});
  writer_.Empty(kSetOwner);
  EXPECT_EQ(out_.size(), 13u);
  EXPECT_EQ(out_[0], std::byte{0xee});
}

TEST_F(MessageTest, NeedReplyIsBit3OfTheFlagsAndNothingElse) {
  writer_.U64(kSetStatus, 0x0b);
  Bytes expected = out_;
  expected[4] = std::byte{9};
  SetNeedReply(out_);
  EXPECT_EQ(out_, expected);
}

TEST(MessageDeathTest, MoreThanAMessageCarriesIsOurOwnMistake) {
  Bytes out;
  const std::vector<MemoryRegion> nine(9);
  EXPECT_DEATH(MessageWriter(out).MemTable(nine), "kVhostUserMaxRegions");
  EXPECT_DEATH(MessageWriter(out).Config(kSetConfig, 0, Bytes(257)),
               "kVhostUserMaxConfigBytes");
  EXPECT_DEATH(SetNeedReply(out), "VhostUserHeader");
  EXPECT_DEATH((void)DecodePayload<uint64_t>(Bytes(7)), "sizeof");
}

TEST_F(MessageTest, PayloadsOfAnswersAreReadFieldByField) {
  const Bytes bytes = FromInts({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13});
  EXPECT_EQ(DecodePayload<uint64_t>(bytes), 0x0807060504030201u);
  const auto state = DecodePayload<VhostUserVringState>(bytes);
  EXPECT_EQ(state.index, 0x04030201u);
  EXPECT_EQ(state.num, 0x08070605u);
  const auto config = DecodePayload<VhostUserConfigHeader>(bytes);
  EXPECT_EQ(config.offset, 0x04030201u);
  EXPECT_EQ(config.size, 0x08070605u);
  EXPECT_EQ(config.flags, 0x0c0b0a09u);
  const auto header = DecodePayload<VhostUserHeader>(bytes);
  EXPECT_EQ(header.request, 0x04030201u);
  EXPECT_EQ(header.flags, 0x08070605u);
  EXPECT_EQ(header.size, 0x0c0b0a09u);
}

// --- Headers of answers ------------------------------------------------------

Bytes ReplyHeader(uint32_t request, uint32_t flags, uint32_t size) {
  Bytes out;
  Put(out, request, 4);
  Put(out, flags, 4);
  Put(out, size, 4);
  return out;
}

TEST(ReplyHeaderTest, AllLowFlagsButVersion1AndReplyAreRefused_H3) {
  for (uint32_t flags = 0; flags < 32; ++flags) {
    const auto checked =
        CheckReplyHeader(ReplyHeader(40, flags, 8), kGetStatus, 8);
    // Version 1 and the reply flag; need_reply means nothing here.
    EXPECT_EQ(checked.has_value(), flags == 0x5 || flags == 0xd) << flags;
    if (checked) continue;
    EXPECT_EQ(checked.error().code(), ErrorCode::kProtocol);
    char shown[32];
    std::snprintf(shown, sizeof(shown), "flags 0x%x", flags);
    EXPECT_THAT(std::string(checked.error().text()), HasSubstr(shown));
  }
}

TEST(ReplyHeaderTest, EveryReservedFlagIsRefused) {
  for (unsigned bit = 4; bit < 32; ++bit) {
    const auto checked = CheckReplyHeader(
        ReplyHeader(40, 0x5 | uint32_t{1} << bit, 8), kGetStatus, 8);
    EXPECT_FALSE(checked.has_value()) << bit;
  }
}

TEST(ReplyHeaderTest, AVersionOtherThan1IsNamed) {
  for (const uint32_t version : {0u, 2u, 3u}) {
    const auto checked =
        CheckReplyHeader(ReplyHeader(1, 4 | version, 8), kGetFeatures, 8);
    ASSERT_FALSE(checked.has_value());
    EXPECT_THAT(std::string(checked.error().text()),
                HasSubstr("version " + std::to_string(version)));
  }
}

TEST(ReplyHeaderTest, AnAnswerToAnotherRequestIsNamed) {
  size_t refused = 0;
  for (uint32_t request = 0; request < 300; ++request) {
    if (CheckReplyHeader(ReplyHeader(request, 5, 8), kGetVringBase, 8)) {
      EXPECT_EQ(request, 11u);
    } else {
      ++refused;
    }
  }
  EXPECT_EQ(refused, 299u);
  const auto checked =
      CheckReplyHeader(ReplyHeader(12, 5, 8), kGetVringBase, 8);
  EXPECT_THAT(std::string(checked.error().text()),
              HasSubstr("request 12 (VHOST_USER_SET_VRING_KICK)"));
  const auto high =
      CheckReplyHeader(ReplyHeader(0x8000000b, 5, 8), kGetVringBase, 8);
  ASSERT_FALSE(high.has_value());
  EXPECT_THAT(std::string(high.error().text()), HasSubstr("(unknown)"));
}

TEST(ReplyHeaderTest, EverySizeButTheExpectedOneIsRefusedByName_F11) {
  for (const size_t expected : {size_t{0}, size_t{8}, size_t{22}}) {
    for (uint32_t size = 0; size < 300; ++size) {
      const auto checked =
          CheckReplyHeader(ReplyHeader(24, 5, size), kGetConfig, expected);
      EXPECT_EQ(checked.has_value(), size == expected) << size;
    }
  }
  for (const uint32_t size : {0x80000008u, 0xffffffffu, 0xfffffff8u}) {
    const auto checked =
        CheckReplyHeader(ReplyHeader(24, 5, size), kGetConfig, 8);
    ASSERT_FALSE(checked.has_value());
    EXPECT_THAT(std::string(checked.error().text()),
                AllOf(HasSubstr(std::to_string(size) + " bytes"),
                      HasSubstr("expected 8")));
  }
}

// --- VRING_BASE --------------------------------------------------------------

TEST(VringBaseTest, ASplitRingCarriesTheAvailableIndexInAll65536Values) {
  for (uint32_t index = 0; index < 65536; ++index) {
    const auto avail = static_cast<uint16_t>(index);
    const VringBase base = {.avail = avail,
                            .used = static_cast<uint16_t>(~avail),
                            .avail_wrap = false,
                            .used_wrap = false};
    ASSERT_EQ(EncodeVringBase(base, RingFormat::kSplit), index);
    const VringBase back = DecodeVringBase(index, RingFormat::kSplit);
    ASSERT_EQ(back.avail, avail);
    ASSERT_EQ(back.used, avail);
  }
}

TEST(VringBaseTest, ASplitRingsReservedUpperHalfIsNotRead) {
  EXPECT_EQ(DecodeVringBase(0xabcd1234, RingFormat::kSplit).avail, 0x1234);
}

// Bits 0-14 available index, 15 the driver's wrap counter, 16-30 used index,
// 31 the device's wrap counter.
TEST(VringBaseTest, APackedRingCarriesEach16BitsOfBothSides) {
  for (uint32_t half = 0; half < 65536; ++half) {
    const VringBase avail = DecodeVringBase(half, RingFormat::kPacked);
    ASSERT_EQ(avail, (VringBase{.avail = static_cast<uint16_t>(half % 32768),
                                .used = 0,
                                .avail_wrap = half >= 32768,
                                .used_wrap = false}));
    ASSERT_EQ(EncodeVringBase(avail, RingFormat::kPacked), half);
    const VringBase used = DecodeVringBase(half << 16, RingFormat::kPacked);
    ASSERT_EQ(used, (VringBase{.avail = 0,
                               .used = static_cast<uint16_t>(half % 32768),
                               .avail_wrap = false,
                               .used_wrap = half >= 32768}));
    ASSERT_EQ(EncodeVringBase(used, RingFormat::kPacked), half << 16);
  }
}

TEST(VringBaseTest, AFreshPackedRingStandsAtZeroWithBothWrapsSet) {
  EXPECT_EQ(EncodeVringBase({}, RingFormat::kPacked), 0x80008000u);
  EXPECT_EQ(EncodeVringBase({}, RingFormat::kSplit), 0u);
}

TEST(VringBaseTest, AnIndexNeverRunsIntoAWrapCounter) {
  const VringBase wild = {
      .avail = 0xffff, .used = 0xffff, .avail_wrap = false, .used_wrap = false};
  EXPECT_EQ(EncodeVringBase(wild, RingFormat::kPacked), 0x7fff7fffu);
}

}  // namespace
}  // namespace virtio_user
