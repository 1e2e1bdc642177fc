// SPDX-License-Identifier: BSD-3-Clause
//
// Receives and sends packets on one data path, so that callgrind can count
// what that takes: bench/instructions.sh runs it and makes a table.
//
//   instructions PATH PACKETS [swapped]
//
// swapped: the device uses chains out of order, two and two.
// Own buffers, 64 bytes, bursts of 32, all on one thread. The device's side
// fills RX buffers and completes what was sent between the two calls that are
// counted.

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <string_view>

#include "bench/ring_pair.h"

using virtio_user::AllDataPaths;
using virtio_user::DataPath;
using virtio_user::Packet;
using virtio_user::RxQueue;
using virtio_user::TxQueue;
using virtio_user::bench::RingPair;

// Names without mangling, for --toggle-collect. Everything below them counts.
extern "C" {
[[gnu::noinline]] size_t vuser_bench_receive(RxQueue& rx,
                                             std::span<Packet>& packets) {
  return rx.Receive(packets);
}
[[gnu::noinline]] size_t vuser_bench_send(TxQueue& tx,
                                          std::span<Packet>& packets) {
  return tx.Send(packets);
}
}

namespace {

constexpr size_t kBurst = 32;

const DataPath* FindPath(std::string_view name) {
  for (const DataPath& path : AllDataPaths()) {
    if (path.name == name) return &path;
  }
  return nullptr;
}

// Whether all of them came in and went out.
bool Forward(RingPair& pair, uint64_t packets) {
  std::array<Packet, kBurst> burst;
  // The RX ring is empty before the first poll.
  if (pair.rx().Receive(burst) != 0) return false;
  for (uint64_t done = 0; done < packets; done += kBurst) {
    if (pair.Fill(kBurst) != kBurst) return false;
    std::span<Packet> all(burst);
    if (vuser_bench_receive(pair.rx(), all) != kBurst) return false;
    if (vuser_bench_send(pair.tx(), all) != kBurst) return false;
    if (pair.Drain(kBurst) != kBurst) return false;
  }
  return pair.Sound();
}

}  // namespace

int main(int argc, char** argv) {
  uint64_t packets = 0;
  const bool swapped = argc == 4 && std::string_view(argv[3]) == "swapped";
  const DataPath* const path =
      argc == 3 || swapped ? FindPath(argv[1]) : nullptr;
  if (path != nullptr) {
    const std::string_view text = argv[2];
    std::from_chars(text.data(), text.data() + text.size(), packets);
  }
  if (packets == 0 || packets % kBurst != 0) {
    fmt::print(stderr,
               "instructions: say a path and a multiple of {} packets\n",
               kBurst);
    return 2;
  }
  RingPair pair(*path,
                swapped ? RingPair::Use::kSwapped : RingPair::Use::kInTurn);
  if (Forward(pair, packets)) return 0;
  fmt::print(stderr, "instructions: {}: packets were lost\n", path->name);
  return 1;
}
