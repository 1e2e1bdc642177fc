// SPDX-License-Identifier: BSD-3-Clause
//
// PacketEngine of a hostile back-end: what it says of frames and chains.

#include "backend_sim/packet_engine.h"

namespace backend_sim {

using virtio_user::ChainToken;

void PacketEngine::PutUsed(RingModel& ring, Pair& pair, ChainToken token,
                           uint32_t bytes) {
  const Personality& personality = host_.personality();
  if (personality.hostile && personality.used_lie != UsedLie::kNone &&
      Draws(pair, personality.used_lies_per_mille)) {
    UsedLie lie = personality.used_lie;
    if (lie == UsedLie::kAny) {
      constexpr uint64_t kLies = 3;
      lie = static_cast<UsedLie>(1 + Turn(pair, kLies));
    }
    switch (lie) {
      case UsedLie::kLonger:
        bytes = bytes * 2 + 100000;
        break;
      case UsedLie::kShorter:
        bytes = bytes == 0 ? 0 : bytes - 1;
        break;
      case UsedLie::kOtherId:
        // Of no chain, or of one that is not this one. Within the ring: the
        // queue below is the project's own and takes no other.
        token.id = static_cast<uint16_t>((token.id + 1) % ring.num());
        break;
      default:
        break;
    }
  }
  ring.queue()->Put(token, bytes);
}

// The next of `count` choices, drawn or in turn.
uint64_t PacketEngine::Turn(Pair& pair, uint64_t count) {
  return options_.entropy == nullptr ? pair.lie_count++ % count
                                     : options_.entropy->Choose(count);
}

bool PacketEngine::Draws(Pair& pair, uint32_t per_mille) {
  if (options_.entropy == nullptr) {
    const uint64_t before = pair.lie_odds++;
    return pair.lie_odds * per_mille / 1000 != before * per_mille / 1000;
  }
  return options_.entropy->Chance({per_mille, 1000});
}

// What the header of a frame in `count` buffers says.
uint16_t PacketEngine::NumBuffers(Pair& pair, size_t count) {
  const auto truth = static_cast<uint16_t>(count);
  if (!host_.personality().hostile) return truth;
  NumBuffersLie lie = host_.personality().num_buffers_lie;
  if (lie == NumBuffersLie::kAny) {
    constexpr uint64_t kLies = 4;  // The truth among them.
    lie = static_cast<NumBuffersLie>(Turn(pair, kLies));
  }
  switch (lie) {
    case NumBuffersLie::kZero:
      return 0;
    case NumBuffersLie::kTooMany:
      return static_cast<uint16_t>(truth + 1);
    case NumBuffersLie::kTooFew:
      return static_cast<uint16_t>(truth - 1);
    default:
      return truth;
  }
}

}  // namespace backend_sim
