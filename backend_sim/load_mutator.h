// SPDX-License-Identifier: BSD-3-Clause
//
// A peer that writes between two loads. In a build whose loads call the
// functions of -fsanitize-coverage=trace-loads (--config=doublefetch), this
// sees each load of shared memory before it happens, and may change what is
// there just before or just after it.

#ifndef BACKEND_SIM_LOAD_MUTATOR_H_
#define BACKEND_SIM_LOAD_MUTATOR_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "backend_sim/entropy.h"

namespace backend_sim {

// What the peer makes of a word.
enum class PeerValue : uint8_t {
  kFlippedBit,
  kOneMore,
  kOneLess,
  kZero,
  kAllOnes,
  kOtherField,  // What stands somewhere else in the watched memory.
  kRandom,
};
inline constexpr std::array kPeerValues = {
    PeerValue::kFlippedBit, PeerValue::kOneMore, PeerValue::kOneLess,
    PeerValue::kZero,       PeerValue::kAllOnes, PeerValue::kOtherField,
    PeerValue::kRandom,
};

// When: the load sees it, the load is the last that does not, or that load
// alone sees it.
enum class PeerMoment : uint8_t { kBefore, kAfter, kDuring };
inline constexpr std::array kPeerMoments = {
    PeerMoment::kBefore, PeerMoment::kAfter, PeerMoment::kDuring};

struct PeerWrite {
  PeerValue value = PeerValue::kFlippedBit;
  PeerMoment moment = PeerMoment::kBefore;
};

// A load of watched memory.
struct WatchedLoad {
  uintptr_t site = 0;  // The instruction: where it is in the program's file.
  std::byte* at = nullptr;
  uint32_t bytes = 0;
};

// What the peer wrote.
struct WrittenWord {
  std::byte* at = nullptr;
  uint32_t bytes = 0;  // At most 8.
  uint64_t value = 0;
  uint64_t old = 0;  // What was there.
  PeerMoment moment = PeerMoment::kBefore;
};

// What a load instruction has met so far.
struct SiteCounts {
  uint64_t unchanged = 0;
  uint64_t changed_before = 0;  // It saw what the peer had just written.
  uint64_t changed_after = 0;   // The peer wrote as soon as it was done.
};

// Not thread-safe: each thread has scopes of its own.
class LoadMutator {
 public:
  // More loads in one scope, of watched memory or not, end the process: the
  // call under test does not come to an end.
  static constexpr uint64_t kMaxLoads = 10'000'000;

  // Whether loads are seen at all in this build.
  static bool available();

  // What the peer may write from now on; shared memory alone.
  void Watch(std::span<const std::span<std::byte>> memory);

  // What happens in the scopes to come: nothing (the start), ...
  void Record() { plan_ = {}; }
  // ...one write at the k-th load of watched memory, counted from 0, or...
  void MutateAt(uint64_t k, PeerWrite write, Entropy& entropy) {
    plan_ = {.entropy = &entropy, .at = k, .write = write};
  }
  // ...any write at any load, or...
  void MutateRandomly(Odds odds, Entropy& entropy) {
    plan_ = {.entropy = &entropy, .odds = odds};
  }
  // ...mostly writes at instructions that have met none so far, before or
  // after. `entropy` outlives those scopes.
  void MutateNewSites(Entropy& entropy) {
    plan_ = {.entropy = &entropy, .new_sites = true};
  }

  // Scopes to come keep what is in `memory`, which outlives them, at their
  // first write: before it.
  void KeepAtFirstWrite(std::span<const std::byte> memory) { asked_ = memory; }
  // Of the last scope; empty, if nothing was written.
  std::span<const std::byte> at_first_write() const { return kept_; }

  // Without, which is faster: sites() stays as it is, and loads() ends with the
  // load of MutateAt.
  void KeepSites(bool keep) { keeps_sites_ = keep; }

  // While it lives, this thread's loads are looked at. Scopes do not nest.
  class Scope {
   public:
    explicit Scope(LoadMutator& mutator);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    LoadMutator& mutator_;
  };

  // Of the last scope: its loads of watched memory and the peer's writes, in
  // order, and the count of all loads, which measures work.
  const std::vector<WatchedLoad>& loads() const { return loads_; }
  uint64_t load_count() const { return load_count_; }
  const std::vector<WrittenWord>& writes() const { return writes_; }
  // Of all scopes, by WatchedLoad::site.
  const std::map<uintptr_t, SiteCounts>& sites() const { return sites_; }

  // A load of `bytes` at `at` is about to happen; `caller` is where the
  // instruction is. The callbacks end here.
  void BeforeLoad(uintptr_t caller, const void* at, uint32_t bytes);
  // The short way: whether a load at `at` has been seen to, since it is none of
  // watched memory, or nothing is left to be done in this scope.
  bool OnlyCounts(const void* at);

 private:
  struct Plan {
    Entropy* entropy = nullptr;  // Nothing: record.
    std::optional<uint64_t> at{};
    PeerWrite write{};
    Odds odds{};
    bool new_sites = false;
  };

  std::byte* Watched(const void* at, uint32_t bytes) const;
  std::optional<PeerWrite> Decide(const SiteCounts& counts) const;
  void Write(const WatchedLoad& load, PeerWrite write, SiteCounts& counts);
  uint64_t NewValue(PeerValue value, uint64_t old, uint32_t bytes) const;
  uint64_t OtherField(uint32_t bytes) const;
  void WritePending();

  std::vector<std::span<std::byte>> memory_;
  // Nothing of it lies outside of these addresses.
  uintptr_t memory_begin_ = 0;
  size_t memory_extent_ = 0;
  Plan plan_;
  std::vector<WatchedLoad> loads_;
  uint64_t load_count_ = 0;
  std::vector<WrittenWord> writes_;
  std::span<const std::byte> asked_;
  std::vector<std::byte> kept_;
  WrittenWord pending_;  // When the load is done, if
  bool is_pending_ = false;
  bool is_over_ = false;  // MutateAt's load has been, and is not kept.
  bool keeps_sites_ = true;
  std::map<uintptr_t, SiteCounts> sites_;
};

}  // namespace backend_sim

#endif  // BACKEND_SIM_LOAD_MUTATOR_H_
