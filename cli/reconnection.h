// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_RECONNECTION_H_
#define CLI_RECONNECTION_H_

#include <optional>

#include "cli/console.h"
#include "cli/environment.h"
#include "cli/exit_code.h"
#include "cli/net_driver.h"
#include "virtio_user/base/deadline.h"
#include "virtio_user/base/error.h"
#include "virtio_user/base/function_ref.h"

namespace virtio_user::cli {

// Brings a device back whose back-end has gone away. Who waits how long between
// two attempts is the embedder's choice: here 1 ms at first, then twice as long
// each time, up to 100 ms.
class Reconnection {
 public:
  // All borrowed.
  struct Parts {
    Environment& environment;
    NetDriver& driver;
    const Console& console;
    bool server = false;  // The back-end connects.
    // What was in flight may come later, where the back-end that comes back
    // takes it up.
    bool keep_rings = false;
  };

  Reconnection(const Parts& parts, Duration patience)
      : parts_(parts), patience_(patience) {}

  // Attaches to the back-end that comes back, and starts; what was under way
  // is given up, unless the rings are kept. A Failure: none came in time, what
  // came serves no more what the driver uses, or somebody interrupted.
  std::optional<Failure> Restore();

  // Of the last Restore: when a back-end was there and the rings ran again.
  Duration restored_at() const { return restored_at_; }
  // Whether the rings are those of before, and what they held.
  bool kept_rings() const { return kept_rings_; }
  // Of the calls to the device that it took.
  Duration longest_call() const { return longest_call_; }

 private:
  Result<void> Try();
  Result<void> Reattach();
  // `call`, and how long it takes.
  Result<void> Timed(FunctionRef<Result<void>()> call);

  const Parts parts_;
  const Duration patience_;
  Duration restored_at_{0};
  bool kept_rings_ = false;
  Duration longest_call_{0};
};

}  // namespace virtio_user::cli

#endif  // CLI_RECONNECTION_H_
