// SPDX-License-Identifier: BSD-3-Clause
//
// Writes seed inputs of a fuzz target, the same ones each time.
//
//   make_corpus TARGET FOLDER
//
// They are a beginning: `./vuser fuzz` adds what it finds, and distils.

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "backend_sim/explore/feature_oracle.h"
#include "backend_sim/seeded_entropy.h"
#include "backend_sim/simulation/generator.h"
#include "backend_sim/simulation/simulation.h"
#include "fuzz/net_seeds.h"
#include "fuzz/reader.h"
#include "fuzz/request_writer.h"
#include "fuzz/script_bytes.h"

namespace {

using Bytes = std::vector<std::byte>;

using Seed = fuzz::NamedInput;

// Lives of 8 to 64 operations, each drawn for the state that it finds.
std::vector<Seed> Lives() {
  constexpr uint64_t kLives = 96;
  std::vector<Seed> seeds;
  for (uint64_t number = 1; number <= kLives; ++number) {
    backend_sim::SeededEntropy entropy(number);
    std::array<std::byte, fuzz::kScenarioBytes> scenario{};
    // The first one is the plainest.
    if (number > 1) entropy.Bytes(scenario);
    const backend_sim::Script begin = fuzz::ScriptOf(scenario);
    backend_sim::Generator generator(entropy);
    backend_sim::Simulation simulation(
        begin.scenario, {.trace = {.keep_last = 0, .keep_all = false}});
    std::vector<backend_sim::Operation> operations;
    const size_t count = 8 + number * 7 % (fuzz::kMostOperations - 7);
    while (operations.size() < count) {
      backend_sim::Operation next = generator.Next(simulation.life());
      if (next.kind == backend_sim::OpKind::kAge) continue;
      operations.push_back(next);
      if (!simulation.Step(next)) break;
    }
    (void)simulation.TakeDown();
    seeds.push_back({"life_" + std::to_string(number),
                     fuzz::BytesOf(scenario, operations)});
  }
  return seeds;
}

// Each bit that somebody requires, with and without what it requires.
std::vector<Seed> Masks() {
  namespace oracle = backend_sim::feature_oracle;
  std::vector<Seed> seeds;
  const auto add = [&](const std::string& name, unsigned options,
                       virtio_user::FeatureSet device,
                       virtio_user::FeatureSet choice) {
    Bytes bytes;
    fuzz::Append(bytes, options, 2);
    for (const auto& set : {device, choice, choice}) {
      fuzz::Append(bytes, set.low(), 8);
      fuzz::Append(bytes, set.high(), 8);
    }
    seeds.push_back({name, bytes});
  };
  const virtio_user::FeatureSet all = oracle::Implemented();
  for (unsigned i = 0; i < oracle::kOptionNames.size(); ++i) {
    add("option_" + std::string(oracle::kOptionNames[i].name), 1u << i, all,
        all);
  }
  add("every_option", oracle::kAllOptionSets - 1, all, all);
  for (const oracle::Requirement& requirement : oracle::Requirements()) {
    const auto bit = virtio_user::FeatureSet::FromWords(
        requirement.bit < 64 ? uint64_t{1} << requirement.bit : 0,
        requirement.bit < 64 ? 0 : uint64_t{1} << (requirement.bit - 64));
    const std::string name = std::to_string(requirement.bit);
    add("alone_" + name, oracle::kAllOptionSets - 1, bit, bit);
    add("without_" + name, oracle::kAllOptionSets - 1, all & ~bit, all);
  }
  return seeds;
}

// A session as it should be, and one for each of its answers in each way that
// vhost_user_reply_fuzz spoils one.
std::vector<Seed> Answers() {
  constexpr uint8_t kAnswers = 20;
  constexpr uint8_t kWays = 6;
  constexpr uint8_t kFirstWay = 96;
  std::vector<Seed> seeds = {{"as_it_should_be", Bytes(1)}};
  for (uint8_t answer = 0; answer < kAnswers; ++answer) {
    for (uint8_t way = 0; way < kWays; ++way) {
      Bytes bytes(1 + answer);
      fuzz::Append(bytes, kFirstWay + way, 1);
      fuzz::Append(bytes, 0xff000804, 4);
      seeds.push_back(
          {"answer_" + std::to_string(answer) + "_way_" + std::to_string(way),
           bytes});
    }
  }
  return seeds;
}

struct Target {
  std::string_view name;
  std::function<std::vector<Seed>()> seeds;
};

bool Write(const std::filesystem::path& path, const Bytes& bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  return file.good();
}

}  // namespace

int main(int argc, char** argv) {
  const std::array<Target, 6> targets{
      {{"control_queue_fuzz", &fuzz::ControlRequests},
       {"rx_ring_fuzz", &fuzz::ReceiveLives},
       {"tx_ring_fuzz", &fuzz::SendLives},
       {"feature_mask_fuzz", &Masks},
       {"start_stop_fuzz", &Lives},
       {"vhost_user_reply_fuzz", &Answers}}};
  for (const Target& target : targets) {
    if (argc != 3 || target.name != argv[1]) continue;
    const std::filesystem::path folder = argv[2];
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    size_t count = 0;
    for (const Seed& seed : target.seeds()) {
      if (!Write(folder / seed.name, seed.bytes)) {
        std::fprintf(stderr, "%s: cannot be written\n",
                     (folder / seed.name).c_str());
        return 1;
      }
      ++count;
    }
    std::printf("%zu seeds in %s\n", count, argv[2]);
    return 0;
  }
  std::fprintf(stderr, "make_corpus TARGET FOLDER; targets:");
  for (const Target& target : targets) {
    std::fprintf(stderr, " %s", std::string(target.name).c_str());
  }
  std::fprintf(stderr, "\n");
  return 2;
}
