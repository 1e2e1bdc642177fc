// SPDX-License-Identifier: BSD-3-Clause
//
// Control requests as control_queue_fuzz reads them.

#ifndef FUZZ_REQUEST_WRITER_H_
#define FUZZ_REQUEST_WRITER_H_

#include <cstddef>
#include <string>
#include <vector>

namespace fuzz {

struct NamedInput {
  std::string name;
  std::vector<std::byte> bytes;
};

// Each command that a driver has, in a split and in a packed ring, in one
// piece, in pieces, and in an indirect table; and one of them from a driver
// that writes while it is served.
std::vector<NamedInput> ControlRequests();

}  // namespace fuzz

#endif  // FUZZ_REQUEST_WRITER_H_
