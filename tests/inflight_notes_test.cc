// SPDX-License-Identifier: BSD-3-Clause
//
// The notes of a split queue, byte by byte (vhost-user: "Inflight I/O
// tracking").

#include "backend_sim/inflight_notes.h"

#include <cstdint>
#include <vector>

#include "backend_sim/fd_table.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace {

using ::backend_sim::FdTable;
using ::backend_sim::InflightArea;
using ::backend_sim::QueueNotes;
using ::backend_sim::QueueNotesBytes;
using ::backend_sim::SimFile;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr uint16_t kSize = 4;

class QueueNotesTest : public testing::Test {
 protected:
  QueueNotes Notes() { return QueueNotes(region_, kSize); }
  void Put(std::initializer_list<int> bytes) {
    size_t at = 0;
    for (const int byte : bytes) region_[at++] = static_cast<std::byte>(byte);
  }
  std::vector<int> Bytes() const {
    std::vector<int> bytes;
    for (const std::byte byte : region_) {
      bytes.push_back(std::to_integer<int>(byte));
    }
    bytes.resize(16 + 16 * kSize);
    return bytes;
  }

  alignas(64) std::vector<std::byte> region_ =
      std::vector<std::byte>(QueueNotesBytes(kSize));
};

// As libvhost-user and lib/vhost reckon it, who share the alignment of 64.
TEST(QueueNotesBytesTest, ARegionIsAHeaderAnd16BytesForEachDescriptor) {
  EXPECT_EQ(QueueNotesBytes(4), 128u);
  EXPECT_EQ(QueueNotesBytes(256), 4160u);
  EXPECT_EQ(QueueNotesBytes(1024), 16448u);
}

TEST_F(QueueNotesTest, ANewRegionGetsVersionSizeAndUsedIndex) {
  EXPECT_THAT(Notes().Begin(0x0203), IsEmpty());
  EXPECT_THAT(Bytes(), ElementsAreArray(
                           {0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 4, 0, 0, 0, 3, 2,  //
                            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,  //
                            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,  //
                            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,  //
                            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}));
}

TEST_F(QueueNotesTest, AHeadThatIsTakenIsMarkedAndCounted) {
  QueueNotes notes = Notes();
  notes.Begin(0);
  notes.Take(2);
  notes.Take(1);
  EXPECT_THAT(Bytes(), ElementsAreArray(
                           {0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 4, 0, 0, 0, 0, 0,  //
                            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,  //
                            1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0,  //
                            1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,  //
                            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}));
}

TEST_F(QueueNotesTest, ABatchIsAListUntilItIsPublished) {
  QueueNotes notes = Notes();
  notes.Begin(0);
  for (const uint16_t head : {3, 1, 2}) notes.Take(head);
  notes.Give(1);
  notes.Give(3);
  EXPECT_THAT(Bytes(), ElementsAreArray(
                           {0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 4, 0, 3, 0, 0, 0,  //
                            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,  //
                            1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0,  //
                            1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0,  //
                            1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0}));
  notes.Publish(2);
  EXPECT_FALSE(notes.InFlight(1) || notes.InFlight(3));
  EXPECT_TRUE(notes.InFlight(2));
  EXPECT_EQ(Bytes()[14], 2);
}

TEST_F(QueueNotesTest, WhatWasInFlightComesInTheOrderOfItsCounters) {
  Put({0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 4, 0, 0, 0, 9, 0,  //
       1, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0,  //
       0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0,  //
       1, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0,  //
       1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0});
  QueueNotes notes = Notes();
  EXPECT_THAT(notes.Begin(9), ElementsAre(2, 0, 3));
  // Counting goes on behind the last one; what is in flight keeps its place.
  notes.Take(2);
  notes.Take(1);
  EXPECT_EQ(Bytes()[48 + 8], 5);
  EXPECT_EQ(Bytes()[32 + 8], 1);
  EXPECT_EQ(Bytes()[32 + 9], 1);
}

