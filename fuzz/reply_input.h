// SPDX-License-Identifier: BSD-3-Clause
//
// How an input of vhost_user_reply_fuzz is written.

#ifndef FUZZ_REPLY_INPUT_H_
#define FUZZ_REPLY_INPUT_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "fuzz/answering_channel.h"
#include "fuzz/reader.h"
#include "fuzz/seeds.h"

namespace fuzz {

// An input of vhost_user_reply_fuzz, piece by piece.
struct Parts {
  Bytes calls = {};
  uint8_t what = 0;
  Bytes described = {};  // What bits of `what` announce.
  Bytes answers = {};
};

inline void AppendAll(Bytes& to, const Bytes& more) {
  to.insert(to.end(), more.begin(), more.end());
}

inline Bytes Input(const Parts& parts) {
  Bytes bytes;
  Append(bytes, parts.calls.size(), 1);
  AppendAll(bytes, parts.calls);
  Append(bytes, parts.what, 1);
  AppendAll(bytes, parts.described);
  AppendAll(bytes, parts.answers);
  return bytes;
}

template <typename... Numbers>
Bytes BytesOf(Numbers... numbers) {
  return {static_cast<std::byte>(numbers)...};
}

// All protocol features that the front-end speaks, and those without memory
// slots.
constexpr uint32_t kAllSpoken = virtio_user::kSpokenProtocolFeatures;
constexpr uint32_t kNoSlots =
    kAllSpoken &
    ~ProtocolMask(virtio_user::ProtocolFeature::kConfigureMemSlots);
constexpr uint64_t kWideFeatures = uint64_t{1} << 34 | uint64_t{1} << 32 |
                                   uint64_t{1} << 30 | 1 << 22 | 1 << 3;

// The answers of kOpen by a back-end that has all of `kAllSpoken`.
constexpr size_t kOpenAnswers = 5;

inline Bytes Described(uint32_t protocol) {
  Bytes bytes;
  Append(bytes, kWideFeatures, 5);
  Append(bytes, protocol, 3);
  return bytes;
}

constexpr uint8_t kWide =
    AnsweringChannel::kFeatures | AnsweringChannel::kProtocol;

// Beside those of vhost_user_reply_seeds.cc.
std::vector<Seed> VhostUserAnswerSeeds();

}  // namespace fuzz

#endif  // FUZZ_REPLY_INPUT_H_
