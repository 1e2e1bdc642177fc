// SPDX-License-Identifier: BSD-3-Clause
//
// The device status, and the reset with which every use of a device ends.

#include <algorithm>
#include <chrono>

#include "virtio_user/os/vhost_vdpa_backend.h"
#include "virtio_user/spec/net.h"

namespace virtio_user {
namespace {

constexpr Duration kResetPause = std::chrono::milliseconds(1);

}  // namespace

Result<uint8_t> VhostVdpaBackend::ReadStatus() const {
  uint8_t status = 0;
  if (auto asked = node_.Ask(kVdpaGetStatus, &status); !asked) {
    return Fail(asked);
  }
  return status;
}

Result<uint8_t> VhostVdpaBackend::GetStatus() {
  auto free = CheckNoBatch(BackendOperation::kGetStatus);
  if (!free) return Fail(free);
  return ReadStatus();
}

Result<void> VhostVdpaBackend::SetStatus(uint8_t status) {
  return Do(BackendOperation::kSetStatus, std::nullopt, [this, status] {
    if (status == kStatusReset) return Reset();
    const bool starts = (status & ~status_ & kStatusDriverOk) != 0;
    if (starts && features_.Has(Feature::kNetCtrlVq)) {
      if (auto started = StartControl(); !started) return started;
    }
    return WriteStatus(status);
  });
}

// virtio: "Device Initialization" has FEATURES_OK read back; a device that
// has failed shows in any bit.
Result<void> VhostVdpaBackend::WriteStatus(uint8_t status) {
  status_ = status;
  if (auto asked = node_.Ask(kVdpaSetStatus, &status); !asked) return asked;
  const Result<uint8_t> now = ReadStatus();
  if (!now) return Fail(now);
  if ((*now & status) == status && (*now & kStatusNeedsReset) == 0) return {};
  return Fail(ErrorCode::kRefused,
              "%s: the device does not accept status 0x%02x%s, its own is "
              "0x%02x",
              node_.path(), status,
              (status & ~*now & kStatusFeaturesOk) != 0
                  ? ", and so not the features"
                  : "",
              *now);
}

// A device that does not let go of memory has to be closed, which resets it
// and unmaps all.
Result<void> VhostVdpaBackend::Reset() {
  Result<void> done;
  if (status_ != kStatusReset) {
    uint8_t status = kStatusReset;
    done = node_.Ask(kVdpaSetStatus, &status);
    if (done) done = WaitForReset();
  }
  // The kernel keeps mappings over a reset; what is freed after a stop must
  // not be among them.
  if (done) done = StopControl();
  if (done) done = iotlb_.Change({});
  if (done) {
    status_ = kStatusReset;
    notes_.clear();
  } else {
    must_close_ = true;
  }
  return done;
}

// virtio: "the driver SHOULD consider a driver-initiated reset complete when
// it reads device status as 0".
Result<void> VhostVdpaBackend::WaitForReset() {
  for (;;) {
    const Result<uint8_t> now = ReadStatus();
    if (!now) return Fail(now);
    if (*now == kStatusReset) return {};
    if (calls_.HasPassed(deadline_)) {
      return Fail(ErrorCode::kDeadline,
                  "%s: the device was reset and its status stays 0x%02x",
                  node_.path(), *now);
    }
    calls_.Sleep(std::min(calls_.After(kResetPause), deadline_));
  }
}

}  // namespace virtio_user
