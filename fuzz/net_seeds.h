// SPDX-License-Identifier: BSD-3-Clause
//
// Inputs of rx_ring_fuzz and tx_ring_fuzz.

#ifndef FUZZ_NET_SEEDS_H_
#define FUZZ_NET_SEEDS_H_

#include <vector>

#include "fuzz/request_writer.h"

namespace fuzz {

// In every layout: frames and packets as they should be, in every manner that
// a device may give them back; the lies that it can tell; and a peer that
// writes just before, just after or around each load.
std::vector<NamedInput> ReceiveLives();
std::vector<NamedInput> SendLives();

}  // namespace fuzz

#endif  // FUZZ_NET_SEEDS_H_
