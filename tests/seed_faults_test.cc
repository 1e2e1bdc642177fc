// SPDX-License-Identifier: BSD-3-Clause
//
// Holds docs/seed_faults.md to the tests: every id of the list has a test that
// exists and carries the id in its name, or a reason why it cannot occur.

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace {

namespace fs = std::filesystem;

struct Row {
  std::string id;
  std::string evidence;  // The third column.
};

// WORKSPACE among the test's files is a link into the tree.
fs::path Root() {
  const char* const files = std::getenv("TEST_SRCDIR");
  const char* const workspace = std::getenv("TEST_WORKSPACE");
  if (files == nullptr || workspace == nullptr) return {};
  return fs::canonical(fs::path(files) / workspace / "WORKSPACE").parent_path();
}

std::string Read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<Row> ReadRows() {
  const std::string page = Read(Root() / "docs" / "seed_faults.md");
  const std::regex line(R"(\| ([SH]\d+) \| [^|]+ \| ([^|]+) \|)");
  std::vector<Row> rows;
  for (std::sregex_iterator at(page.begin(), page.end(), line), end; at != end;
       ++at) {
    rows.push_back({.id = (*at)[1].str(), .evidence = (*at)[2].str()});
  }
  return rows;
}

// The ids of the list, which has gaps: S01 to S17, S20 to S40, S50 to S54,
// S60 to S76, H1 to H19.
std::vector<std::string> AllIds() {
  constexpr std::pair<int, int> kGroups[] = {
      {1, 17}, {20, 40}, {50, 54}, {60, 76}};
  std::vector<std::string> ids;
  for (const auto& [first, last] : kGroups) {
    for (int i = first; i <= last; ++i) {
      ids.push_back((i < 10 ? "S0" : "S") + std::to_string(i));
    }
  }
  for (int i = 1; i <= 19; ++i) ids.push_back("H" + std::to_string(i));
  return ids;
}

// Whether the test's name has the id as one of its parts.
bool CarriesId(const std::string& name, const std::string& id) {
  return ("_" + name + "_").find("_" + id + "_") != std::string::npos;
}

bool HasTest(const std::string& source, const std::string& name) {
  return std::regex_search(
      source, std::regex(R"(\bTEST(_F|_P)?\(\s*\w+,\s*)" + name + R"(\s*\))"));
}

// What is wrong with the tests that a row names; "" for nothing.
std::string CheckTests(const Row& row) {
  const std::regex reference(R"(`(\w+\.cc): (\w+)`)");
  std::string wrong;
  size_t count = 0;
  for (std::sregex_iterator
           at(row.evidence.begin(), row.evidence.end(), reference),
       end;
       at != end; ++at, ++count) {
    const std::string file = (*at)[1].str();
    const std::string name = (*at)[2].str();
    if (!CarriesId(name, row.id)) wrong += name + " lacks the id; ";
    if (!HasTest(Read(Root() / "tests" / file), name)) {
      wrong += name + " is not in " + file + "; ";
    }
  }
  if (count == 0) wrong = "neither a test nor a reason";
  return wrong;
}

TEST(SeedFaults, EveryIdOfTheListHasItsRowInOrder) {
  std::vector<std::string> ids;
  for (const Row& row : ReadRows()) ids.push_back(row.id);

  EXPECT_EQ(ids, AllIds());
}

TEST(SeedFaults, EveryRowNamesATestThatExistsOrSaysWhyItCannotOccur) {
  constexpr std::string_view kReason = "cannot occur: ";
  for (const Row& row : ReadRows()) {
    const bool has_reason = row.evidence.starts_with(kReason) &&
                            row.evidence.size() > kReason.size() + 20;
    if (has_reason) continue;
    EXPECT_EQ(CheckTests(row), "") << row.id;
  }
}

TEST(SeedFaults, AnIdIsAPartOfANameAndNotSomeLetters) {
  EXPECT_TRUE(CarriesId("S05_H6_ARing", "S05"));
  EXPECT_TRUE(CarriesId("ARing_H6", "H6"));
  EXPECT_FALSE(CarriesId("S05_H16_ARing", "H6"));
  EXPECT_FALSE(CarriesId("S055_ARing", "S05"));
}

TEST(SeedFaults, ATestIsFoundByItsWholeName) {
  const std::string source = "TEST_F(Suite,\n       S01_Name) {";

  EXPECT_TRUE(HasTest(source, "S01_Name"));
  EXPECT_FALSE(HasTest(source, "S01_Nam"));
  EXPECT_FALSE(HasTest("// S01_Name", "S01_Name"));
}

}  // namespace
