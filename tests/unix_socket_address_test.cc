// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/os/unix_socket_address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>

namespace virtio_user {
namespace {

using testing::HasSubstr;

const sockaddr_un& Raw(const UnixSocketAddress& address) {
  return *reinterpret_cast<const sockaddr_un*>(address.get());
}

TEST(UnixSocketAddressTest, TheLongestPathFitsWithItsTerminatingZero) {
  const std::string path(107, 'a');

  const Result<UnixSocketAddress> made = UnixSocketAddress::Make(path);

  ASSERT_TRUE(made.has_value());
  EXPECT_EQ(Raw(*made).sun_family, AF_UNIX);
  EXPECT_EQ(std::string(Raw(*made).sun_path), path);
}

TEST(UnixSocketAddressTest, S33_OneByteMoreIsRefusedWithLengthAndLimit) {
  const Result<UnixSocketAddress> made =
      UnixSocketAddress::Make(std::string(108, 'a'));

  ASSERT_FALSE(made.has_value());
  EXPECT_EQ(made.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(std::string(made.error().text()), HasSubstr("108 bytes"));
  EXPECT_THAT(std::string(made.error().text()), HasSubstr("107"));
}

TEST(UnixSocketAddressTest, AnEmptyPathIsRefused) {
  const Result<UnixSocketAddress> made = UnixSocketAddress::Make("");

  ASSERT_FALSE(made.has_value());
  EXPECT_EQ(made.error().code(), ErrorCode::kInvalidArgument);
}

TEST(UnixSocketAddressTest, AZeroByteInsideIsRefusedAndNotTakenForTheEnd) {
  const Result<UnixSocketAddress> made =
      UnixSocketAddress::Make(std::string("/tmp/a\0b", 8));

  ASSERT_FALSE(made.has_value());
  EXPECT_EQ(made.error().code(), ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace virtio_user
