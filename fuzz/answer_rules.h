// SPDX-License-Identifier: BSD-3-Clause
//
// Which answers a front-end may take, by the words of the vhost-user
// specification.

#ifndef FUZZ_ANSWER_RULES_H_
#define FUZZ_ANSWER_RULES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace fuzz {

// What an answer to a request has to fit.
struct Asked {
  static constexpr size_t kFrontBytes = 24;

  uint32_t request = 0;
  size_t payload_bytes = 0;
  std::array<std::byte, kFrontBytes> front;  // Of the payload.
  bool packed = false;  // GET_VRING_BASE: of a packed ring.
  bool ahead = false;   // GET_CONFIG: together with the limits.
};

// What came with an answer.
struct Brought {
  size_t fd_count = 0;
  std::optional<uint64_t> file_bytes;  // Of a descriptor that found room.
};

enum class Verdict : uint8_t { kLawful, kRefusal, kUnlawful };

constexpr size_t kHeaderBytes = 12;
constexpr size_t kMostConfigBytes = 256;
// What GET_CONFIG has before its bytes: offset, size and flags.
constexpr size_t kConfigHeadBytes = 12;
// Of the requests, one that leads to a stream of the back-end's own.
constexpr uint32_t kSetBackendReqFd = 21;
// Of a header's flags.
constexpr uint32_t kVersion = 1;
constexpr uint32_t kReply = 4;
constexpr uint32_t kNeedReply = 8;

// Whether a message is answered: it asks for something, or for an ack.
bool IsAnswered(uint32_t request, uint32_t flags);
// Of an answer's header.
bool FitsHeader(const Asked& asked, std::span<const std::byte> header);
// Of all that follows one that fits.
Verdict JudgePayload(const Asked& asked, std::span<const std::byte> payload,
                     const Brought& brought);

}  // namespace fuzz

#endif  // FUZZ_ANSWER_RULES_H_
