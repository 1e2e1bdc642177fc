// SPDX-License-Identifier: BSD-3-Clause
//
// Holds docs/history.md to the tests and the patches: every bug has one row,
// with tests that exist and carry its id in their names, and with a patch that
// plants it; or with a reason.

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>
#include <string_view>
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

fs::path History() { return Root() / "tests" / "history"; }

std::string Read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<Row> RowsOf(const std::string& page) {
  const std::regex line(R"(\| ([A-Z]\d+) \| [^|]+ \| ([^|\n]+) \|)");
  std::vector<Row> rows;
  for (std::sregex_iterator at(page.begin(), page.end(), line), end; at != end;
       ++at) {
    rows.push_back({.id = (*at)[1].str(), .evidence = (*at)[2].str()});
  }
  return rows;
}

std::vector<Row> ReadRows() {
  return RowsOf(Read(Root() / "docs" / "history.md"));
}

struct Series {
  char letter;
  int first;
  int last;
};

// Every number of the seed's was not given. H has no leading zeros.
constexpr Series kSeries[] = {{'S', 1, 17},  {'S', 20, 40}, {'S', 50, 54},
                              {'S', 60, 76}, {'H', 1, 19},  {'F', 1, 62},
                              {'B', 1, 44},  {'D', 1, 20},  {'P', 1, 20}};

std::vector<std::string> IdsOf(char letter) {
  std::vector<std::string> ids;
  for (const Series& series : kSeries) {
    if (series.letter != letter) continue;
    for (int i = series.first; i <= series.last; ++i) {
      const char* const zero = i < 10 && letter != 'H' ? "0" : "";
      ids.push_back(letter + (zero + std::to_string(i)));
    }
  }
  return ids;
}

// Whether the test's name has the id as one of its parts.
bool CarriesId(const std::string& name, const std::string& id) {
  return ("_" + name + "_").find("_" + id + "_") != std::string::npos;
}

bool HasTest(const std::string& source, const std::string& name) {
  return std::regex_search(
      source,
      std::regex(R"(\b(TYPED_)?TEST(_F|_P)?\(\s*\w+,\s*)" + name + R"(\s*\))"));
}

std::string ReadTest(const std::string& file) {
  for (const char* const folder : {"", "history", "dpdk"}) {
    const std::string text = Read(Root() / "tests" / folder / file);
    if (!text.empty()) return text;
  }
  return "";
}

// A reason says something behind its opening words.
bool HasReason(const Row& row, std::string_view opening) {
  const size_t at = row.evidence.find(opening);
  return at != std::string::npos &&
         row.evidence.size() - at > opening.size() + 20;
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
    if (!HasTest(ReadTest(file), name)) {
      wrong += name + " is not in " + file + "; ";
    }
  }
  if (count == 0) wrong = "neither a test nor a reason";
  return wrong;
}

// The id whose patch plants the bug; "" where none does.
std::string PatchOf(const Row& row) {
  std::smatch found;
  const std::regex patch(R"(\(patch(?: of (\w+))?[^)]*\))");
  if (!std::regex_search(row.evidence, found, patch)) return "";
  return found[1].matched ? found[1].str() : row.id;
}

// What all .bzl files of the planted bugs say.
std::string ReadLists() {
  std::string lists;
  for (const auto& entry : fs::directory_iterator(History())) {
    if (entry.path().extension() == ".bzl") lists += Read(entry.path());
  }
  return lists;
}

bool IsListed(const std::string& lists, const std::string& id) {
  return std::regex_search(
      lists, std::regex("\n    \"" + id + "\": |name = \"" + id + "\""));
}

std::string CheckPatch(const Row& row, const std::string& lists) {
  const std::string patch = PatchOf(row);
  if (patch.empty()) {
    return HasReason(row, "not planted: ") ? "" : "no patch and no reason";
  }
  if (!fs::exists(History() / "patches" / (patch + ".patch"))) {
    return "there is no " + patch + ".patch";
  }
  return IsListed(lists, row.id) ? "" : "in no .bzl of tests/history";
}

