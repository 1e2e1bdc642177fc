// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/base/file_descriptor.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "tests/support/faulty_fd_ops.h"
#include "tests/support/fd_balance.h"

namespace virtio_user {
namespace {

class FileDescriptorTest : public testing_support::FdBalanceTest {
 protected:
  FileDescriptor NewEvent() {
    auto made = FileDescriptor::CreateEvent(ops_);
    EXPECT_TRUE(made.has_value());
    return std::move(*made);
  }

  testing_support::FaultyFdOps ops_;
};

TEST_F(FileDescriptorTest, F32_NoneIsMinusOneAndIsNeverClosed) {
  {
    FileDescriptor none;
    EXPECT_EQ(none.get(), -1);
    EXPECT_FALSE(none.valid());
    none.Reset();
    FileDescriptor moved = std::move(none);
    EXPECT_EQ(moved.Release(), -1);
  }

  EXPECT_TRUE(ops_.closed.empty());
}

TEST_F(FileDescriptorTest, ItIsClosedOnceAtTheEnd) {
  int fd = -1;
  {
    const FileDescriptor owned = NewEvent();
    fd = owned.get();
  }

  EXPECT_EQ(ops_.closed, std::vector<int>{fd});
}

TEST_F(FileDescriptorTest, S26_ResetClosesAndForgets) {
  FileDescriptor owned = NewEvent();
  const int fd = owned.get();

  owned.Reset();
  owned.Reset();

  EXPECT_FALSE(owned.valid());
  EXPECT_EQ(ops_.closed, std::vector<int>{fd});
}

TEST_F(FileDescriptorTest, AMoveHandsTheDescriptorOver) {
  FileDescriptor first = NewEvent();
  const int fd = first.get();

  FileDescriptor second = std::move(first);

  EXPECT_EQ(second.get(), fd);
  EXPECT_TRUE(ops_.closed.empty());
}

TEST_F(FileDescriptorTest, AMoveOntoAnotherClosesThatOne) {
  FileDescriptor first = NewEvent();
  FileDescriptor second = NewEvent();
  const int kept = first.get();
  const int lost = second.get();

  second = std::move(first);

  EXPECT_EQ(second.get(), kept);
  EXPECT_EQ(ops_.closed, std::vector<int>{lost});
}

TEST_F(FileDescriptorTest, AMoveOntoItselfChangesNothing) {
  FileDescriptor owned = NewEvent();
  const int fd = owned.get();
  FileDescriptor& same = owned;

  owned = std::move(same);

  EXPECT_EQ(owned.get(), fd);
  EXPECT_TRUE(ops_.closed.empty());
}

TEST_F(FileDescriptorTest, ReleaseGivesItUpUnclosed) {
  FileDescriptor owned = NewEvent();

  const int fd = owned.Release();

  EXPECT_FALSE(owned.valid());
  EXPECT_TRUE(ops_.closed.empty());
  ops_.Close(fd);
}

TEST_F(FileDescriptorTest, F08_Descriptor0IsOwnedLikeAnyOther) {
  {
    const FileDescriptor zero(ops_, ops_.Dup(0).value());
    EXPECT_TRUE(zero.valid());
  }
  FileDescriptor borrowed_number(ops_, 0);
  EXPECT_TRUE(borrowed_number.valid());
  EXPECT_EQ(borrowed_number.Release(), 0);
}

TEST_F(FileDescriptorTest, SignalsAreCountedUntilTheyAreDrained) {
  const FileDescriptor event = NewEvent();

  EXPECT_EQ(event.Drain(), 0u);
  EXPECT_TRUE(event.Signal().has_value());
  EXPECT_TRUE(event.Signal().has_value());

  EXPECT_EQ(event.Drain(), 2u);
  EXPECT_EQ(event.Drain(), 0u);
}

TEST_F(FileDescriptorTest, S20_F33_AFailedEventUnwindsExactlyWhatExists) {
  constexpr int kEvents = 8;
  for (int nth = 1; nth <= kEvents; ++nth) {
    ops_.closed.clear();
    ops_.fail_create_event = nth;
    std::vector<int> made;
    {
      std::vector<FileDescriptor> events;
      for (int i = 0; i < kEvents; ++i) {
        auto event = FileDescriptor::CreateEvent(ops_);
        if (!event) break;
        made.push_back(event->get());
        events.push_back(std::move(*event));
      }
      ASSERT_EQ(events.size(), static_cast<size_t>(nth - 1));
    }
    EXPECT_EQ(ops_.closed.size(), made.size()) << nth;
  }
}

}  // namespace
}  // namespace virtio_user
