// SPDX-License-Identifier: BSD-3-Clause
//
// Headers in front of frames, by the words of virtio 1.4, "Packet Transmission"
// and "Processing of Incoming Packets".

#ifndef FUZZ_SENT_HEADER_H_
#define FUZZ_SENT_HEADER_H_

#include <array>
#include <cstddef>
#include <optional>
#include <span>

#include "virtio_user/net/offload.h"
#include "virtio_user/spec/feature.h"

namespace fuzz {

// Of the longest kind; a shorter one is its front.
using SentHeader = std::array<std::byte, 20>;

// What a device has to read in front of a frame of which `offload` was asked.
// Nothing: such a frame must not be sent, since it asks for what was not
// accepted or cannot be.
std::optional<SentHeader> HeaderToSend(const virtio_user::Offload& offload,
                                       size_t frame_bytes,
                                       virtio_user::FeatureSet accepted);

// What a driver has to be told of a frame of `frame_bytes` that a device wrote
// behind `header`. Nothing: such a frame must not be handed on.
std::optional<virtio_user::Offload> OffloadOf(std::span<const std::byte> header,
                                              size_t frame_bytes,
                                              virtio_user::FeatureSet accepted);

// Reports what a driver may not be told of any frame.
void CheckReported(const virtio_user::Offload& offload, size_t frame_bytes,
                   virtio_user::FeatureSet accepted);

}  // namespace fuzz

#endif  // FUZZ_SENT_HEADER_H_