// It went between "increase the idx value of used ring by the size of the
// batch" and "set the inflight field of each entry in the batch to 0".
TEST_F(QueueNotesTest, TheLastBatchIsNotInFlightWhereTheUsedIndexHasMoved) {
  Put({0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 4, 0, 3, 0, 9, 0,  //
       1, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0,  //
       1, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0,  //
       1, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0,  //
       1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0});
  EXPECT_THAT(Notes().Begin(11), ElementsAre(2, 0)) << "3, then 1 were given";
  EXPECT_EQ(Bytes()[14], 11);
}

// Before that, the whole batch is still in flight.
TEST_F(QueueNotesTest, ABatchThatWasNotPublishedIsInFlight) {
  Put({0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 4, 0, 3, 0, 9, 0,  //
       0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,  //
       1, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0,  //
       0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,  //
       1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0});
  EXPECT_THAT(Notes().Begin(9), ElementsAre(3, 1));
}

TEST_F(QueueNotesTest, AListThatLeadsNowhereEndsThere) {
  Put({0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 4, 0, 1, 0, 0, 0,  //
       1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,  //
       1, 0, 0, 0, 0, 0, 9, 9, 0, 0, 0, 0, 0, 0, 0, 0});
  EXPECT_THAT(Notes().Begin(0xffff), ElementsAre(0));
}

TEST_F(QueueNotesTest, AStoppedQueueHasNothingInFlight) {
  QueueNotes notes = Notes();
  notes.Begin(0);
  for (const uint16_t head : {0, 1, 2, 3}) notes.Take(head);
  notes.Clear(7);
  EXPECT_THAT(Notes().Begin(7), IsEmpty());
}

TEST(InflightAreaTest, EachQueueHasItsRegionBehindTheLast) {
  FdTable fds;
  const int fd = *fds.Install(SimFile::Memory(8192), "a test");
  InflightArea area(fds);
  EXPECT_FALSE(area.NotesOf(0).has_value());
  ASSERT_FALSE(area.Map({.mmap_size = 2 * 128,
                         .mmap_offset = 4096,
                         .num_queues = 2,
                         .queue_size = kSize},
                        fd));
  area.NotesOf(1)->Begin(0x55);
  EXPECT_FALSE(area.NotesOf(2).has_value());
  const auto memory = fds.FileOf(fd)->memory();
  EXPECT_EQ(memory[4096 + 128 + 14], std::byte{0x55});
  EXPECT_EQ(fds.mapped_count(), 1u);
  area.Clear();
  EXPECT_EQ(fds.mapped_count(), 0u);
}

TEST(InflightAreaTest, MemoryThatItsFileDoesNotHaveIsNotMapped) {
  FdTable fds;
  const int fd = *fds.Install(SimFile::Memory(128), "a test");
  InflightArea area(fds);
  const auto breach = area.Map({.mmap_size = 129, .num_queues = 1}, fd);
  ASSERT_TRUE(breach.has_value());
  EXPECT_EQ(breach->rule, backend_sim::Rule::kInflightOther);
  EXPECT_FALSE(area.mapped());
}

TEST(InflightAreaTest, WhatCannotBeMappedIsNobodysFault) {
  FdTable fds;
  const int fd = *fds.Install(SimFile::Memory(128), "a test");
  fds.FailCall(backend_sim::FdCall::kMap, 1);
  InflightArea area(fds);
  const auto breach = area.Map({.mmap_size = 128, .num_queues = 1}, fd);
  ASSERT_TRUE(breach.has_value());
  EXPECT_EQ(breach->rule, backend_sim::Rule::kNone);
  EXPECT_FALSE(area.mapped());
}

TEST(InflightAreaTest, MemoryThatIsTooShortForAQueueHasNoNotesOfIt) {
  FdTable fds;
  const int fd = *fds.Install(SimFile::Memory(4096), "a test");
  InflightArea area(fds);
  ASSERT_FALSE(
      area.Map({.mmap_size = 130, .num_queues = 9, .queue_size = kSize}, fd));
  EXPECT_TRUE(area.NotesOf(0).has_value());
  EXPECT_FALSE(area.NotesOf(1).has_value());
}

}  // namespace
