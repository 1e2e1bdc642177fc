// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/fd_table.h"

#include <cerrno>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace {

using ::backend_sim::FdCall;
using ::backend_sim::FdKeeper;
using ::backend_sim::FdTable;
using ::backend_sim::SimFile;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::virtio_user::FileDescriptor;

TEST(FdTableTest, NumbersStartAt0AndTheLowestFreeOneComesNext) {
  FdTable table;
  EXPECT_EQ(*table.CreateEvent(), 0);
  EXPECT_EQ(*table.CreateEvent(), 1);
  EXPECT_EQ(*table.CreateEvent(), 2);
  table.Close(1);
  EXPECT_EQ(*table.CreateEvent(), 1);
  EXPECT_EQ(*table.CreateEvent(), 3);
}

TEST(FdTableTest, EventsCountUntilTheyAreDrained) {
  FdTable table;
  const auto event = FileDescriptor::CreateEvent(table);
  ASSERT_TRUE(event.has_value());
  EXPECT_EQ(*event->Drain(), 0u);
  EXPECT_TRUE(event->Signal().has_value());
  EXPECT_TRUE(event->Signal().has_value());
  EXPECT_EQ(*event->Drain(), 2u);
  EXPECT_EQ(*event->Drain(), 0u);
}

TEST(FdTableTest, ADuplicateIsTheSameFile) {
  FdTable table;
  const int first = *table.CreateEvent();
  const int second = *table.Dup(first);
  EXPECT_NE(first, second);
  EXPECT_TRUE(table.Signal(first).has_value());
  table.Close(first);
  EXPECT_EQ(*table.Drain(second), 1u);
}

TEST(FdTableTest, AReceivedDescriptorHasANumberOfTheReceivers) {
  FdTable sender({.name = "sender"});
  FdTable receiver({.name = "receiver"});
  (void)sender.CreateEvent();
  const int sent = *sender.CreateEvent();
  const int received = *receiver.Receive(sender, sent);
  EXPECT_EQ(received, 0);
  sender.Close(sent);
  EXPECT_TRUE(receiver.Signal(received).has_value());
  EXPECT_EQ(*receiver.Drain(received), 1u);
}

TEST(FdTableTest, MemoryIsSharedAndOutlivesItsDescriptor) {
  FdTable table;
  const int fd = *table.Install(SimFile::Memory(8192), "a test");
  const auto all = table.Map(fd, 0, 8192);
  const auto part = table.Map(fd, 4096, 4096);
  ASSERT_TRUE(all && part);
  table.Close(fd);
  (*all)[4096] = std::byte{7};
  EXPECT_EQ((*part)[0], std::byte{7});
  table.Unmap(*all);
  EXPECT_EQ((*part)[0], std::byte{7});
  table.Unmap(*part);
  EXPECT_EQ(table.Balance(), "");
}

TEST(FdTableTest, MapsNoMoreThanTheFileHolds) {
  FdTable table;
  const int fd = *table.Install(SimFile::Memory(8192), "a test");
  const int event = *table.CreateEvent();
  EXPECT_EQ(table.Map(fd, 4096, 4097).error().sys_errno(), EINVAL);
  EXPECT_EQ(table.Map(fd, 8193, 0).error().sys_errno(), EINVAL);
  EXPECT_EQ(table.Map(fd, ~uint64_t{0}, 2).error().sys_errno(), EINVAL);
  EXPECT_EQ(table.Map(event, 0, 1).error().sys_errno(), EINVAL);
}

TEST(FdTableTest, ItsLimitHoldsForEveryWayToGetADescriptor) {
  FdTable table({.limit = 2});
  const int fd = *table.CreateEvent();
  (void)table.CreateEvent();
  EXPECT_EQ(table.CreateEvent().error().sys_errno(), EMFILE);
  EXPECT_EQ(table.Dup(fd).error().sys_errno(), EMFILE);
  EXPECT_EQ(table.Receive(table, fd).error().sys_errno(), EMFILE);
  EXPECT_FALSE(table.Install(SimFile::Event(), "a test").has_value());
}

