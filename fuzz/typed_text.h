// SPDX-License-Identifier: BSD-3-Clause
//
// Text from a user, through each reader that there is. Whatever is wrong with
// how it is read is reported as a finding.

#ifndef FUZZ_TYPED_TEXT_H_
#define FUZZ_TYPED_TEXT_H_

#include <string>
#include <string_view>

#include "fuzz/reader.h"

namespace fuzz {

// Words of `vuser WORDS...`, with line ends between them; at most so many are
// looked at.
inline constexpr size_t kMostWords = 32;
void CheckCommandLine(std::string_view text);

// A script of the simulator: refused, or what is written of it reads back.
void CheckScript(std::string_view text);

// Values that options have: addresses, sizes, names, numbers, lists.
void CheckValues(const std::string& text);

// A device under options of any size, and what becomes of it in any order of
// calls; or what is said of shared memory, buffers and rings.
void CheckDeviceOptions(Reader& input);

}  // namespace fuzz

#endif  // FUZZ_TYPED_TEXT_H_
