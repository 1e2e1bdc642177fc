// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_PATH_BENCH_H_
#define CLI_PATH_BENCH_H_

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "cli/console.h"
#include "cli/exit_code.h"
#include "cli/frame_sizes.h"
#include "cli/path_options.h"
#include "cli/run_options.h"

namespace virtio_user::cli {

// A data path by the name that was asked for, and what it asks of an offer.
struct BenchPath {
  std::string name;
  PathWishes wishes;
};

// Checked.
struct BenchOptions {
  std::string backend{kSimBackend};
  uint16_t queue_size = 256;
  uint16_t burst = 32;
  FrameSizes sizes{64, 64};
  // One round ends after so many packets, or after so long.
  std::optional<uint64_t> packets;
  Duration time{0};
  uint16_t rounds = 5;
  std::vector<BenchPath> paths = {};
  bool all = false;  // Paths that are not offered are left out.
  Duration timeout = kDefaultCallBudget;
  std::optional<std::string> json_path;

  bool simulated() const { return backend == kSimBackend; }
};

// One round on one path: packets go round, and each that comes in goes out
// again as it is.
struct BenchRound {
  uint64_t packets = 0;
  Duration time{0};     // Of the clock on the wall.
  uint64_t cycles = 0;  // In Receive and Send, when something had come.

  double NanosecondsEach() const;
  double CyclesEach() const;
};

struct PathBench {
  BenchPath path;
  std::string why = {};   // DescribePath; or why it was left out.
  uint32_t burst = 0;     // --burst, or as many as the rings have room for.
  bool indirect = false;  // With indirect tables.
  std::vector<BenchRound> rounds = {};

  double MedianNanoseconds() const;
  double MedianCycles() const;
};

struct BenchResult {
  BenchOptions options;
  std::vector<PathBench> paths = {};
  double copy_nanoseconds = 0;  // Of a memcpy of a packet with its header.
  std::optional<Failure> failure = {};
};

// Rounds of all paths, interleaved, with rounds of memcpy among them.
BenchResult RunBench(const BenchOptions& options, const Console& console);

}  // namespace virtio_user::cli

#endif  // CLI_PATH_BENCH_H_
