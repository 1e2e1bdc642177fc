// SPDX-License-Identifier: BSD-3-Clause
//
// Whatever 128 bits a back-end offers and a driver chooses, under any options:
// what is offered, allowed and forwarded is what the oracle says, and keeps to
// the algebra of masks.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "backend_sim/explore/feature_oracle.h"
#include "backend_sim/explore/negotiation_check.h"
#include "fuzz/finding.h"

namespace {

using virtio_user::FeatureSet;

// The input: options, then three masks.
struct Input {
  uint16_t options = 0;
  uint64_t device[2] = {};
  uint64_t choice[2] = {};
  uint64_t other[2] = {};
};

FeatureSet SetOf(const uint64_t (&words)[2]) {
  return FeatureSet::FromWords(words[0], words[1]);
}

void CheckAlgebra(FeatureSet a, FeatureSet b) {
  using virtio_user::DependencyClosure;
  const FeatureSet closed = DependencyClosure(a);
  fuzz::Expect(a.HasAll(closed), "closure-within", "it has another bit");
  fuzz::Expect(DependencyClosure(closed) == closed, "closure-once",
               "a second closure differs");
  fuzz::Expect(DependencyClosure(a | b).HasAll(closed), "closure-monotone",
               "more bits lead to fewer");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // Made once: what an option set comes to never changes.
  static const auto* const kSets = [] {
    auto* const sets = new std::vector<backend_sim::OptionSet>;
    for (unsigned i = 0; i < backend_sim::feature_oracle::kAllOptionSets; ++i) {
      sets->emplace_back(backend_sim::feature_oracle::AllOptionsOf(i));
    }
    return sets;
  }();
  Input input;
  uint8_t bytes[50] = {};
  std::copy_n(data, std::min(size, sizeof(bytes)), bytes);
  std::memcpy(&input.options, bytes, 2);
  std::memcpy(input.device, bytes + 2, 16);
  std::memcpy(input.choice, bytes + 18, 16);
  std::memcpy(input.other, bytes + 34, 16);

  static backend_sim::NegotiationCheck check(backend_sim::NegotiationSubject{},
                                             backend_sim::OracleMemory::kNone);
  const backend_sim::OptionSet& set = (*kSets)[input.options % kSets->size()];
  auto wrong = check.Whole(set, SetOf(input.device), SetOf(input.choice));
  // Of any set, whatever we implement.
  if (!wrong) wrong = check.Closure(SetOf(input.other));
  if (wrong) fuzz::Report({"oracle", "negotiation"}, *wrong);
  CheckAlgebra(SetOf(input.device), SetOf(input.other));
  return 0;
}
