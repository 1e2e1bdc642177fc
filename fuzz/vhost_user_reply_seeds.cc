// SPDX-License-Identifier: BSD-3-Clause

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fuzz/answering_channel.h"
#include "fuzz/asking_stream.h"
#include "fuzz/back_end_calls.h"
#include "fuzz/reader.h"
#include "fuzz/reply_input.h"
#include "fuzz/seeds.h"
#include "fuzz/spoiled_answer.h"

namespace fuzz {
namespace {

// `meek` answers as they should be, then one that is spoiled in this way.
Bytes Spoiled(size_t meek, unsigned way) {
  constexpr uint8_t kFirst = SpoiledAnswer::kFirstWay;
  static_assert(kFirst % SpoiledAnswer::kWays == 0);
  Bytes bytes(meek);
  Append(bytes, kFirst + way, 1);
  Append(bytes, 0xff000804, 4);
  return bytes;
}

struct NamedCall {
  std::string_view name;
  BackEndCall call;
};

constexpr NamedCall kCalls[] = {
    {"attach", BackEndCall::kAttach},
    {"detach", BackEndCall::kDetach},
    {"look", BackEndCall::kLook},
    {"set_owner", BackEndCall::kSetOwner},
    {"get_features", BackEndCall::kGetFeatures},
    {"set_features", BackEndCall::kSetFeatures},
    {"set_mem_table", BackEndCall::kSetMemTable},
    {"change_mem_table", BackEndCall::kChangeMemTable},
    {"set_vring_num", BackEndCall::kSetVringNum},
    {"set_vring_base", BackEndCall::kSetVringBase},
    {"set_vring_addr", BackEndCall::kSetVringAddr},
    {"set_vring_call", BackEndCall::kSetVringCall},
    {"set_vring_kick", BackEndCall::kSetVringKick},
    {"set_vring_enable", BackEndCall::kSetVringEnable},
    {"get_vring_bases", BackEndCall::kGetVringBases},
    {"get_status", BackEndCall::kGetStatus},
    {"set_status", BackEndCall::kSetStatus},
    {"get_config", BackEndCall::kGetConfig},
    {"set_config", BackEndCall::kSetConfig},
    {"set_mtu", BackEndCall::kSetMtu},
    {"send_rarp", BackEndCall::kSendRarp},
    {"reset_device", BackEndCall::kResetDevice},
    {"get_inflight", BackEndCall::kGetInflight},
    {"set_inflight", BackEndCall::kSetInflight},
    {"take_news", BackEndCall::kTakeNews},
    {"batch", BackEndCall::kBatch},
    {"discard", BackEndCall::kDiscard},
    {"lacking", BackEndCall::kLacking},
    {"open", BackEndCall::kOpen},
    {"start", BackEndCall::kStart},
    {"stop", BackEndCall::kStop},
    {"budget", BackEndCall::kBudget},
};

// Whether a call waits for somebody.
bool IsAnswered(BackEndCall call) {
  using enum BackEndCall;
  return call != kDetach && call != kLook && call != kTakeNews &&
         call != kBatch && call != kDiscard && call != kLacking &&
         call != kBudget;
}

// Each call with all of its arguments, of two back-ends; and, spoiled in each
// way, the answer of those that have one.
void AddCalls(std::vector<Seed>& seeds) {
  for (const auto& [name, call] : kCalls) {
    Bytes calls;
    for (unsigned argument = 0; argument < 8; ++argument) {
      Append(calls, Call(call, argument), 1);
    }
    seeds.push_back({"call_" + std::string(name),
                     Input({.calls = calls,
                            .what = kWide,
                            .described = Described(kAllSpoken)})});
    // What a back-end of the first days has.
    Bytes plain;
    Append(plain, uint64_t{1} << 32, 5);
    seeds.push_back({"call_" + std::string(name) + "_plain",
                     Input({.calls = calls,
                            .what = AnsweringChannel::kFeatures,
                            .described = plain})});
    if (!IsAnswered(call)) continue;
    for (unsigned way = 0; way < SpoiledAnswer::kWays; ++way) {
      const Bytes one = call == BackEndCall::kSetInflight
                            ? BytesOf(Call(BackEndCall::kGetInflight),
                                      Call(BackEndCall::kSetInflight))
                            : BytesOf(Call(call, way % 3));
      seeds.push_back(
          {"call_" + std::string(name) + "_way_" + std::to_string(way),
           Input({.calls = one,
                  .what = kWide,
                  .described = Described(kAllSpoken),
                  .answers = Spoiled(kOpenAnswers + one.size() - 1, way)})});
    }
  }
}

// Lives of several calls.
void AddLives(std::vector<Seed>& seeds) {
  using enum BackEndCall;
  const auto add = [&](std::string_view name, const Bytes& calls,
                       uint32_t protocol) {
    seeds.push_back({"life_" + std::string(name),
                     Input({.calls = calls,
                            .what = kWide,
                            .described = Described(protocol)})});
  };
  const Bytes notes = BytesOf(
      Call(kSetFeatures), Call(kGetInflight), Call(kSetInflight), Call(kStart),
      Call(kAttach), Call(kSetOwner), Call(kGetFeatures), Call(kSetFeatures),
      Call(kSetInflight), Call(kStart), Call(kStop));
  add("notes_of_the_one_before", notes, kAllSpoken);
  const Bytes memory = BytesOf(
      Call(kSetFeatures), Call(kStart), Call(kChangeMemTable, 2),
      Call(kChangeMemTable, 5), Call(kChangeMemTable, 1),
      Call(kChangeMemTable, 3), Call(kSetMemTable, 4), Call(kSetMemTable, 6),
      Call(kStop), Call(kSetMemTable), Call(kSetMemTable, 5),
      Call(kSetMemTable, 6), Call(kSetMemTable, 7));
  add("memory_in_slots", memory, kAllSpoken);
  add("memory_in_tables", memory, kNoSlots);
  const Bytes batches = BytesOf(
      Call(kBatch), Call(kStart), Call(kChangeMemTable, 5), Call(kGetStatus),
      Call(kGetInflight), Call(kGetVringBases, 1), Call(kGetConfig, 2),
      Call(kBatch), Call(kBatch), Call(kStart, 6), Call(kDiscard), Call(kBatch),
      Call(kStart, 1), Call(kDetach), Call(kBatch));
  add("batches", batches, kAllSpoken);
  // Without REPLY_ACK.
  add("batches_and_barriers", batches, kAllSpoken & ~8u);
  add("packed", BytesOf(Call(kSetFeatures, 2), Call(kStart), Call(kStop)),
      kAllSpoken);
  add("hurry",
      BytesOf(Call(kBudget, 7), Call(kGetStatus), Call(kBudget, 6),
              Call(kAttach, 7), Call(kOpen), Call(kStart)),
      kAllSpoken);
  add("nobody_is_there",
      BytesOf(Call(kDetach), Call(kGetStatus), Call(kStart), Call(kStop),
              Call(kGetInflight), Call(kOpen), Call(kStop)),
      kAllSpoken);
}

// What is known of memory and rings, and when that ends.
void AddKnowledge(std::vector<Seed>& seeds) {
  using enum BackEndCall;
  constexpr unsigned kOtherFile = 4;
  constexpr unsigned kNinePages = 6;
  const auto add = [&](std::string_view name, const Bytes& calls,
                       uint32_t protocol = kAllSpoken) {
    seeds.push_back({"known_" + std::string(name),
                     Input({.calls = calls,
                            .what = kWide,
                            .described = Described(protocol)})});
  };
  add("rings_of_a_forgotten_batch",
      BytesOf(Call(kBatch), Call(kSetVringKick), Call(kSetMemTable, kNinePages),
              Call(kDiscard), Call(kSetMemTable, kNinePages)));
  add("rings_of_another_back_end",
      BytesOf(Call(kStart), Call(kOpen), Call(kSetMemTable, kNinePages)));
  add("memory_of_another_back_end",
      BytesOf(Call(kStart), Call(kOpen), Call(kChangeMemTable, kOtherFile)));
  add("memory_behind_a_barrier",
      BytesOf(Call(kStart), Call(kChangeMemTable, kOtherFile), Call(kStop),
              Call(kSetMemTable, kOtherFile), Call(kChangeMemTable)),
      kAllSpoken & ~8u);
  add("memory_that_is_cut",
      BytesOf(Call(kSetMemTable, 2), Call(kChangeMemTable),
              Call(kChangeMemTable, kNinePages), Call(kSetMemTable),
              Call(kChangeMemTable, 2), Call(kChangeMemTable)));
}

// What a back-end is beside its answers.
void AddBackEnds(std::vector<Seed>& seeds) {
  using enum BackEndCall;
  const Bytes calls = BytesOf(Call(kSetFeatures), Call(kStart), Call(kStop),
                              Call(kOpen), Call(kStart), Call(kStop));
  for (const uint8_t after : {0, 2, 5, 9, 20}) {
    const std::string number = std::to_string(after);
    seeds.push_back(
        {"closes_after_" + number, Input({.calls = calls,
                                          .what = AnsweringChannel::kCloses,
                                          .described = BytesOf(after)})});
    seeds.push_back(
        {"silent_after_" + number, Input({.calls = calls,
                                          .what = AnsweringChannel::kSilent,
                                          .described = BytesOf(after)})});
    for (const uint8_t hundredths : {5, 255}) {
      seeds.push_back(
          {"stuck_after_" + number + "_for_" + std::to_string(hundredths),
           Input({.calls = calls,
                  .what = AnsweringChannel::kStuck,
                  .described = BytesOf(after, hundredths)})});
    }
  }
  constexpr std::pair<uint16_t, uint16_t> kLimits[] = {
      {0, 0}, {1, 7}, {1, 8}, {1, 9}, {129, 509}, {0xffff, 0xffff}};
  for (const auto& [pairs, slots] : kLimits) {
    Bytes described = Described(kAllSpoken);
    Append(described, pairs, 2);
    Append(described, slots, 2);
    seeds.push_back(
        {"pairs_" + std::to_string(pairs) + "_slots_" + std::to_string(slots),
         Input({.calls = BytesOf(Call(kStart, 6), Call(kChangeMemTable, 5)),
                .what = kWide | AnsweringChannel::kLimits,
                .described = described})});
  }
}

// A stream on which the back-end asks: how it is, and its pieces.
Bytes Asking(uint8_t how, const Bytes& pieces) {
  Bytes bytes = Described(kAllSpoken);
  Append(bytes, 1 + pieces.size(), 1);
  Append(bytes, how, 1);
  AppendAll(bytes, pieces);
  return bytes;
}

Bytes Piece(uint8_t how, const Bytes& bytes) {
  Bytes piece;
  Append(piece, how | bytes.size(), 1);
  AppendAll(piece, bytes);
  return piece;
}

constexpr uint8_t kHeeded = 0x09;  // Version 1, and an answer is wanted.

// A request as it should be; the size of what follows its number and flags.
Bytes Request(uint8_t request, uint8_t flags, size_t payload,
              uint8_t turn = 0) {
  Bytes bytes;
  Append(bytes, AskingStream::kWhole | turn | payload, 1);
  Append(bytes, request, 1);
  Append(bytes, flags, 1);
  bytes.resize(bytes.size() + payload);
  return bytes;
}

// CONFIG_CHANGE_MSG, the one request that is carried out.
constexpr uint8_t kConfigChange = 2;

// A session with a stream that is this way and has these pieces.
Parts AskedBy(unsigned how, const Bytes& pieces) {
  using enum BackEndCall;
  return {.calls = BytesOf(Call(kTakeNews), Call(kTakeNews), Call(kSetFeatures),
                           Call(kStart), Call(kLook), Call(kTakeNews)),
          .what = kWide | AnsweringChannel::kAsks,
          .described = Asking(static_cast<uint8_t>(how), pieces)};
}

void AddRequests(std::vector<Seed>& seeds) {
  const auto add = [&](const std::string& name, const Bytes& pieces) {
    seeds.push_back({"asks_" + name, Input(AskedBy(0, pieces))});
  };
  for (const uint8_t request : {1, 2, 3, 4, 5, 6, 255}) {
    const std::string number = std::to_string(request);
    add(number, Request(request, kHeeded, 0));
    add(number + "_unheeded", Request(request, 1, 0));
    add(number + "_with_payload", Request(request, kHeeded, 24));
    add(number + "_later",
        Request(request, kHeeded, 8, AskingStream::kNextTurn));
  }
  for (const uint8_t flags : {0, 2, 3, 5, 13, 255}) {
    add("flags_" + std::to_string(flags), Request(kConfigChange, flags, 0));
  }
  const Bytes announced = BytesOf(2, 0, 0, 0, 9, 0, 0, 0, 1, 1, 0, 0);
  add("with_257_bytes", Piece(0, announced));
  const Bytes whole = BytesOf(2, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0);
  Bytes split;
  for (const std::byte byte : whole) {
    AppendAll(split, Piece(AskingStream::kNextTurn, {byte}));
  }
  add("in_pieces", split);
  Bytes with_fds = BytesOf(AskingStream::kFds | 12, 3);
  AppendAll(with_fds, whole);
  add("with_descriptors", with_fds);
}

// What becomes of the stream, and of the answers to it.
void AddStreams(std::vector<Seed>& seeds) {
  constexpr unsigned kRoom = AskingStream::kRoomShift;
  constexpr auto kForEver =
      static_cast<unsigned>(AskingStream::End::kBeginsAgain);
  const std::pair<std::string_view, unsigned> streams[] = {
      {"and_reads_no_answers", 1 << kRoom},
      {"and_reads_two_answers", 4 << kRoom},
      {"and_hears_no_answers", 1 << kRoom | AskingStream::kNoRoomIsAnError},
      {"and_closes", static_cast<unsigned>(AskingStream::End::kCloses)},
      {"and_breaks", static_cast<unsigned>(AskingStream::End::kBreaks)},
      {"for_ever", kForEver}};
  Bytes many;
  for (int i = 0; i < 6; ++i) {
    AppendAll(many, Request(kConfigChange, kHeeded, 0));
  }
  for (const auto& [name, how] : streams) {
    seeds.push_back({"asks_" + std::string(name), Input(AskedBy(how, many))});
  }
  Parts floods = AskedBy(kForEver, many);
  floods.what |= AnsweringChannel::kSilent;
  // After how many messages stands between the features and the stream.
  const auto before = static_cast<ptrdiff_t>(Described(kAllSpoken).size());
  floods.described.insert(floods.described.begin() + before, std::byte{9});
  seeds.push_back({"asks_for_ever_and_answers_nothing", Input(floods)});
}

}  // namespace

// The usual session as it should be, and one for each of its answers in each
// way that one is spoiled; then calls, lives, back-ends and what they ask, and
// answers that fit in part.
std::vector<Seed> VhostUserReplySeeds() {
  constexpr uint8_t kAnswers = 20;
  std::vector<Seed> seeds = {{"as_it_should_be", Input({})}};
  for (uint8_t answer = 0; answer < kAnswers; ++answer) {
    for (uint8_t way = 0; way < SpoiledAnswer::kWays; ++way) {
      seeds.push_back(
          {"answer_" + std::to_string(answer) + "_way_" + std::to_string(way),
           Input({.answers = Spoiled(answer, way)})});
    }
  }
  AddCalls(seeds);
  AddLives(seeds);
  AddKnowledge(seeds);
  for (Seed& seed : VhostUserAnswerSeeds()) seeds.push_back(std::move(seed));
  AddBackEnds(seeds);
  AddRequests(seeds);
  AddStreams(seeds);
  return seeds;
}

}  // namespace fuzz
