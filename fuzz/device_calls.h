// SPDX-License-Identifier: BSD-3-Clause
//
// A device on a back-end that writes down what it is asked, and fails where an
// input says.

#ifndef FUZZ_DEVICE_CALLS_H_
#define FUZZ_DEVICE_CALLS_H_

#include "fuzz/device_oracle.h"
#include "fuzz/reader.h"
#include "tests/fakes/recording_rig.h"
#include "virtio_user/spec/feature.h"

namespace fuzz {

// Any of the first 64.
virtio_user::FeatureSet FeaturesFrom(Reader& input);

// What the back-end can and offers: ten bytes. Before the device is made.
void ChooseBackend(Reader& input, testing_support::RecordingRig& rig);

// Calls in any order, for as long as `input` lasts: each ends, says why it
// failed, and leaves the device in a state that the call can lead to; a start
// tells the back-end all that it has to know, in its order.
void CheckCalls(Reader& input, testing_support::RecordingRig& rig,
                const DeviceOracle& oracle);

}  // namespace fuzz

#endif  // FUZZ_DEVICE_CALLS_H_
