// SPDX-License-Identifier: BSD-3-Clause

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "cli/atomic_file.h"
#include "tests/support/temp_dir.h"

namespace virtio_user::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

std::string Read(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

size_t FilesIn(const std::string& path) {
  return static_cast<size_t>(
      std::distance(fs::directory_iterator(path), fs::directory_iterator()));
}

class AtomicFileTest : public ::testing::Test {
 protected:
  const testing_support::TempDir dir_;
  const std::string path_ = dir_.Join("file");
};

TEST_F(AtomicFileTest, NewFile_HasTheTextAndNoOtherIsLeft) {
  ASSERT_TRUE(WriteFileAtomically(path_, "text").has_value());
  EXPECT_EQ(Read(path_), "text");
  EXPECT_EQ(FilesIn(dir_.path()), 1u);
}

TEST_F(AtomicFileTest, NewFile_CanBeReadByEverybodyWhomTheUmaskLets) {
  ASSERT_TRUE(WriteFileAtomically(path_, "text").has_value());
  std::ofstream(dir_.Join("plain")) << "text";
  EXPECT_EQ(fs::status(path_).permissions(),
            fs::status(dir_.Join("plain")).permissions());
}

TEST_F(AtomicFileTest, OldFile_IsReplacedWhole) {
  std::ofstream(path_) << "something much longer";
  ASSERT_TRUE(WriteFileAtomically(path_, "new").has_value());
  EXPECT_EQ(Read(path_), "new");
}

TEST_F(AtomicFileTest, Link_StaysALink) {
  const std::string link = dir_.Join("link");
  std::ofstream(path_) << "old";
  fs::create_symlink("file", link);
  ASSERT_TRUE(WriteFileAtomically(link, "new").has_value());
  EXPECT_TRUE(fs::is_symlink(link));
  EXPECT_EQ(Read(path_), "new");
}

TEST_F(AtomicFileTest, MissingFolder_IsNamed) {
  const auto written = WriteFileAtomically(dir_.Join("no/file"), "text");
  ASSERT_FALSE(written.has_value());
  EXPECT_THAT(written.error(), HasSubstr(dir_.Join("no/file")));
  EXPECT_THAT(written.error(), HasSubstr("No such file or directory"));
}

TEST_F(AtomicFileTest, FullDevice_IsAnError) {
  const auto written = WriteFileAtomically("/dev/full", "text");
  ASSERT_FALSE(written.has_value());
  EXPECT_THAT(written.error(), HasSubstr("No space left"));
}

TEST_F(AtomicFileTest, CheckWritable_LeavesNothingBehind) {
  EXPECT_TRUE(CheckWritable(path_).has_value());
  EXPECT_EQ(FilesIn(dir_.path()), 0u);
  EXPECT_FALSE(CheckWritable(dir_.path()).has_value());
  EXPECT_FALSE(CheckWritable(dir_.Join("no/file")).has_value());
  EXPECT_TRUE(CheckWritable("/dev/null").has_value());
}

}  // namespace
}  // namespace virtio_user::cli
