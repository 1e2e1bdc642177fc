// SPDX-License-Identifier: BSD-3-Clause
//
// What a hostile front-end does to a vhost-user server, as a fuzzer's bytes.

#ifndef FUZZ_FRONT_END_INPUT_H_
#define FUZZ_FRONT_END_INPUT_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "backend_sim/personality.h"

namespace fuzz {

// The front-end's memory; its second file is one page.
inline constexpr size_t kFrontEndBytes = 32768;
inline constexpr size_t kSmallFileBytes = 4096;
// What the server can make for notes of what is in flight; more is refused.
inline constexpr size_t kMostMadeBytes = 65536;
inline constexpr size_t kMostFrontEndActions = 64;

// What a descriptor is of that goes with a message.
enum class PassedFile : uint8_t { kMemory, kEvent, kSmallFile, kSocket };
inline constexpr size_t kPassedFiles = 4;

enum class FrontEndDoes : uint8_t {
  kSend,       // `bytes` in one piece, `fds` with the first of them.
  kWrite,      // `bytes` into its memory from `at` on.
  kKick,       // The one event counter of all its rings.
  kServe,      // Nothing: the server has time for its rings.
  kReconnect,  // The session is over, and there is another one.
  kFailMap,    // The server's next attempt to map a file fails.
};

struct FrontEndAction {
  FrontEndDoes what = FrontEndDoes::kServe;
  std::vector<std::byte> bytes = {};
  std::vector<PassedFile> fds = {};
  size_t at = 0;
};

struct FrontEndInput {
  uint16_t server = 0;  // Any number; see ServerFor.
  std::vector<FrontEndAction> actions;
};

// A byte says what is done. Below kRaw it is the number of a request, whose
// header is made from the payload that follows, so that most messages are
// read; behind kRaw come bytes as they go out.
inline constexpr uint8_t kRaw = 0x40;
inline constexpr uint8_t kMemory = 0x60;
inline constexpr uint8_t kKick = 0x80;
inline constexpr uint8_t kServe = 0xa0;
inline constexpr uint8_t kReconnect = 0xc0;
inline constexpr uint8_t kFailMap = 0xe0;

// Any bytes are an input.
FrontEndInput FrontEndInputOf(std::span<const std::byte> bytes);

// The back-end that the front-end meets: one of the personalities that keep
// the protocol themselves, with two pairs at most, of any strictness.
backend_sim::Personality ServerFor(uint16_t number);
// How many ServerFor knows before it begins again.
size_t ServerCount();

}  // namespace fuzz

#endif  // FUZZ_FRONT_END_INPUT_H_
