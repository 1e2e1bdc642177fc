// SPDX-License-Identifier: BSD-3-Clause
//
// A peer that writes one word in the middle of a call, whatever the word and
// wherever, gets nothing out of it that it could not have had by writing it
// before the call or after: no field is believed as it was once and as it was
// another time.

#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backend_sim/load_mutator.h"
#include "backend_sim/seeded_entropy.h"
#include "gtest/gtest.h"
#include "tests/doublefetch/scenario.h"

namespace virtio_user {
namespace {

using backend_sim::kPeerMoments;
using backend_sim::kPeerValues;
using backend_sim::LoadMutator;
using backend_sim::PeerMoment;
using backend_sim::SeededEntropy;
using backend_sim::WrittenWord;

// Where the middle of a call is not like before it or after it.
bool MayDiffer(std::string_view call, std::string_view field,
               PeerMoment moment) {
  // An index is looked at again for what came meanwhile. One that runs
  // backwards in a call breaks the queue; before the call it is nothing.
  if (field == "used.idx" || field == "avail.idx") return true;
  // A split descriptor that names itself as the next one, once, is in its chain
  // twice: that is not one field read twice. Tables lie in buffers.
  const bool has_next =
      field == "desc[].rest" ||
      (field == "buffer" && call.starts_with("control split"));
  return has_next && moment == PeerMoment::kDuring;
}

class AsIfOnce : public ::testing::Test {
 protected:
  // Bits to flip are many.
  static constexpr int kRepeats = 4;

  void SetUp() override {
    if (!LoadMutator::available()) {
      GTEST_SKIP() << "loads are seen only with --config=doublefetch";
    }
  }

  static std::string Run(Scenario& scenario, LoadMutator& mutator) {
    mutator.Watch(scenario.arena().taken());
    {
      const LoadMutator::Scope scope(mutator);
      scenario.Call();
    }
    return scenario.Outcome();
  }
  // The same call where `word`, of another run, was written before it.
  static std::string RunAfter(const NamedScenario& named, size_t offset,
                              const WrittenWord& word) {
    const std::unique_ptr<Scenario> scenario = named.make();
    std::memcpy(scenario->arena().memory().data() + offset, &word.value,
                word.bytes);
    LoadMutator none;
    return Run(*scenario, none);
  }

  void WriteAt(const NamedScenario& named, const std::string& untouched,
               PeerMoment moment) {
    const std::unique_ptr<Scenario> scenario = named.make();
    const std::string outcome = Run(*scenario, mutator_);
    if (mutator_.writes().empty() || outcome == untouched) return;
    const WrittenWord word = mutator_.writes()[0];
    const std::string field = FieldAt(scenario->layout(), word.at);
    if (MayDiffer(named.name, field, moment)) return;
    const auto offset =
        static_cast<size_t>(word.at - scenario->arena().memory().data());
    ++compared_;
    EXPECT_EQ(outcome, RunAfter(named, offset, word))
        << "untouched: " << untouched << "\n"
        << field << " at " << offset << " became " << word.value;
  }

  void WriteAnywhere(const std::vector<NamedScenario>& scenarios) {
    for (const NamedScenario& named : scenarios) WriteAnywhere(named);
    std::printf("%zu outcomes were not the untouched one\n", compared_);
    EXPECT_GT(compared_, 1000u);
  }
  void WriteAnywhere(const NamedScenario& named) {
    LoadMutator none;
    const std::string untouched = Run(*named.make(), none);
    const size_t load_count = none.loads().size();
    for (size_t k = 0; k < load_count; ++k) {
      for (const auto value : kPeerValues) {
        for (const auto moment : kPeerMoments) {
          for (int i = 0; i < kRepeats && !HasFailure(); ++i) {
            SCOPED_TRACE(named.name + ", load " + std::to_string(k) +
                         ", moment " +
                         std::to_string(static_cast<int>(moment)));
            mutator_.MutateAt(k, {value, moment}, entropy_);
            WriteAt(named, untouched, moment);
          }
        }
      }
    }
  }

 private:
  LoadMutator mutator_;
  SeededEntropy entropy_{2};
  size_t compared_ = 0;
};

TEST_F(AsIfOnce, Receiving) { WriteAnywhere(RxScenarios()); }

TEST_F(AsIfOnce, Sending) { WriteAnywhere(TxScenarios()); }

TEST_F(AsIfOnce, TheDriversQueues) { WriteAnywhere(DriverQueueScenarios()); }

TEST_F(AsIfOnce, TheDevicesSideAndTheControlQueue) {
  std::vector<NamedScenario> scenarios = DeviceQueueScenarios();
  for (NamedScenario& control : ControlScenarios()) {
    scenarios.push_back(std::move(control));
  }
  WriteAnywhere(scenarios);
}

}  // namespace
}  // namespace virtio_user
