// SPDX-License-Identifier: BSD-3-Clause

#include "cli/interruptible_channel.h"

#include <algorithm>

namespace virtio_user::cli {

bool InterruptibleChannel::Interrupted() {
  if (seen_) return true;
  if (interrupted_ == nullptr ||
      !interrupted_->load(std::memory_order_relaxed)) {
    return false;
  }
  seen_ = inner_.After(Duration::zero());
  return true;
}

Result<void> InterruptibleChannel::InSlices(
    Deadline deadline, Duration grace,
    FunctionRef<Result<void>(Deadline slice)> wait) {
  // Each round takes time or ends the wait.
  for (;;) {
    const Deadline now = inner_.After(Duration::zero());
    Deadline end = deadline;
    if (Interrupted()) {
      end = std::min(end, Deadline{seen_->at + grace});
      if (end <= now && end != deadline) {
        return Fail(ErrorCode::kDeadline, "interrupted");
      }
    }
    const Deadline slice = std::min(end, Deadline{now.at + kSlice});
    Result<void> done = wait(slice);
    if (done || done.error().code() != ErrorCode::kDeadline) return done;
    if (slice == deadline) return done;
  }
}

Result<void> InterruptibleChannel::Attach() {
  const Deadline deadline =
      attach_deadline_.value_or(inner_.After(kDefaultCallBudget));
  return InSlices(deadline, Duration::zero(), [this](Deadline slice) {
    inner_.SetAttachDeadline(slice);
    return inner_.Attach();
  });
}

Result<void> InterruptibleChannel::WaitWritable(Deadline deadline) {
  return InSlices(deadline, kGrace, [this](Deadline slice) {
    return inner_.WaitWritable(slice);
  });
}

Result<void> InterruptibleChannel::WaitReadable(size_t bytes,
                                                Deadline deadline) {
  return InSlices(deadline, kGrace, [this, bytes](Deadline slice) {
    return inner_.WaitReadable(bytes, slice);
  });
}

}  // namespace virtio_user::cli
