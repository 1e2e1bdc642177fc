// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/trace.h"

#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "backend_sim/transcript.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace {

using ::backend_sim::Digest;
using ::backend_sim::Direction;
using ::backend_sim::Trace;
using ::backend_sim::TraceHash;
using ::backend_sim::TraceKind;
using ::backend_sim::TraceRecord;
using ::backend_sim::Transcript;
using ::testing::SizeIs;

using Bytes = std::vector<std::byte>;

Bytes Words(std::initializer_list<uint64_t> words) {
  Bytes bytes(words.size() * 8);
  std::memcpy(bytes.data(), words.begin(), bytes.size());
  return bytes;
}

TraceRecord Note(uint64_t word) {
  return {.kind = TraceKind::kNote, .words = {word}};
}

TEST(TraceHashTest, GoldenHashesStayWhatTheyAre) {
  TraceHash hash;
  EXPECT_EQ(hash.Text(), "46020d95b42db2c2a33c22bbe3fa2fac");
  hash.Add(Note(1));
  EXPECT_EQ(hash.Text(), "029abbfa2d4b94d4b371be9cf8854be5");
}

TEST(TraceHashTest, EveryBitOfARecordCounts) {
  std::set<std::string> hashes;
  const auto add = [&](const TraceRecord& record) {
    TraceHash hash;
    hash.Add(record);
    hashes.insert(hash.Text());
  };
  TraceRecord record;
  add(record);
  for (int bit = 0; bit < 64; ++bit) {
    for (size_t word = 0; word < record.words.size(); ++word) {
      record = {};
      record.words[word] = uint64_t{1} << bit;
      add(record);
    }
  }
  for (int bit = 0; bit < 32; ++bit) add({.size = 1u << bit});
  for (int bit = 0; bit < 8; ++bit) {
    add({.detail = static_cast<uint8_t>(1 << bit)});
  }
  EXPECT_THAT(hashes, SizeIs(1 + 5 * 64 + 32 + 8));
}

TEST(TraceHashTest, OrderCounts) {
  TraceHash one;
  one.Add(Note(1));
  one.Add(Note(2));
  TraceHash two;
  two.Add(Note(2));
  two.Add(Note(1));
  EXPECT_NE(one.Text(), two.Text());
}

TEST(DigestTest, BytesLengthAndPositionCount) {
  std::set<uint64_t> digests;
  for (size_t size = 0; size < 20; ++size) {
    digests.insert(Digest(Bytes(size)));
    for (size_t at = 0; at < size; ++at) {
      Bytes bytes(size);
      bytes[at] = std::byte{1};
      digests.insert(Digest(bytes));
    }
  }
  EXPECT_THAT(digests, SizeIs(20 + 190));
}

TEST(TraceTest, KeepsTheLastRecordsAndHashesAll) {
  Trace small({.keep_last = 3});
  Trace large({.keep_all = true});
  for (uint64_t i = 0; i < 10; ++i) {
    small.Add(Note(i));
    large.Add(Note(i));
  }
  ASSERT_THAT(small.records(), SizeIs(3));
  EXPECT_EQ(small.records()[0], Note(7));
  EXPECT_EQ(small.records()[2], Note(9));
  EXPECT_THAT(large.records(), SizeIs(10));
  EXPECT_EQ(small.hash(), large.hash());
  EXPECT_EQ(small.record_count(), 10u);
}

TEST(TraceTest, EveryRecordIsToldAsItIsAdded) {
  std::vector<TraceRecord> told;
  Trace trace({.keep_last = 0, .on_record = [&](const TraceRecord& record) {
                 told.push_back(record);
               }});

  trace.Add(Note(1));
  trace.AddMessage({.request = 7, .payload = Words({2})});

  ASSERT_THAT(told, SizeIs(3));
  EXPECT_EQ(told[0], Note(1));
  EXPECT_EQ(told[1].kind, TraceKind::kMessage);
  EXPECT_EQ(told[2].kind, TraceKind::kPayload);
}

