// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/base/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <string>

namespace virtio_user {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

TEST(ErrorTest, AnErrorHasItsCodeItsTextAndNoErrno) {
  const Error error =
      Error::Make(ErrorCode::kRefused, "vring %u: %s", 3u, "no");

  EXPECT_EQ(error.code(), ErrorCode::kRefused);
  EXPECT_EQ(error.sys_errno(), 0);
  EXPECT_EQ(error.text(), "vring 3: no");
}

TEST(ErrorTest, AnErrorOfTheKernelNamesItsErrno) {
  const Error error =
      Error::System(ErrorCode::kSystem, ENOENT, "cannot open %s", "/x");

  EXPECT_EQ(error.code(), ErrorCode::kSystem);
  EXPECT_EQ(error.sys_errno(), ENOENT);
  EXPECT_EQ(error.text(), "cannot open /x: No such file or directory (ENOENT)");
}

TEST(ErrorTest, AnErrnoWithoutANameIsSaidSo) {
  const Error error = Error::System(ErrorCode::kSystem, 99999, "odd");

  EXPECT_EQ(error.sys_errno(), 99999);
  EXPECT_THAT(std::string(error.text()),
              AllOf(StartsWith("odd: "), HasSubstr("unknown")));
}

TEST(ErrorTest, AnEmptyTextHasNoBytes) {
  EXPECT_EQ(Error::Make(ErrorCode::kRefused, "%s", "").text(), "");
}

TEST(ErrorTest, TextThatFitsExactlyIsWhole) {
  const std::string fits(Error::kMaxTextBytes - 1, 'x');

  EXPECT_EQ(Error::Make(ErrorCode::kProtocol, "%s", fits.c_str()).text(), fits);
}

TEST(ErrorTest, TextThatIsTooLongIsCut) {
  const std::string much(1000, 'x');

  const Error made = Error::Make(ErrorCode::kProtocol, "%s", much.c_str());
  const Error system =
      Error::System(ErrorCode::kSystem, EIO, "%s", much.c_str());

  EXPECT_EQ(made.text(), much.substr(0, Error::kMaxTextBytes - 1));
  EXPECT_EQ(system.text(), much.substr(0, Error::kMaxTextBytes - 1));
  EXPECT_EQ(system.sys_errno(), EIO);
}

TEST(ErrorTest, TheErrnoIsCutWhereTheTextLeavesLittleRoom) {
  const std::string most(Error::kMaxTextBytes - 11, 'x');

  const Error error =
      Error::System(ErrorCode::kSystem, EIO, "%s", most.c_str());

  EXPECT_EQ(error.text().size(), Error::kMaxTextBytes - 1);
  EXPECT_THAT(std::string(error.text()), EndsWith("x: Input/ou"));
}

TEST(ErrorTest, FailMakesAResultWithTheError) {
  const Result<int> result = Fail(ErrorCode::kWrongState, "%d times", 2);

  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code(), ErrorCode::kWrongState);
  EXPECT_EQ(result.error().text(), "2 times");
}

TEST(ErrorTest, FailHandsAnErrorOnBetweenTypes) {
  const Result<int> first =
      std::unexpected(Error::System(ErrorCode::kSystem, EBADF, "first"));

  const Result<std::string> second = Fail(first);

  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().sys_errno(), EBADF);
  EXPECT_EQ(second.error().text(), first.error().text());
}

TEST(ErrorTest, EveryCodeHasAWordOfItsOwn) {
  EXPECT_EQ(ToString(ErrorCode::kInvalidArgument), "invalid argument");
  EXPECT_EQ(ToString(ErrorCode::kWrongState), "wrong state");
  EXPECT_EQ(ToString(ErrorCode::kUnsupported), "unsupported");
  EXPECT_EQ(ToString(ErrorCode::kRefused), "refused by the back-end");
  EXPECT_EQ(ToString(ErrorCode::kProtocol),
            "protocol violation by the back-end");
  EXPECT_EQ(ToString(ErrorCode::kDeadline), "deadline");
  EXPECT_EQ(ToString(ErrorCode::kDisconnected), "disconnected");
  EXPECT_EQ(ToString(ErrorCode::kSystem), "system");
  EXPECT_EQ(ToString(static_cast<ErrorCode>(200)), "unknown");
}

TEST(ErrorTest, OnlyThreeCodesMeanThatThePeerIsLost) {
  EXPECT_TRUE(LosesPeer(ErrorCode::kProtocol));
  EXPECT_TRUE(LosesPeer(ErrorCode::kDeadline));
  EXPECT_TRUE(LosesPeer(ErrorCode::kDisconnected));
  EXPECT_FALSE(LosesPeer(ErrorCode::kInvalidArgument));
  EXPECT_FALSE(LosesPeer(ErrorCode::kWrongState));
  EXPECT_FALSE(LosesPeer(ErrorCode::kUnsupported));
  EXPECT_FALSE(LosesPeer(ErrorCode::kRefused));
  EXPECT_FALSE(LosesPeer(ErrorCode::kSystem));
}

}  // namespace
}  // namespace virtio_user