TEST(History, EveryIdHasItsRowInOrder) {
  const std::vector<Row> rows = ReadRows();
  for (const char letter : {'S', 'H', 'F', 'B', 'D', 'P'}) {
    std::vector<std::string> ids;
    for (const Row& row : rows) {
      if (row.id[0] == letter) ids.push_back(row.id);
    }
    EXPECT_EQ(ids, IdsOf(letter));
  }
}

TEST(History, EveryRowNamesTestsThatExistOrSaysWhyItCannotOccur) {
  for (const Row& row : ReadRows()) {
    if (HasReason(row, "cannot occur: ")) continue;
    EXPECT_EQ(CheckTests(row), "") << row.id;
  }
}

TEST(History, EveryBugThatCanOccurIsPlantedOrSaysWhyNot) {
  const std::string lists = ReadLists();
  for (const Row& row : ReadRows()) {
    if (HasReason(row, "cannot occur: ")) continue;
    EXPECT_EQ(CheckPatch(row, lists), "") << row.id;
  }
}

TEST(History, EveryPatchHasARowThatTellsOfIt) {
  std::set<std::string> told;
  std::set<char> letters;
  for (const Row& row : ReadRows()) {
    told.insert(PatchOf(row));
    letters.insert(row.id[0]);
  }
  for (const auto& entry : fs::directory_iterator(History() / "patches")) {
    const std::string id = entry.path().stem();
    EXPECT_EQ(entry.path().extension(), ".patch");
    EXPECT_TRUE(told.contains(id) || !letters.contains(id[0])) << id;
  }
}

TEST(History, AnIdIsAPartOfANameAndNotSomeLetters) {
  EXPECT_TRUE(CarriesId("S05_H6_ARing", "S05"));
  EXPECT_TRUE(CarriesId("ARing_H6", "H6"));
  EXPECT_FALSE(CarriesId("S05_H16_ARing", "H6"));
  EXPECT_FALSE(CarriesId("S055_ARing", "S05"));
}

TEST(History, ATestIsFoundByItsWholeName) {
  const std::string source = "TEST_F(Suite,\n       S01_Name) {";

  EXPECT_TRUE(HasTest(source, "S01_Name"));
  EXPECT_FALSE(HasTest(source, "S01_Nam"));
  EXPECT_FALSE(HasTest("// S01_Name", "S01_Name"));
  EXPECT_TRUE(HasTest("TYPED_TEST(Suite, Name_H1)", "Name_H1"));
}

TEST(History, APatchIsTheRowsOwnUnlessItNamesAnother) {
  const auto patch = [](const char* evidence) {
    return PatchOf({.id = "F01", .evidence = evidence});
  };
  EXPECT_EQ(patch("`a_test.cc: F01_A` (patch)<br>`b_test.cc: F01_B`"), "F01");
  EXPECT_EQ(patch("`a_test.cc: F01_A` (patch; needs DPDK)"), "F01");
  EXPECT_EQ(patch("`a_test.cc: F01_A` (patch of S05)"), "S05");
  EXPECT_EQ(patch("`a_test.cc: F01_A`"), "");
}

TEST(History, AReasonOfAFewLettersIsNone) {
  const Row row = {.id = "F01", .evidence = "cannot occur: it does not"};

  EXPECT_FALSE(HasReason(row, "cannot occur: "));
  EXPECT_EQ(CheckTests(row), "neither a test nor a reason");
}

TEST(History, ABugIsListedByItsWholeId) {
  EXPECT_TRUE(IsListed("{\n    \"F01\": \"x_test\",\n", "F01"));
  EXPECT_TRUE(IsListed("history_bug(name = \"F01\")", "F01"));
  EXPECT_FALSE(IsListed("{\n    \"F011\": \"x_test\",\n", "F01"));
}

}  // namespace
