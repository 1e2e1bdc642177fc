// SPDX-License-Identifier: BSD-3-Clause
//
// Why a front-end refuses a call by itself, before it says anything: by the
// words of the vhost-user specification and of the interface.

#ifndef FUZZ_REFUSAL_RULES_H_
#define FUZZ_REFUSAL_RULES_H_

#include <cstdint>

#include "fuzz/back_end_call.h"
#include "fuzz/known_back_end.h"
#include "virtio_user/base/error.h"

namespace fuzz {

// Whether nobody but the front-end itself ends a call so.
bool IsOwnRefusal(virtio_user::ErrorCode code);

// What stands against a call.
class Causes {
 public:
  void Add(virtio_user::ErrorCode code, Truth truth);

  // It has to be refused.
  bool certain() const { return certain_ != 0; }
  // It may be refused so.
  bool Has(virtio_user::ErrorCode code) const {
    return ((certain_ | possible_) & Bit(code)) != 0;
  }

 private:
  static unsigned Bit(virtio_user::ErrorCode code) {
    return 1u << static_cast<unsigned>(code);
  }

  unsigned certain_ = 0;
  unsigned possible_ = 0;
};

struct CallMade {
  BackEndCall call = BackEndCall::kLook;
  unsigned argument = 0;
  bool attached = false;
  bool has_notes = false;  // From GetInflight.
};

// Before the call.
Causes CausesOf(const KnownBackEnd& known, const CallMade& made);

}  // namespace fuzz

#endif  // FUZZ_REFUSAL_RULES_H_
