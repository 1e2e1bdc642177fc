// SPDX-License-Identifier: BSD-3-Clause
//
// Seeds that are generated and not committed, since a corpus reaches as much
// without them: fuzz/left_out/TARGET.list, which `./vuser fuzz TARGET --distil`
// writes.

#ifndef FUZZ_LEFT_OUT_H_
#define FUZZ_LEFT_OUT_H_

#include <set>
#include <string>
#include <string_view>

namespace fuzz {

// Their names; none where there is no such file. To be called at the top of the
// tree.
std::set<std::string> LeftOutSeeds(std::string_view target);

}  // namespace fuzz

#endif  // FUZZ_LEFT_OUT_H_
