// SPDX-License-Identifier: BSD-3-Clause
//
// A use of each kind of device as it should be, once and several times, and of
// three of them one for each call that fails or answers something else.

#include <string>
#include <utility>

#include "fuzz/reader.h"
#include "fuzz/seeds.h"

namespace fuzz {

namespace {

// A kind of use, and more than one.
void AddUses(std::vector<Seed>& seeds) {
  // What is done in another way, above the six of control queues.
  constexpr std::pair<const char*, uint16_t> kUses[] = {
      {"packed", 1},      {"goes_on", 2}, {"many", 4},
      {"no_commands", 8}, {"legacy", 16}, {"packed_goes_on_many", 7}};
  // Left alone by each call, and read when a use has ended.
  constexpr std::pair<const char*, uint8_t> kLives[] = {{"reattached", 1},
                                                        {"started_again", 2}};
  constexpr size_t kCallsOfLives = 400;
  for (const uint16_t choice : {1, 3, 4, 64}) {
    const std::string machine = "choice_" + std::to_string(choice) + "_";
    for (const auto& [name, use] : kUses) {
      Bytes bytes;
      Append(bytes, static_cast<uint16_t>(choice | (6 * use) << 8), 2);
      seeds.push_back({machine + name, bytes});
    }
    for (const auto& [name, number] : kLives) {
      Bytes bytes;
      Append(bytes, choice, 2);
      bytes.resize(bytes.size() + kCallsOfLives, std::byte{number});
      seeds.push_back({machine + name, bytes});
    }
  }
}

}  // namespace

std::vector<Seed> KernelReplySeeds() {
  // Bits of the choice that KernelMachine takes.
  constexpr std::pair<const char*, uint16_t> kMachines[] = {
      {"vdpa", 0},
      {"vhost_net", 1},
      {"vhost_net_pairs", 3},
      {"vdpa_full", 4},
      {"vdpa_old", 8},
      {"vdpa_full_old", 12},
      {"vdpa_keeps_status", 16},
      {"vdpa_doorbells", 32},
      {"vdpa_batches", 64},
      {"vdpa_refuses", 0x104},
      {"vdpa_silent", 0x204},
      {"vdpa_wrong_id", 0x304},
      {"vdpa_wrong_bytes", 0x404},
      {"vdpa_writes_nothing", 0x504}};
  // Numbers as SpoiledKernel reads them.
  constexpr std::pair<const char*, uint8_t> kWays[] = {
      {"fails", 128}, {"only_says_done", 130}, {"other_bytes", 131}};
  constexpr uint16_t kSpoiled[] = {1, 4, 64};
  constexpr size_t kCalls = 36;
  std::vector<Seed> seeds;
  for (const auto& [name, choice] : kMachines) {
    Bytes plain;
    Append(plain, choice, 2);
    seeds.push_back({name, plain});
  }
  AddUses(seeds);
  for (const uint16_t choice : kSpoiled) {
    for (size_t call = 0; call < kCalls; ++call) {
      const auto& [way, number] = kWays[call % std::size(kWays)];
      Bytes bytes;
      Append(bytes, choice, 2);
      bytes.resize(bytes.size() + call);
      Append(bytes, number, 1);
      Append(bytes, 0xffff'ffff'ffff'ff08, 8);  // An errno, or 8 bytes.
      seeds.push_back({"choice_" + std::to_string(choice) + "_call_" +
                           std::to_string(call) + "_" + way,
                       bytes});
    }
  }
  return seeds;
}

}  // namespace fuzz
