// SPDX-License-Identifier: BSD-3-Clause
//
// What feature negotiation must come to, said a second time: a table typed
// from virtio 1.4 ("Feature bit requirements") and a fixpoint over single
// bits. Shares nothing with production but the types of spec/.

#ifndef TESTS_FEATURE_ORACLE_H_
#define TESTS_FEATURE_ORACLE_H_

#include <optional>

#include "virtio_user/spec/feature.h"

namespace feature_oracle {

using virtio_user::FeatureSet;

struct Options {
  bool mac = false;
  bool cq = false;
  bool mtu = false;
  bool mrg_rxbuf = false;
  bool in_order = false;
  bool packed = false;
  bool link_state = false;
  bool multiqueue = false;
  bool guest_offloads = false;
};
inline constexpr unsigned kOptionSets = 256;
// The first quarter: neither packed rings nor guest offloads nor an MTU.
inline constexpr unsigned kSplitOptionSets = 64;
// Option set number `index`.
Options OptionsOf(unsigned index);

// Whether bit `bit` of `set` has what it requires.
bool Satisfied(unsigned bit, FeatureSet set);
bool Closed(FeatureSet set);
// Takes away unsatisfied bits, one at a time, until none is left.
FeatureSet Closure(FeatureSet set);

// What a driver may be shown under an option set, before the closure.
struct Masks {
  FeatureSet ours;       // Offered by us, whatever the back-end offers.
  FeatureSet supported;  // What this front-end does and was told to do.

  FeatureSet Candidates(FeatureSet device) const {
    return (device | ours) & supported;
  }
};
Masks MasksOf(const Options& options);

// What the back-end is told.
FeatureSet Forwarded(FeatureSet device, FeatureSet accepted);

// The lowest bit of `accepted` that may not be in it; nothing: all may.
std::optional<unsigned> FirstOffence(FeatureSet offered, FeatureSet accepted);

}  // namespace feature_oracle

#endif  // TESTS_FEATURE_ORACLE_H_
