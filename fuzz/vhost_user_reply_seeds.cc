// SPDX-License-Identifier: BSD-3-Clause

#include <string>
#include <vector>

#include "fuzz/reader.h"
#include "fuzz/seeds.h"

namespace fuzz {

// A session as it should be, and one for each of its answers in each way that
// vhost_user_reply_fuzz spoils one.
std::vector<Seed> VhostUserReplySeeds() {
  constexpr uint8_t kAnswers = 20;
  constexpr uint8_t kWays = 6;
  constexpr uint8_t kFirstWay = 96;
  std::vector<Seed> seeds = {{"as_it_should_be", Bytes(1)}};
  for (uint8_t answer = 0; answer < kAnswers; ++answer) {
    for (uint8_t way = 0; way < kWays; ++way) {
      Bytes bytes(1 + answer);
      Append(bytes, kFirstWay + way, 1);
      Append(bytes, 0xff000804, 4);
      seeds.push_back(
          {"answer_" + std::to_string(answer) + "_way_" + std::to_string(way),
           bytes});
    }
  }
  return seeds;
}

}  // namespace fuzz