TEST(TraceTest, CanKeepNothing) {
  Trace trace({.keep_last = 0});
  trace.Add(Note(1));
  EXPECT_THAT(trace.records(), SizeIs(0));
  EXPECT_EQ(trace.record_count(), 1u);
}

// --- Transcript --------------------------------------------------------------

std::string Line(Direction direction, uint32_t request, uint32_t flags,
                 const Bytes& payload, uint32_t fds = 0) {
  Trace trace;
  trace.AddMessage({.direction = direction,
                    .request = request,
                    .flags = flags,
                    .fd_count = fds,
                    .payload = payload});
  return Transcript(trace.records());
}

TEST(TranscriptTest, AMessageIsALineWithTheSpecsNames) {
  EXPECT_EQ(Line(Direction::kToBackend, 12, 9, Words({3}), 1),
            "-> SET_VRING_KICK index=3, 1 fd, need_reply\n");
  EXPECT_EQ(Line(Direction::kToBackend, 13, 1, Words({0x103})),
            "-> SET_VRING_CALL index=3 without fd\n");
  EXPECT_EQ(Line(Direction::kToBackend, 2, 1, Words({1ull << 32 | 1})),
            "-> SET_FEATURES features=0x100000001 (CSUM VERSION_1)\n");
  EXPECT_EQ(Line(Direction::kToBackend, 16, 1, Words({0x10009})),
            "-> SET_PROTOCOL_FEATURES features=0x10009 "
            "(MQ REPLY_ACK STATUS)\n");
  EXPECT_EQ(Line(Direction::kToBackend, 39, 1, Words({0xf})),
            "-> SET_STATUS status=0xf "
            "(ACKNOWLEDGE DRIVER DRIVER_OK FEATURES_OK)\n");
}

TEST(TranscriptTest, AnAnswerIsALineWithWhatItSays) {
  EXPECT_EQ(Line(Direction::kToFrontend, 12, 5, Words({1})),
            "<- SET_VRING_KICK ack value=0x1\n");
  EXPECT_EQ(Line(Direction::kToFrontend, 11, 5, Words({256ull << 32 | 2})),
            "<- GET_VRING_BASE index=2 num=256\n");
}

TEST(TranscriptTest, LongPayloadsAreWhole) {
  const Bytes table = Words({2, 1, 2, 3, 4, 5, 6, 7, 8});
  EXPECT_EQ(Line(Direction::kToBackend, 5, 1, table, 2),
            "-> SET_MEM_TABLE regions=2 "
            "[guest 0x1 user 0x3 size 0x2 offset 0x4] "
            "[guest 0x5 user 0x7 size 0x6 offset 0x8], 2 fds\n");
}

TEST(TranscriptTest, WhatIsWrongIsShownAndNotHidden) {
  EXPECT_EQ(Line(Direction::kToBackend, 12, 1, Bytes(3)),
            "-> SET_VRING_KICK 3 bytes?\n");
  EXPECT_EQ(Line(Direction::kToBackend, 99, 1, {}), "-> request 99\n");
  EXPECT_EQ(Line(Direction::kToFrontend, 1, 6, Words({0})),
            "<- GET_FEATURES features=0x0, flags=0x6\n");
}

TEST(TranscriptTest, PacketsAreLeftOutUnlessAskedFor) {
  Trace trace;
  trace.Add({.kind = TraceKind::kPacketIn, .ring = 1, .size = 64});
  trace.Add({.kind = TraceKind::kRingStop, .ring = 1, .words = {7}});
  EXPECT_EQ(Transcript(trace.records()), "   ring 1: stops, base 7\n");
  EXPECT_EQ(Transcript(trace.records(), {.rings = false, .packets = true}),
            "   ring 1: took 64 bytes\n");
}

TEST(TranscriptTest, EveryKindOfRecordHasALine) {
  for (int kind = 1; kind <= static_cast<int>(TraceKind::kNote); ++kind) {
    const auto value = static_cast<TraceKind>(kind);
    if (value == TraceKind::kPayload) continue;
    const TraceRecord record{.kind = value, .ring = 0};
    EXPECT_NE(Transcript({&record, 1}, {.packets = true}), "") << kind;
  }
}

}  // namespace
