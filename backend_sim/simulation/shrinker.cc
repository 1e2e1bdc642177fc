// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/simulation/shrinker.h"

#include <algorithm>
#include <array>
#include <utility>

namespace backend_sim {
namespace {

class Shrinker {
 public:
  Shrinker(Script script, const std::function<bool(const Script&)>& fails,
           const ShrinkOptions& options)
      : best_(std::move(script)), fails_(fails), options_(options) {}

  Shrunk Run() {
    bool smaller = true;
    while (smaller && !Exhausted()) {
      smaller = RemoveOperations();
      smaller |= PlainScenario();
      smaller |= SmallArguments();
    }
    return {.script = std::move(best_), .runs = runs_, .complete = !smaller};
  }

 private:
  bool Exhausted() const { return runs_ >= options_.max_runs; }

  // Whether this one still fails; then it is the best so far.
  bool Try(Script candidate) {
    if (Exhausted() || candidate == best_) return false;
    if (CheckScenario(candidate.scenario)) return false;
    ++runs_;
    if (!fails_(candidate)) return false;
    best_ = std::move(candidate);
    if (options_.progress) options_.progress(best_);
    return true;
  }

  // Takes away pieces, from halves down to single operations.
  bool RemoveOperations() {
    bool any = false;
    size_t piece = std::max<size_t>(best_.operations.size() / 2, 1);
    while (true) {
      // From the end, since what comes first is what later ones stand on.
      bool removed = false;
      for (size_t end = best_.operations.size(); end > 0;) {
        const size_t begin = end - std::min(piece, end);
        Script candidate = best_;
        candidate.operations.erase(
            candidate.operations.begin() + static_cast<ptrdiff_t>(begin),
            candidate.operations.begin() + static_cast<ptrdiff_t>(end));
        removed |= Try(std::move(candidate));
        end = begin;
      }
      any |= removed;
      if (piece == 1 && !removed) return any;
      if (piece > 1) piece /= 2;
      if (Exhausted()) return any;
    }
  }

  // One number of the scenario after the other as it is in the plain one.
  bool PlainScenario() {
    const Scenario plain;
    bool any = false;
    const auto reset = [&](auto member) {
      Script candidate = best_;
      candidate.scenario.*member = plain.*member;
      any |= Try(std::move(candidate));
    };
    reset(&Scenario::backend);
    for (const auto member :
         {&Scenario::pairs, &Scenario::queue_size, &Scenario::control_queue,
          &Scenario::packed, &Scenario::in_order, &Scenario::mrg_rxbuf,
          &Scenario::mac, &Scenario::mtu, &Scenario::server_mode,
          &Scenario::first_kick, &Scenario::sleeps, &Scenario::pace,
          &Scenario::short_send_percent, &Scenario::short_receive_percent,
          &Scenario::max_regions, &Scenario::max_pairs, &Scenario::regions,
          &Scenario::fd_limit, &Scenario::interleave_percent}) {
      reset(member);
    }
    any |= RegionsFromTheStart();
    if (best_.scenario.pairs > 2) {
      Script candidate = best_;
      candidate.scenario.pairs = 2;
      any |= Try(std::move(candidate));
    }
    return any;
  }

  // Memory that is added was there from the beginning.
  bool RegionsFromTheStart() {
    bool any = false;
    for (size_t i = best_.operations.size(); i-- > 0;) {
      if (best_.operations[i].kind != OpKind::kAddMemory) continue;
      Script candidate = best_;
      candidate.operations.erase(candidate.operations.begin() +
                                 static_cast<ptrdiff_t>(i));
      ++candidate.scenario.regions;
      any |= Try(std::move(candidate));
    }
    return any;
  }

  bool SmallArguments() {
    bool any = false;
    for (size_t i = 0; i < best_.operations.size(); ++i) {
      for (const auto member :
           {&Operation::salt, &Operation::a, &Operation::b}) {
        any |= SmallNumber(i, member);
      }
    }
    return any;
  }

  // Most arguments are taken modulo a small number, so their remainders mean
  // the same.
  bool SmallNumber(size_t index, uint32_t Operation::* member) {
    constexpr std::array<uint32_t, 14> kModuli{1,  2,  3,  4,  8,   11,  16,
                                               20, 31, 36, 64, 256, 992, 4096};
    const uint32_t value = best_.operations[index].*member;
    for (const uint32_t modulus : kModuli) {
      if (modulus > value) return false;
      Script candidate = best_;
      candidate.operations[index].*member = value % modulus;
      if (Try(std::move(candidate))) return true;
    }
    return false;
  }

  Script best_;
  const std::function<bool(const Script&)>& fails_;
  const ShrinkOptions& options_;
  uint64_t runs_ = 0;
};

}  // namespace

Shrunk Shrink(Script script, const std::function<bool(const Script&)>& fails,
              const ShrinkOptions& options) {
  return Shrinker(std::move(script), fails, options).Run();
}

}  // namespace backend_sim
