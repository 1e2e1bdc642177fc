// SPDX-License-Identifier: BSD-3-Clause
//
// No field that a peer may write is loaded twice in one call, other than those
// listed here, each with its reason.

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "backend_sim/load_mutator.h"
#include "gtest/gtest.h"
#include "tests/doublefetch/repeated_loads.h"
#include "tests/doublefetch/scenario.h"

namespace virtio_user {
namespace {

using backend_sim::LoadMutator;

// A field that one call may load again. What was seen before is forgotten then;
// as_if_once_test holds it to that.
struct Documented {
  std::string_view calls;  // How the names of their scenarios begin.
  std::string_view field;
  size_t most = 0;  // Loads of each of its bytes in one call.
  std::string_view reason;
};
constexpr std::array<Documented, 0> kDocumented = {};

class ReadOnce : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!LoadMutator::available()) {
      GTEST_SKIP() << "loads are seen only with --config=doublefetch";
    }
  }
  // The fields that the call loads more than once, and how often.
  std::map<std::string, size_t> RepeatedFields(const NamedScenario& named) {
    const std::unique_ptr<Scenario> scenario = named.make();
    LoadMutator mutator;
    mutator.Watch(scenario->arena().taken());
    {
      const LoadMutator::Scope scope(mutator);
      scenario->Call();
    }
    scenario->ExpectDone();
    EXPECT_FALSE(mutator.loads().empty()) << named.name;
    std::map<std::string, size_t> fields;
    for (const auto& [at, count] : RepeatedBytes(mutator.loads())) {
      size_t& most = fields[FieldAt(scenario->layout(), at)];
      most = std::max(most, count);
    }
    return fields;
  }
};

TEST_F(ReadOnce, NoFieldIsLoadedTwiceOtherThanTheDocumentedOnes) {
  std::vector<size_t> met(kDocumented.size());
  for (const NamedScenario& named : AllScenarios()) {
    for (const auto& [field, count] : RepeatedFields(named)) {
      const auto found =
          std::ranges::find_if(kDocumented, [&](const Documented& documented) {
            return named.name.starts_with(documented.calls) &&
                   field == documented.field;
          });
      if (found == kDocumented.end()) {
        ADD_FAILURE() << named.name << ": " << field << " is loaded " << count
                      << " times";
        continue;
      }
      size_t& most = met[static_cast<size_t>(found - kDocumented.begin())];
      most = std::max(most, count);
    }
  }
  for (size_t i = 0; i < met.size(); ++i) {
    EXPECT_EQ(met[i], kDocumented[i].most)
        << kDocumented[i].calls << ", " << kDocumented[i].field;
  }
}

}  // namespace
}  // namespace virtio_user
