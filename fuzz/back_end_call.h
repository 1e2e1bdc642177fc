// SPDX-License-Identifier: BSD-3-Clause

#ifndef FUZZ_BACK_END_CALL_H_
#define FUZZ_BACK_END_CALL_H_

#include <cstdint>

namespace fuzz {

// A call in the lower five bits of a byte; the three above choose between
// arguments.
enum class BackEndCall : uint8_t {
  kAttach,  // Again, where there is a link; the last argument: in vain.
  kDetach,
  kLook,  // Whatever tells without waiting.
  kSetOwner,
  kGetFeatures,
  kSetFeatures,
  kSetMemTable,
  kChangeMemTable,
  kSetVringNum,
  kSetVringBase,
  kSetVringAddr,
  kSetVringCall,
  kSetVringKick,
  kSetVringEnable,
  kGetVringBases,
  kGetStatus,
  kSetStatus,
  kGetConfig,
  kSetConfig,
  kSetMtu,
  kSendRarp,
  kResetDevice,
  kGetInflight,
  kSetInflight,  // What GetInflight has brought, maybe from another back-end.
  kTakeNews,
  kBatch,    // Begins one, or commits it.
  kDiscard,  // The batch.
  kLacking,  // What no vhost-user back-end has.
  kOpen,     // From Attach to GetFeatures.
  kStart,    // Memory and both rings, as one batch.
  kStop,     // Both rings, and where they were.
  kBudget,   // What the calls that come are granted.
};

constexpr uint8_t Call(BackEndCall call, unsigned argument = 0) {
  return static_cast<uint8_t>(static_cast<unsigned>(call) | argument << 5);
}

}  // namespace fuzz

#endif  // FUZZ_BACK_END_CALL_H_
