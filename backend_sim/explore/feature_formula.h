// SPDX-License-Identifier: BSD-3-Clause
//
// What the oracle's tables say, as SMT-LIB formulas over 64 bits of each set.
// d: what the back-end offers; a: what a driver accepts; the options by their
// names.

#ifndef BACKEND_SIM_EXPLORE_FEATURE_FORMULA_H_
#define BACKEND_SIM_EXPLORE_FEATURE_FORMULA_H_

#include <string>

#include "virtio_user/spec/feature.h"

namespace backend_sim {

// Every bit that the proof is about: those that vhost's messages carry.
inline constexpr unsigned kProofBits = 64;

// Declares the bits 0 to `bits` - 1 of a set.
std::string DeclareSet(char set, unsigned bits = kProofBits);
std::string DeclareOptions();

// That each bit of `set` has what it requires: in the same set, which has no
// bits but `bits`.
std::string IsClosed(char set, virtio_user::FeatureSet bits);
// Defines `closed` as the largest closed subset of `set`, both of them of
// `bits`. Bits have no way round to themselves, so one pass is enough.
std::string DefineClosure(char set, char closed, virtio_user::FeatureSet bits);

// Defines c, what may be offered before the closure, of the implemented bits,
// and t, what the back-end is told of a.
std::string DefineCandidates();
std::string DefineTold();

}  // namespace backend_sim

#endif  // BACKEND_SIM_EXPLORE_FEATURE_FORMULA_H_
