// SPDX-License-Identifier: BSD-3-Clause
//
// A peer that writes while its memory is being read.

#ifndef FUZZ_PEER_WRITES_H_
#define FUZZ_PEER_WRITES_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "backend_sim/bytes_entropy.h"
#include "backend_sim/load_mutator.h"
#include "fuzz/finding.h"
#include "fuzz/reader.h"

namespace fuzz {

// Loads of shared memory call back in builds with --config=fuzz; in others
// nothing is changed, and inputs mean the same otherwise. One at a time.
//
// With VUSER_LOAD_SITES=FILE in the environment, the process appends a line to
// FILE at its end for each load instruction: "SITE UNCHANGED BEFORE AFTER",
// the address in the program and how often the peer left the word alone, wrote
// just before the load, and just after it.
class PeerWrites {
 public:
  // Of `input`, for a call in which the peer writes.
  static constexpr size_t kPlanBytes = 6;

  // The peer can write both, which outlive it.
  PeerWrites(std::span<std::byte> ring, std::span<std::byte> buffers);

  // Runs `call`. A byte of `input` says whether the peer writes one word
  // meanwhile, and how; then come which load it meets, in steps of 256 by the
  // first byte's upper bits, and four bytes that decide what it writes. Such a
  // call must end after a bounded number of loads.
  template <typename Call>
  auto During(Reader& input, const Call& call) {
    const Plan plan(input);
    wrote_ = false;
    if (plan.how == 0 && !SitesAreAsked()) return call();
    backend_sim::BytesEntropy entropy(plan.bytes);
    Set(plan, entropy);
    const End end(wrote_);
    const backend_sim::LoadMutator::Scope scope(Mutator());
    return call();
  }
  // Whether it did, in the last call.
  bool wrote() const { return wrote_; }
  // Then: what, and the ring just before.
  static const backend_sim::WrittenWord& word() {
    return Mutator().writes().front();
  }
  static std::span<const std::byte> ring_before_word() {
    return Mutator().at_first_write();
  }

 private:
  static constexpr size_t kDecisionBytes = kPlanBytes - 2;

  struct Plan {
    explicit Plan(Reader& input);
    uint8_t how = 0;  // 0: no write.
    uint8_t load = 0;
    std::span<const std::byte> bytes;
  };
  // What is to be seen after the call: when the scope has ended.
  class End {
   public:
    explicit End(bool& wrote) : wrote_(wrote) {}
    ~End();

   private:
    bool& wrote_;
  };

  static bool SitesAreAsked();
  static backend_sim::LoadMutator& Mutator();
  static void Set(const Plan& plan, backend_sim::Entropy& entropy);

  bool wrote_ = false;
};

}  // namespace fuzz

#endif  // FUZZ_PEER_WRITES_H_
