// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/os/receive_buffer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "virtio_user/base/posix_fd_ops.h"

namespace virtio_user {
namespace {

void Put(ReceiveBuffer& buffer, std::string_view text, size_t fd_count = 0) {
  const std::span<std::byte> room = buffer.Room(text.size());
  std::memcpy(room.data(), text.data(), text.size());
  SocketRead read{.bytes = text.size(), .fd_count = fd_count};
  buffer.Commit(read);
}

struct Taken {
  std::string text;
  size_t fd_count = 0;

  friend bool operator==(const Taken&, const Taken&) = default;
};

Taken Take(ReceiveBuffer& buffer, size_t bytes) {
  std::string text(bytes, '?');
  const SocketRead read = buffer.Take(std::as_writable_bytes(std::span(text)));
  text.resize(read.bytes);
  return {text, read.fd_count};
}

TEST(ReceiveBufferTest, BytesComeOutInTheOrderInWhichTheyCameIn) {
  ReceiveBuffer buffer;
  Put(buffer, "abc");
  Put(buffer, "defg");

  EXPECT_EQ(buffer.size(), 7u);
  EXPECT_EQ(Take(buffer, 4).text, "abcd");
  EXPECT_EQ(Take(buffer, 9).text, "efg");
  EXPECT_TRUE(buffer.empty());
}

TEST(ReceiveBufferTest, RoomIsMadeByMovingWhatIsLeftToTheFront) {
  ReceiveBuffer buffer;
  Put(buffer, std::string(ReceiveBuffer::kBytes - 1, 'a') + "b");
  ASSERT_EQ(Take(buffer, ReceiveBuffer::kBytes - 1).text.size(),
            ReceiveBuffer::kBytes - 1);

  Put(buffer, std::string(ReceiveBuffer::kBytes - 1, 'c'));

  EXPECT_EQ(Take(buffer, 2).text, "bc");
  EXPECT_EQ(buffer.size(), ReceiveBuffer::kBytes - 2);
}

TEST(ReceiveBufferTest, DescriptorsAreToldWithTheLastByte) {
  ReceiveBuffer buffer;
  Put(buffer, "abc");
  EXPECT_FALSE(buffer.ended_by_fds());
  Put(buffer, "d", 2);
  EXPECT_TRUE(buffer.ended_by_fds());

  EXPECT_EQ(Take(buffer, 3), (Taken{"abc", 0}));
  EXPECT_EQ(Take(buffer, 3), (Taken{"d", 2}));
  EXPECT_FALSE(buffer.ended_by_fds());
}

TEST(ReceiveBufferTest, TheDescriptorGoesWithTheLastByteAndIsClosedByClear) {
  PosixFdOps ops;
  ReceiveBuffer buffer;
  for (const bool taken : {true, false}) {
    auto event = *FileDescriptor::CreateEvent(ops);
    const int fd = event.get();
    std::memcpy(buffer.Room(2).data(), "ab", 2);
    SocketRead read{.bytes = 2, .fd_count = 1, .fd = std::move(event)};
    buffer.Commit(read);
    std::array<std::byte, 1> byte{};
    EXPECT_FALSE(buffer.Take(byte).fd.valid());
    if (taken) {
      EXPECT_EQ(buffer.Take(byte).fd.get(), fd);
    } else {
      buffer.Clear();
    }
    EXPECT_FALSE(ops.FileBytes(fd).has_value()) << "closed";
  }
}

TEST(ReceiveBufferTest, ClearForgetsBytesAndDescriptors) {
  ReceiveBuffer buffer;
  Put(buffer, "abc", 1);

  buffer.Clear();

  EXPECT_TRUE(buffer.empty());
  EXPECT_FALSE(buffer.ended_by_fds());
}

TEST(ReceiveBufferDeathTest, MoreRoomThanThereIsIsOurOwnFault) {
  ReceiveBuffer buffer;
  Put(buffer, "abc");

  EXPECT_DEATH(buffer.Room(ReceiveBuffer::kBytes - 2), "CHECK failed");
}

}  // namespace
}  // namespace virtio_user
