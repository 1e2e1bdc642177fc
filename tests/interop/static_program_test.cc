// SPDX-License-Identifier: BSD-3-Clause
//
// What `./vuser dist` writes: a program that needs no file but itself.

#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "tests/interop/child_process.h"
#include "tests/support/temp_dir.h"

namespace interop {
namespace {

using testing::HasSubstr;

constexpr std::chrono::seconds kPatience(60);

std::string Program() {
  return std::string(std::getenv("TEST_SRCDIR")) + "/" +
         std::getenv("TEST_WORKSPACE") + "/cli/vuser_static";
}

template <typename T>
T At(const std::string& bytes, size_t offset) {
  T value{};
  if (offset + sizeof(value) <= bytes.size()) {
    std::memcpy(&value, bytes.data() + offset, sizeof(value));
  }
  return value;
}

// ELF: an interpreter is who loads shared libraries.
TEST(StaticProgramTest, NamesNoInterpreter) {
  const std::string file = ReadFile(Program());
  const auto head = At<Elf64_Ehdr>(file, 0);
  ASSERT_EQ(std::memcmp(head.e_ident, ELFMAG, SELFMAG), 0);
  ASSERT_GT(head.e_phnum, 0);
  for (size_t i = 0; i < head.e_phnum; ++i) {
    const auto part =
        At<Elf64_Phdr>(file, head.e_phoff + i * sizeof(Elf64_Phdr));
    EXPECT_NE(part.p_type, static_cast<Elf64_Word>(PT_INTERP)) << i;
  }
}

class AloneTest : public testing::Test {
 protected:
  // Its exit code, with nothing but itself below its root.
  std::optional<int> Run(std::vector<std::string> arguments) {
    const std::string root = dir_.Join("root");
    std::filesystem::create_directory(root);
    std::filesystem::copy_file(Program(), root + "/vuser");
    arguments.insert(arguments.begin(),
                     {FindProgram("unshare"), "--user", "--map-root-user",
                      "--root=" + root, "/vuser"});
    const auto child = ChildProcess::Start(
        {.arguments = std::move(arguments), .output_path = output_path_});
    return child == nullptr ? std::nullopt : child->Wait(kPatience);
  }
  std::string Output() const { return ReadFile(output_path_); }
  // Some machines let nobody have a root of his own.
  static bool CanBeAlone() {
    return std::system("unshare --user --map-root-user true 2>/dev/null") == 0;
  }

  testing_support::TempDir dir_;
  const std::string output_path_ = dir_.Join("output");
};

TEST_F(AloneTest, RunsWhereThereIsNoOtherFile) {
  if (!CanBeAlone()) GTEST_SKIP() << "no user namespaces here";
  EXPECT_EQ(Run({"run", "--packets", "500"}), 0) << Output();
  EXPECT_THAT(Output(), HasSubstr("verdict: pass"));
}

TEST_F(AloneTest, HelpsWhereThereIsNoOtherFile) {
  if (!CanBeAlone()) GTEST_SKIP() << "no user namespaces here";
  EXPECT_EQ(Run({"probe", "--help"}), 0) << Output();
  EXPECT_THAT(Output(), HasSubstr("Shows what a back-end offers"));
}

}  // namespace
}  // namespace interop
