// SPDX-License-Identifier: BSD-3-Clause
//
// Inputs that fuzzing begins with, the same ones each time. What a target's
// corpus has is what they are (corpus_test).

#ifndef FUZZ_SEEDS_H_
#define FUZZ_SEEDS_H_

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fuzz {

using Bytes = std::vector<std::byte>;

struct Seed {
  std::string name;  // Of its file.
  Bytes bytes;
};

struct SeededTarget {
  std::string_view name;
  std::vector<Seed> (*seeds)() = nullptr;
};

// By name.
std::span<const SeededTarget> SeededTargets();

// Each in a file of its own.
std::vector<Seed> ControlQueueSeeds();
std::vector<Seed> FeatureMaskSeeds();
std::vector<Seed> KernelReplySeeds();
std::vector<Seed> OptionsSeeds();
std::vector<Seed> PcapSeeds();
std::vector<Seed> RxRingSeeds();
std::vector<Seed> StartStopSeeds();
std::vector<Seed> TxRingSeeds();
std::vector<Seed> VhostUserReplySeeds();
std::vector<Seed> VhostUserServerSeeds();

// The bytes of a text.
Bytes BytesOfText(std::string_view text);

}  // namespace fuzz

#endif  // FUZZ_SEEDS_H_
