// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/explore/sequence_explorer.h"

#include <algorithm>
#include <memory>
#include <unordered_set>
#include <utility>

#include "backend_sim/explore/case_observer.h"

namespace backend_sim {
namespace {

// Parts are the sequences that begin with the same so many operations.
constexpr uint32_t kSharedOps = 2;

// A life whose operations its case is named by.
class NamedLife {
 public:
  NamedLife(CaseObserver* observer, std::shared_ptr<MappingPool> mappings)
      : case_(observer, ""), player_(std::move(mappings)) {}

  bool Play(LifeOp op) {
    if (length_++ > 0) case_.Add(",");
    case_.Add(LifeOpName(op));
    return player_.Play(op);
  }
  LifePlayer& player() { return player_; }
  size_t length() const { return length_; }

 private:
  ObservedCase case_;
  LifePlayer player_;
  size_t length_ = 0;
};

// The next sequence of as many operations, and how many of its first ones are
// the same; nothing: there is none. The first `fixed` stay.
std::optional<size_t> Next(LifeOps& ops, size_t fixed) {
  for (size_t at = ops.size(); at > fixed; --at) {
    const uint32_t next = static_cast<uint32_t>(ops[at - 1]) + 1;
    ops[at - 1] = static_cast<LifeOp>(next % kLifeOps);
    if (next < kLifeOps) return at - 1;
  }
  return std::nullopt;
}

// Those that begin with `first`, but for `first` itself and what is shorter.
SequenceReport RunAll(const LifeOps& first, uint32_t depth,
                      const ExploreOptions& options) {
  SequenceReport report;
  const auto mappings = std::make_shared<MappingPool>();
  LifeOps ops = first;
  ops.resize(depth, LifeOp{});
  std::optional<size_t> shared = first.size();
  while (shared && !options.Interrupted()) {
    NamedLife life(options.observer, mappings);
    for (const LifeOp op : ops) {
      if (!life.Play(op)) break;
    }
    report.sequences += life.length() - std::min(*shared, life.length());
    report.steps += life.length();
    const RunReport run = life.player().TakeDown();
    if (!run.findings.empty()) {
      report.finding = run.FirstText();
      report.failing = life.player().script();
      return report;
    }
    shared = Next(ops, first.size());
  }
  return report;
}

}  // namespace

std::string TextOf(const LifeOps& ops) {
  std::string text;
  for (const LifeOp op : ops) {
    if (!text.empty()) text += ",";
    text += LifeOpName(op);
  }
  return text;
}

std::optional<LifeOps> ParseLifeOps(std::string_view text) {
  LifeOps ops;
  while (true) {
    const size_t comma = text.find(',');
    uint32_t op = 0;
    while (op < kLifeOps &&
           LifeOpName(static_cast<LifeOp>(op)) != text.substr(0, comma)) {
      ++op;
    }
    if (op == kLifeOps) return std::nullopt;
    ops.push_back(static_cast<LifeOp>(op));
    if (comma == std::string_view::npos) return ops;
    text.remove_prefix(comma + 1);
  }
}

SequenceReport ExploreSequences(uint32_t depth, const ExploreOptions& options) {
  if (depth <= kSharedOps) return RunAll({}, depth, options);
  SequenceReport report = RunAll({}, kSharedOps, options);
  if (report.failing) return report;
  report.Merge(InParallel(size_t{kLifeOps} * kLifeOps, options, [&] {
    return [&](size_t part) {
      return RunAll({static_cast<LifeOp>(part / kLifeOps),
                     static_cast<LifeOp>(part % kLifeOps)},
                    depth, options);
    };
  }));
  return report;
}

StateReport ExploreLifeStates(uint32_t depth, const ExploreOptions& options) {
  StateReport report;
  const auto mappings = std::make_shared<MappingPool>();
  std::unordered_set<uint64_t> seen;
  seen.insert(LifePlayer(mappings).StateHash());
  std::vector<LifeOps> frontier{{}};
  for (uint32_t level = 1; level <= depth && !frontier.empty(); ++level) {
    if (options.Interrupted()) return report;
    StateLevel counts{.depth = level};
    std::vector<LifeOps> next;
    for (const LifeOps& way : frontier) {
      for (uint32_t i = 0; i < kLifeOps; ++i) {
        NamedLife life(options.observer, mappings);
        for (const LifeOp op : way) (void)life.Play(op);
        (void)life.Play(static_cast<LifeOp>(i));
        ++counts.transitions;
        const uint64_t state = life.player().StateHash();
        const RunReport run = life.player().TakeDown();
        if (!run.findings.empty()) {
          report.finding = run.FirstText();
          report.failing = life.player().script();
          return report;
        }
        if (!seen.insert(state).second) continue;
        ++counts.new_states;
        next.push_back(way);
        next.back().push_back(static_cast<LifeOp>(i));
      }
    }
    report.states += counts.new_states;
    report.levels.push_back(counts);
    report.closed = counts.new_states == 0;
    frontier = std::move(next);
  }
  return report;
}

SequenceReport PlayAgain(
    const LifeOps& ops,
    const std::function<void(LifeOp, const std::string&)>& on_step) {
  SequenceReport report;
  LifePlayer player(nullptr);
  size_t told = 0;
  bool good = true;
  for (const LifeOp op : ops) {
    if (!good) break;
    good = player.Play(op);
    ++report.steps;
    std::string lines;
    const auto& operations = player.script().operations;
    for (; told < operations.size(); ++told) {
      if (!lines.empty()) lines += "\n";
      lines += ToText(operations[told]);
    }
    on_step(op, lines);
  }
  report.sequences = good ? 1 : 0;
  const RunReport run = player.TakeDown();
  if (run.findings.empty()) return report;
  report.finding = run.FirstText();
  report.failing = player.script();
  return report;
}

}  // namespace backend_sim
