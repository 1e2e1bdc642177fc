// SPDX-License-Identifier: BSD-3-Clause
//
// No field that a peer may write is loaded twice in one call, other than those
// listed here, each with its reason.

#include <algorithm>
#include <array>
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

// A field that calls may load again: what was seen the first time is then
// forgotten, or nothing but "look there" came of it.
struct Documented {
  std::string_view calls;  // How the names of their scenarios begin.
  std::string_view field;
  size_t most = 0;  // Loads of one such field in one call.
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
};

TEST_F(ReadOnce, NoFieldIsLoadedTwiceOtherThanTheDocumentedOnes) {
  std::vector<bool> met(kDocumented.size());
  for (const NamedScenario& named : AllScenarios()) {
    const std::unique_ptr<Scenario> scenario = named.make();
    LoadMutator mutator;
    mutator.Watch(scenario->arena().taken());
    {
      const LoadMutator::Scope scope(mutator);
      scenario->Call();
    }
    scenario->ExpectDone();
    EXPECT_FALSE(mutator.loads().empty()) << named.name;
    for (const RepeatedLoad& load : RepeatedLoads(mutator.loads())) {
      const std::string field = FieldAt(scenario->layout(), load.at);
      const auto found =
          std::ranges::find_if(kDocumented, [&](const Documented& documented) {
            return named.name.starts_with(documented.calls) &&
                   field == documented.field && load.count <= documented.most;
          });
      EXPECT_NE(found, kDocumented.end())
          << named.name << ": " << field << " is loaded " << load.count
          << " times";
      if (found != kDocumented.end()) {
        met[static_cast<size_t>(found - kDocumented.begin())] = true;
      }
    }
  }
  for (size_t i = 0; i < met.size(); ++i) {
    EXPECT_TRUE(met[i]) << kDocumented[i].calls << ", " << kDocumented[i].field
                        << ": nothing does that any more";
  }
}

}  // namespace
}  // namespace virtio_user
