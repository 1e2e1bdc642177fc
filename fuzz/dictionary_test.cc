// SPDX-License-Identifier: BSD-3-Clause
//
// Dictionaries are what make_dict writes, can be read by fuzzers, and have
// every name of the tables.

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <sstream>
#include <string>

#include "backend_sim/wire.h"
#include "fuzz/dictionaries.h"
#include "virtio_user/spec/feature.h"
#include "virtio_user/spec/vhost_user.h"

namespace fuzz {
namespace {

std::string Committed(std::string_view target) {
  std::ifstream file("fuzz/" + std::string(target) + ".dict");
  return {std::istreambuf_iterator<char>(file), {}};
}

const Dictionary& Of(std::string_view target) {
  static const auto* const kAll = new std::vector<Dictionary>(Dictionaries());
  return *std::ranges::find(*kAll, target, &Dictionary::target);
}

std::set<std::string> NamesOf(const Dictionary& dictionary) {
  std::set<std::string> names;
  for (const Seed& word : dictionary.words) names.insert(word.name);
  return names;
}

Bytes WordOf(const Dictionary& dictionary, std::string_view name) {
  const auto word = std::ranges::find(dictionary.words, name, &Seed::name);
  return word == dictionary.words.end() ? Bytes() : word->bytes;
}

TEST(DictionaryTest, EachFile_IsWhatIsGenerated) {
  for (const Dictionary& dictionary : Dictionaries()) {
    EXPECT_EQ(Committed(dictionary.target), ToText(dictionary))
        << dictionary.target << ": bazel run //fuzz:make_dict";
  }
}

TEST(DictionaryTest, EachLine_IsACommentOrANamedWord) {
  const std::regex kWord(R"re([A-Za-z0-9_]+="(\\x[0-9a-fA-F]{2}|[^"\\])+")re");
  for (const Dictionary& dictionary : Dictionaries()) {
    std::istringstream lines(Committed(dictionary.target));
    size_t words = 0;
    for (std::string line; std::getline(lines, line);) {
      if (line.empty() || line.starts_with('#')) continue;
      EXPECT_TRUE(std::regex_match(line, kWord))
          << dictionary.target << ": " << line;
      ++words;
    }
    EXPECT_EQ(words, dictionary.words.size());
    EXPECT_EQ(words, NamesOf(dictionary).size()) << "a name comes twice";
  }
}

TEST(DictionaryTest, EachRequest_IsAWordOfItsNumber) {
  for (const char* const target :
       {"vhost_user_reply_fuzz", "vhost_user_server_fuzz"}) {
    for (const auto& rule : backend_sim::RequestRules()) {
      const std::string name = "VHOST_USER_" + std::string(rule.name);
      const Bytes number = {static_cast<std::byte>(rule.number), std::byte{0},
                            std::byte{0}, std::byte{0}};
      EXPECT_EQ(WordOf(Of(target), name), number) << target << ": " << name;
    }
  }
}

TEST(DictionaryTest, EachFeature_IsAWordOfItsBit) {
  size_t features = 0;
  for (unsigned bit = 0; bit < 128; ++bit) {
    const auto name = virtio_user::FeatureName(bit);
    if (name == "bit") continue;
    Bytes word(8);
    word[bit % 64 / 8] = static_cast<std::byte>(1u << bit % 8);
    EXPECT_EQ(WordOf(Of("feature_mask_fuzz"), name), word) << name;
    if (bit < 64) {
      EXPECT_EQ(WordOf(Of("kernel_reply_fuzz"), name), word) << name;
    }
    ++features;
  }
  EXPECT_GT(features, 40u);
}

TEST(DictionaryTest, EachProtocolFeature_IsAWordOfItsBit) {
  for (unsigned bit = 0; bit < 64; ++bit) {
    const auto name = virtio_user::ProtocolFeatureName(bit);
    if (name == "bit") continue;
    Bytes word(8);
    word[bit / 8] = static_cast<std::byte>(1u << bit % 8);
    EXPECT_EQ(WordOf(Of("vhost_user_reply_fuzz"), name), word) << name;
  }
}

TEST(DictionaryTest, OptionsAndCommands_AreWords) {
  const auto names = NamesOf(Of("options_fuzz"));
  for (const char* const name :
       {"option____queues_", "option____depth_", "command_simulate_",
        "operation__start", "set__set_pairs_", "fault_refused_",
        "path_split_mrg", "backend_vdpa"}) {
    EXPECT_TRUE(names.contains(name)) << name;
  }
}

}  // namespace
}  // namespace fuzz
