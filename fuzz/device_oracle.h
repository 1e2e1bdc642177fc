// SPDX-License-Identifier: BSD-3-Clause
//
// What a device on a back-end that writes down comes to, by code of its own.

#ifndef FUZZ_DEVICE_ORACLE_H_
#define FUZZ_DEVICE_ORACLE_H_

#include "tests/fakes/recording_backend.h"
#include "virtio_user/device/device.h"
#include "virtio_user/spec/feature.h"

namespace fuzz {

// Of the device that is to be made under `options` on `backend`, whose
// configuration space has the same byte everywhere.
class DeviceOracle {
 public:
  DeviceOracle(const virtio_user::DeviceOptions& options,
               const testing_support::RecordingBackend& backend);

  // Whether it can be made.
  bool possible() const { return possible_; }
  // Which features it offers then.
  virtio_user::FeatureSet offered() const { return offered_; }
  // What of them its back-end is told.
  virtio_user::FeatureSet Forwarded(virtio_user::FeatureSet accepted) const {
    return accepted & told_;
  }

 private:
  bool possible_ = false;
  virtio_user::FeatureSet offered_;
  virtio_user::FeatureSet told_;
};

}  // namespace fuzz

#endif  // FUZZ_DEVICE_ORACLE_H_
