// SPDX-License-Identifier: BSD-3-Clause

#ifndef BACKEND_SIM_SOURCE_FRAME_H_
#define BACKEND_SIM_SOURCE_FRAME_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace backend_sim {

// The frame number `sequence` that TrafficMode::kSource puts on a pair: to
// ff:ff:ff:ff:ff:ff, from 02:00:00:00 and the pair (big-endian), ethertype
// 88b5 (local experiments), the sequence number in 8 big-endian bytes, then
// bytes that count up from its last one. `bytes` 0: 60 to 1514, by sequence.
std::vector<std::byte> SourceFrame(uint16_t pair, uint64_t sequence,
                                   size_t bytes = 0);

}  // namespace backend_sim

#endif  // BACKEND_SIM_SOURCE_FRAME_H_
