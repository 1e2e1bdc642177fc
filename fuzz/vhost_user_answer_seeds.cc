// SPDX-License-Identifier: BSD-3-Clause
//
// Answers that are wrong in one field.

#include <string>
#include <string_view>
#include <vector>

#include "fuzz/back_end_calls.h"
#include "fuzz/reply_input.h"
#include "fuzz/spoiled_answer.h"

namespace fuzz {
namespace {

// Of an answer's first byte: what overwrites it, and its descriptors.
constexpr uint8_t kOther = SpoiledAnswer::kFirstWay;
constexpr uint8_t kFds = SpoiledAnswer::kFirstWay + 2;
// Where fields stand.
constexpr uint8_t kFlagsAt = 4;
constexpr uint8_t kPayloadAt = 12;

struct LastAnswer {
  std::string_view name;
  Bytes answer;
};

// To the first of `calls` behind kOpen.
void Add(std::vector<Seed>& seeds, const Bytes& calls,
         const std::vector<LastAnswer>& answers) {
  for (const auto& [name, answer] : answers) {
    Bytes all(kOpenAnswers);
    AppendAll(all, answer);
    seeds.push_back(
        {std::string(name), Input({.calls = calls,
                                   .what = kWide,
                                   .described = Described(kAllSpoken),
                                   .answers = all})});
  }
}

// Of GET_INFLIGHT_FD, the one that brings a descriptor.
void AddNotes(std::vector<Seed>& seeds) {
  constexpr uint8_t kOffsetAt = 20;
  constexpr uint8_t kQueuesAt = 28;
  const Bytes calls =
      BytesOf(Call(BackEndCall::kGetInflight), Call(BackEndCall::kSetInflight));
  Add(seeds, calls,
      {{"notes_of_no_bytes", BytesOf(kOther, kPayloadAt, 3, 0, 0, 0)},
       {"notes_of_too_many_bytes", BytesOf(kOther, kPayloadAt, 3, 0, 0, 1)},
       {"notes_from_behind_the_end", BytesOf(kOther, kOffsetAt, 3, 0, 0, 1)},
       {"notes_from_where_numbers_wrap",
        BytesOf(kOther, kOffsetAt, 8, 255, 255, 255, 255, 255, 255, 255, 255)},
       {"notes_of_other_queues", BytesOf(kOther, kQueuesAt, 1, 3)},
       {"notes_of_another_size", BytesOf(kOther, kQueuesAt + 2, 1, 3)},
       {"notes_without_a_descriptor", BytesOf(kFds, 0, 0, 0)},
       {"notes_of_a_short_file", BytesOf(kFds, 1, 1, 0)},
       {"notes_that_finds_no_room", BytesOf(kFds, 1, 0xff, 0xff)},
       {"notes_with_two_descriptors", BytesOf(kFds, 2, 0, 0x40)}});
}

}  // namespace

std::vector<Seed> VhostUserAnswerSeeds() {
  constexpr uint8_t kNumAt = kPayloadAt + 4;
  std::vector<Seed> seeds;
  AddNotes(seeds);
  Add(seeds, BytesOf(Call(BackEndCall::kGetStatus)),
      {{"status_of_another_request", BytesOf(kOther, 0, 1, 1)},
       {"status_of_version_2", BytesOf(kOther, kFlagsAt, 1, 6)},
       {"status_with_another_flag", BytesOf(kOther, kFlagsAt, 1, 0x15)},
       {"status_that_is_no_reply", BytesOf(kOther, kFlagsAt, 1, 1)},
       {"status_that_wants_an_ack", BytesOf(kOther, kFlagsAt, 1, 13)}});
  Add(seeds, BytesOf(Call(BackEndCall::kGetVringBases, 1)),
      {{"base_of_another_ring", BytesOf(kOther, kPayloadAt, 1, 0)},
       {"base_of_16_bits", BytesOf(kOther, kNumAt, 2, 255, 255)},
       {"base_of_17_bits", BytesOf(kOther, kNumAt, 3, 0, 0, 1)}});
  Add(seeds, BytesOf(Call(BackEndCall::kGetConfig, 2)),
      {{"config_from_elsewhere", BytesOf(kOther, kPayloadAt, 1, 0)},
       {"config_of_another_size", BytesOf(kOther, kNumAt, 1, 9)}});
  return seeds;
}

}  // namespace fuzz
