// SPDX-License-Identifier: BSD-3-Clause

#ifndef TESTS_DOUBLEFETCH_LOAD_SITES_H_
#define TESTS_DOUBLEFETCH_LOAD_SITES_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "backend_sim/load_mutator.h"

namespace virtio_user {

// Where a load stands in the source, and which call it was inlined into.
struct SourceLine {
  std::string load;  // "ring/split_word.h:40"
  std::string from;  // "ring/split_driver_queue.h:288", or the same

  friend auto operator<=>(const SourceLine&, const SourceLine&) = default;
};

// Of instructions of this program, by llvm-symbolizer; in their order. What it
// cannot tell is "?".
std::vector<SourceLine> SourceLinesOf(const std::vector<uintptr_t>& sites);

// A table with a row for each pair of lines: its instructions, and what they
// met in sum.
std::string SiteTable(
    const std::map<uintptr_t, backend_sim::SiteCounts>& sites);

}  // namespace virtio_user

#endif  // TESTS_DOUBLEFETCH_LOAD_SITES_H_