TEST(FdTableTest, TheNthCallOfAKindFailsOnce) {
  FdTable table;
  table.FailCall(FdCall::kCreateEvent, 2);
  EXPECT_TRUE(table.CreateEvent().has_value());
  EXPECT_FALSE(table.CreateEvent().has_value());
  EXPECT_TRUE(table.CreateEvent().has_value());
  EXPECT_EQ(table.CallCount(FdCall::kCreateEvent), 3u);
  table.FailCall(FdCall::kDup, 1);
  EXPECT_FALSE(table.Dup(0).has_value());
  table.FailCall(FdCall::kReceive, 1);
  EXPECT_FALSE(table.Receive(table, 0).has_value());
  const int memory = *table.Install(SimFile::Memory(4096), "a test");
  table.FailCall(FdCall::kMap, 1);
  EXPECT_EQ(table.Map(memory, 0, 4096).error().sys_errno(), ENOMEM);
}

TEST(FdTableTest, ClosingTwiceIsAViolation) {
  FdTable table({.name = "front-end"});
  const int fd = *table.CreateEvent();
  table.Close(fd);
  EXPECT_THAT(table.violations(), IsEmpty());
  table.Close(fd);
  EXPECT_THAT(table.violations(),
              ElementsAre("front-end: close of descriptor 0, which is not "
                          "open"));
}

TEST(FdTableTest, UsingWhatIsNotOpenIsAViolationAndAnError) {
  FdTable table;
  FdTable other;
  EXPECT_EQ(table.Signal(3).error().sys_errno(), EBADF);
  EXPECT_EQ(table.Drain(-1).error().sys_errno(), EBADF);
  EXPECT_EQ(table.Dup(0).error().sys_errno(), EBADF);
  EXPECT_EQ(table.Map(0, 0, 1).error().sys_errno(), EBADF);
  EXPECT_EQ(other.Receive(table, 0).error().sys_errno(), EBADF);
  EXPECT_EQ(table.violations().size(), 5u);
  table.Unmap({});
  EXPECT_EQ(table.violations().size(), 6u);
}

TEST(FdTableTest, WhatIsNoCounterCannotBeSignalledOrDrained) {
  FdTable table;
  const int fd = *table.Install(SimFile::Socket(), "a test");
  EXPECT_EQ(table.Signal(fd).error().sys_errno(), EINVAL);
  EXPECT_EQ(table.Drain(fd).error().sys_errno(), EINVAL);
}

TEST(FdTableTest, MemoryAloneHasBytes) {
  FdTable table;
  EXPECT_EQ(table.FileBytes(*table.Install(SimFile::Memory(5000), "a test")),
            5000u);
  EXPECT_EQ(table.FileBytes(*table.CreateEvent()), 0u);
  EXPECT_EQ(table.FileBytes(9).error().sys_errno(), EBADF);
}

TEST(FdTableTest, BalanceNamesWhatIsLeftAndLeavesTheWorldsOwnOut) {
  FdTable table({.name = "front-end"});
  (void)table.Install(SimFile::Memory(4096), "region", FdKeeper::kWorld);
  EXPECT_EQ(table.Balance(), "");
  const int fd = *table.CreateEvent();
  (void)table.Dup(fd);
  EXPECT_EQ(table.Balance(),
            "front-end: descriptor 1 (eventfd) is open\n"
            "front-end: descriptor 2 (dup) is open\n");
  EXPECT_EQ(table.open_count(), 3u);
}

TEST(SimFileTest, AFullCounterStaysFull) {
  const auto file = SimFile::Event();
  for (int i = 0; i < 3; ++i) file->Add();
  EXPECT_EQ(file->counter(), 3u);
  EXPECT_EQ(file->Take(), 3u);
  EXPECT_EQ(file->counter(), 0u);
}

TEST(SimFileDeathTest, APageOnBothSidesOfMemoryCannotBeTouched) {
  const auto file = SimFile::Memory(4096);
  volatile std::byte* const end = file->memory().data() + 4096;
  volatile std::byte* const before = file->memory().data() - 1;
  EXPECT_DEATH(*end = std::byte{1}, "");
  EXPECT_DEATH(*before = std::byte{1}, "");
}

}  // namespace
