// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/explore/fault_explorer.h"

#include <algorithm>
#include <string>

namespace backend_sim {
namespace {

constexpr size_t kWays = kFaultWays.size();

// In how many ways a call can go wrong.
uint64_t WaysOf(const BackendCall& call) {
  return static_cast<uint64_t>(std::ranges::count_if(
      kFaultWays,
      [&](const FaultWay& way) { return call.answered || !way.needs_answer; }));
}

// "pairs 2, faults refused@6,late@9".
std::string CaseName(uint16_t pairs, const FaultChoices& faults) {
  return "pairs " + std::to_string(pairs) + ", faults " + TextOf(faults);
}

struct Counts {
  ExploreCount single;
  ExploreCount two;
  ExploreCount in_recovery;

  void Merge(const Counts& part) {
    single.Merge(part.single);
    two.Merge(part.two);
    in_recovery.Merge(part.in_recovery);
  }
};

class Explorer {
 public:
  Explorer(const FaultExplorerOptions& what, std::vector<BackendCall> calls,
           const ExploreOptions& options)
      : what_(what), calls_(std::move(calls)), options_(options) {}

  // One single fault, and all that can follow it.
  Counts Follow(size_t part) const {
    const FaultChoice first = {.way = part % kWays,
                               .call = part / kWays,
                               .request = calls_[part / kWays].request};
    Counts counts;
    const FaultLifeResult life = Try({first}, true, counts.single);
    if (what_.two) {
      Second(first, life, first.call + 1, life.first_life_calls, counts.two);
    }
    if (what_.in_recovery) {
      Second(first, life, life.first_life_calls, life.calls.size(),
             counts.in_recovery);
    }
    return counts;
  }

 private:
  // A second fault at each call from `begin` to `end` of a life with the first.
  void Second(const FaultChoice& first, const FaultLifeResult& life,
              size_t begin, size_t end, ExploreCount& count) const {
    for (size_t call = begin; call < end; ++call) {
      count.must += WaysOf(life.calls[call]);
      for (size_t way = 0; way < kWays && !options_.Interrupted(); ++way) {
        const FaultChoice second = {
            .way = way, .call = call, .request = life.calls[call].request};
        (void)Try({first, second}, false, count);
      }
    }
  }

  FaultLifeResult Try(const FaultChoices& faults, bool keep_calls,
                      ExploreCount& count) const {
    const std::string name = CaseName(what_.pairs, faults);
    const ObservedCase observed(options_.observer, name);
    FaultLifeResult life = LiveWithFaults({.pairs = what_.pairs,
                                           .faults = faults,
                                           .keep_calls = keep_calls,
                                           .make_backend = what_.make_backend});
    if (life.happened != faults.size()) return life;
    ++count.tried;
    if (!life.wrong.empty()) {
      count.Wrong(name + ": " + life.wrong);
    }
    return life;
  }

  const FaultExplorerOptions& what_;
  const std::vector<BackendCall> calls_;
  const ExploreOptions& options_;
};

std::vector<FdFault> FdFaultsOf(const FdCallCounts& counts) {
  std::vector<FdFault> faults;
  for (const bool backend : {false, true}) {
    for (size_t kind = 0; kind < kFdCalls; ++kind) {
      for (uint64_t nth = 1; nth <= counts[backend ? 1 : 0][kind]; ++nth) {
        faults.push_back({.backend = backend,
                          .call = static_cast<FdCall>(kind),
                          .nth = nth});
      }
    }
  }
  return faults;
}

ExploreCount ExploreDescriptors(const FaultExplorerOptions& what,
                                const FdCallCounts& calls,
                                const ExploreOptions& options) {
  const std::vector<FdFault> faults = FdFaultsOf(calls);
  ExploreCount all = InParallel(faults.size(), options, [&] {
    return [&](size_t part) {
      ExploreCount count;
      const std::string name = "pairs " + std::to_string(what.pairs) + ", " +
                               faults[part].Text() + " fails";
      const ObservedCase observed(options.observer, name);
      const FaultLifeResult life =
          LiveWithFaults({.pairs = what.pairs,
                          .fd_fault = faults[part],
                          .make_backend = what.make_backend});
      const auto kind = static_cast<size_t>(faults[part].call);
      const auto& made = life.fd_calls[faults[part].backend ? 1 : 0];
      count.tried = made[kind] >= faults[part].nth ? 1 : 0;
      if (!life.wrong.empty()) {
        count.Wrong(name + ": " + life.wrong);
      }
      return count;
    };
  });
  for (const auto& side : calls) {
    for (const uint64_t count : side) all.must += count;
  }
  return all;
}

FaultLifeResult LiveFaultless(const FaultExplorerOptions& what,
                              const ExploreOptions& options) {
  const ObservedCase observed(options.observer, CaseName(what.pairs, {}));
  return LiveWithFaults({.pairs = what.pairs,
                         .keep_calls = true,
                         .make_backend = what.make_backend});
}

}  // namespace

std::vector<const ExploreCount*> FaultExploration::Counts() const {
  std::vector<const ExploreCount*> counts;
  for (const ExploreCount* count :
       {&single, &two, &in_recovery, &descriptors}) {
    if (!count->name.empty()) counts.push_back(count);
  }
  return counts;
}

bool FaultExploration::Good() const {
  return std::ranges::all_of(
      Counts(), [](const ExploreCount* count) { return count->Good(); });
}

FaultExploration ExploreFaults(const FaultExplorerOptions& what,
                               const ExploreOptions& options) {
  FaultExploration result;
  result.pairs = what.pairs;
  FaultLifeResult faultless = LiveFaultless(what, options);
  result.calls = faultless.first_life_calls;
  result.single.name = "one fault";
  if (!faultless.wrong.empty()) {
    result.single.Wrong(CaseName(what.pairs, {}) + ": " + faultless.wrong);
    return result;
  }
  faultless.calls.resize(faultless.first_life_calls);
  const Explorer explorer(what, faultless.calls, options);
  const Counts counts = InParallel(
      kWays * faultless.calls.size(), options,
      [&] { return [&](size_t part) { return explorer.Follow(part); }; });
  result.single = counts.single;
  for (const BackendCall& call : faultless.calls) {
    result.single.must += WaysOf(call);
  }
  result.two = counts.two;
  result.in_recovery = counts.in_recovery;
  result.descriptors = ExploreDescriptors(what, faultless.fd_calls, options);
  result.single.name = "one fault";
  if (what.two) result.two.name = "two faults in a life";
  if (what.in_recovery) {
    result.in_recovery.name = "one in a life, one in the recovery";
  }
  result.descriptors.name = "a descriptor or a mapping fails";
  return result;
}

}  // namespace backend_sim
