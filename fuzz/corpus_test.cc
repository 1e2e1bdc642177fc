// SPDX-License-Identifier: BSD-3-Clause
//
// What lies in corpus/ is what make_corpus writes, but for what left_out/
// names, and what fuzzing found and `./vuser fuzz --distil` kept, whose names
// are the engine's. In corpus/TARGET/found/ is what a target died of once,
// under a name that tells.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <string_view>

#include "fuzz/control_input.h"
#include "fuzz/left_out.h"
#include "fuzz/seeds.h"

namespace fuzz {
namespace {

namespace fs = std::filesystem;

const char* const kCorpus = "fuzz/corpus";

// As an engine names an input: by its SHA-1.
bool IsFound(const std::string& name) {
  return name.size() == 40 &&
         name.find_first_not_of("0123456789abcdef") == std::string::npos;
}

// Contents by name, "found/NAME" for a finding.
std::map<std::string, std::string> Committed(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_directory()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    files[entry.path().lexically_relative(folder)] = {
        std::istreambuf_iterator<char>(file), {}};
  }
  return files;
}

std::map<std::string, std::string> Generated(const SeededTarget& target) {
  std::map<std::string, std::string> files;
  for (const Seed& seed : target.seeds()) {
    const bool is_new =
        files
            .emplace(
                seed.name,
                std::string(reinterpret_cast<const char*>(seed.bytes.data()),
                            seed.bytes.size()))
            .second;
    EXPECT_TRUE(is_new) << target.name << ": two seeds are " << seed.name;
  }
  return files;
}

// The most bytes of an input that a target is given: max_len of the options
// that fuzz/BUILD names in FUZZ_OPTIONS, a "TARGET=FILE" a word; 0 if there is
// none.
size_t MostBytes(std::string_view target) {
  const char* const words = std::getenv("FUZZ_OPTIONS");
  std::istringstream pairs(words == nullptr ? "" : words);
  for (std::string pair; pairs >> pair;) {
    if (!pair.starts_with(std::string(target) + "=")) continue;
    std::ifstream options(pair.substr(target.size() + 1));
    size_t bytes = 0;
    for (std::string line; std::getline(options, line);) {
      std::sscanf(line.c_str(), "max_len = %zu", &bytes);
    }
    return bytes;
  }
  return 0;
}

class CorpusTest : public testing::TestWithParam<SeededTarget> {};

TEST_P(CorpusTest, EachSeed_IsCommittedAsItIsGeneratedOrLeftOut) {
  const auto generated = Generated(GetParam());
  const auto left_out = LeftOutSeeds(GetParam().name);
  const auto committed = Committed(fs::path(kCorpus) / GetParam().name);
  ASSERT_FALSE(generated.empty());

  for (const auto& [name, bytes] : generated) {
    const auto file = committed.find(name);
    if (left_out.contains(name)) {
      EXPECT_EQ(file, committed.end()) << name << " is left out";
    } else if (file == committed.end()) {
      ADD_FAILURE() << name << " is missing: bazel run //fuzz:make_corpus";
    } else {
      EXPECT_TRUE(file->second == bytes) << name << " is another one";
    }
  }
  for (const auto& [name, bytes] : committed) {
    EXPECT_TRUE(IsFound(name) || generated.contains(name) ||
                name.starts_with("found/"))
        << name << " comes from nowhere";
  }
}

TEST_P(CorpusTest, WhatIsLeftOut_IsGenerated) {
  const auto generated = Generated(GetParam());
  for (const std::string& name : LeftOutSeeds(GetParam().name)) {
    EXPECT_TRUE(generated.contains(name)) << name << " is not generated";
  }
}

// So that there is room for what fuzzing finds next.
TEST_P(CorpusTest, WhereSeedsAreLeftOut_AtMost450FilesStay) {
  if (LeftOutSeeds(GetParam().name).empty()) return;
  const auto committed = Committed(fs::path(kCorpus) / GetParam().name);
  EXPECT_LE(std::ranges::count_if(committed,
                                  [](const auto& file) {
                                    return !file.first.starts_with("found/");
                                  }),
            450);
}

TEST_P(CorpusTest, ACorpus_IsAtMost500FilesAnd1MB) {
  size_t bytes = 0;
  const auto committed = Committed(fs::path(kCorpus) / GetParam().name);
  for (const auto& [name, contents] : committed) bytes += contents.size();
  EXPECT_LE(committed.size(), 500u);
  EXPECT_LE(bytes, 1'000'000u);
}

// The engine would cut it off, and it would no longer be what its name says.
TEST_P(CorpusTest, NoFile_IsLongerThanTheEngineLetsIt) {
  const size_t most = MostBytes(GetParam().name);
  ASSERT_GT(most, 0u) << "no options with max_len for " << GetParam().name;
  for (const auto& [name, bytes] :
       Committed(fs::path(kCorpus) / GetParam().name)) {
    EXPECT_LE(bytes.size(), most) << name << ": max_len is too small for it";
  }
}

TEST(ControlInputTest, ASeedThatWasTakenApart_IsWhatItWas) {
  const auto targets = SeededTargets();
  const auto target = std::ranges::find(
      targets, std::string_view("control_queue_fuzz"), &SeededTarget::name);
  ASSERT_NE(target, targets.end());
  for (const Seed& seed : target->seeds()) {
    Bytes again(seed.bytes.size());
    again.resize(ControlInput(seed.bytes).Write(again));
    EXPECT_TRUE(again == seed.bytes) << seed.name;
  }
}

// What an input's end cuts off must not become the beginning of something else
// once more is put behind it.
TEST(ControlInputTest, AnyBytes_ReadTheSameOnceTheyWereWritten) {
  std::minstd_rand random(1);
  for (int i = 0; i < 2000; ++i) {
    Bytes bytes(random() % 300);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random() % 20);
    Bytes once(2 * bytes.size() + 300);
    ControlInput first(bytes);
    first.writes.resize(
        std::min<size_t>(first.writes.size() + 1, kMostControlWrites));
    once.resize(first.Write(once));
    const ControlInput again(once);
    ASSERT_EQ(again.writes.size(), first.writes.size());
    for (size_t k = 0; k + 1 < first.writes.size(); ++k) {
      EXPECT_TRUE(
          std::ranges::equal(again.writes[k].bytes, first.writes[k].bytes));
      EXPECT_EQ(again.writes[k].at, first.writes[k].at);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, CorpusTest,
                         testing::ValuesIn(SeededTargets().begin(),
                                           SeededTargets().end()),
                         [](const auto& target) {
                           return std::string(target.param.name);
                         });

TEST(CorpusFoldersTest, EachFolderAndList_IsOfATargetWithSeeds) {
  std::set<std::string> names;
  for (const SeededTarget& target : SeededTargets()) {
    names.emplace(target.name);
  }
  for (const auto& entry : fs::directory_iterator("fuzz/left_out")) {
    EXPECT_EQ(entry.path().extension(), ".list");
    EXPECT_TRUE(names.contains(entry.path().stem())) << entry.path();
  }
  for (const auto& entry : fs::directory_iterator(kCorpus)) {
    EXPECT_TRUE(names.contains(entry.path().filename())) << entry.path();
  }
}

}  // namespace
}  // namespace fuzz
