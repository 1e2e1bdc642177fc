// SPDX-License-Identifier: BSD-3-Clause
//
// No field that a peer may write is loaded twice in one call, other than those
// listed here, each with its reason.

#include <algorithm>
#include <iterator>
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
// Two looks at a used element that go on to be one: see driver_loops.h and
// by_fours.h.
constexpr std::string_view kLoops =
    "a loop looked at it, maybe among four, and did not take it; whoever comes "
    "next looks anew";
constexpr std::string_view kPolled =
    "asked again for what came meanwhile, and (EVENT_IDX) once more behind the "
    "wish to be kicked";
constexpr std::string_view kPopOne =
    "PopOne found several descriptors and left them to Pop";
constexpr Documented kDocumented[] = {
    {"rx", "used.idx", 2, kPolled},
    {"rx", "used.ring[].id", 6, kLoops},
    {"rx", "used.ring[].len", 6, kLoops},
    {"rx", "desc[].tail", 6, kLoops},
    {"rx", "buffer", 4,
     "a header that says something is left by the loops over whole frames, and "
     "decoded from a copy of its own"},
    {"tx", "used.ring[].id", 11, kLoops},
    {"tx", "used.ring[].len", 11, kLoops},
    {"tx", "desc[].tail", 11, kLoops},
    {"queue", "used.ring[].id", 8, kLoops},
    {"queue", "used.ring[].len", 8, kLoops},
    {"queue", "desc[].tail", 8, kLoops},
    {"control", "avail.idx", 3, kPolled},
    {"control", "desc[].tail", 2, kPolled},
    {"device", "avail.idx", 3, kPolled},
    {"device", "desc[].tail", 2, kPopOne},
    {"device", "avail.ring[]", 2, kPopOne},
    {"device", "desc[].addr", 2, kPopOne},
    {"device", "desc[].rest", 2, kPopOne},
};

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
  std::vector<size_t> met(std::size(kDocumented));
  for (const NamedScenario& named : AllScenarios()) {
    for (const auto& [field, count] : RepeatedFields(named)) {
      const auto found =
          std::ranges::find_if(kDocumented, [&](const Documented& documented) {
            return named.name.starts_with(documented.calls) &&
                   field == documented.field;
          });
      if (found == std::end(kDocumented)) {
        ADD_FAILURE() << named.name << ": " << field << " is loaded " << count
                      << " times";
        continue;
      }
      size_t& most = met[static_cast<size_t>(found - std::begin(kDocumented))];
      most = std::max(most, count);
    }
  }
  for (size_t i = 0; i < met.size(); ++i) {
    EXPECT_EQ(met[i], kDocumented[i].most)
        << kDocumented[i].calls << ", " << kDocumented[i].field << ": "
        << kDocumented[i].reason;
  }
}

// What most packets are, on a split ring, leaves no loop early.
TEST_F(ReadOnce, PlainPacketsOnASplitRingHaveNoExceptions) {
  size_t count = 0;
  for (const NamedScenario& named : AllScenarios()) {
    const std::string_view name = named.name;
    const bool split = name.starts_with("rx Split") ||
                       name.starts_with("tx Split") ||
                       name.starts_with("queue Split");
    const bool plain = name.find(" plain") != name.npos ||
                       name.find(" wrapping") != name.npos ||
                       name.find(" one") != name.npos ||
                       name.find(" singles in turn") != name.npos;
    if (!split || !plain) continue;
    ++count;
    EXPECT_TRUE(RepeatedFields(named).empty()) << name;
  }
  EXPECT_GT(count, 20u);
}

}  // namespace
}  // namespace virtio_user
