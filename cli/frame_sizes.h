// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_FRAME_SIZES_H_
#define CLI_FRAME_SIZES_H_

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "cli/exit_code.h"

namespace virtio_user::cli {

inline constexpr uint32_t kMinFrameBytes = 60;
inline constexpr uint32_t kMaxFrameBytesTyped = 65535;

// Bytes of frames, both ends included.
struct FrameSizes {
  uint32_t min = kMinFrameBytes;
  uint32_t max = 1514;

  friend bool operator==(const FrameSizes&, const FrameSizes&) = default;
};

// "MIN-MAX" or one number for both, from 60 to 65535. kUsage otherwise, naming
// option and value.
std::expected<FrameSizes, Failure> ParseFrameSizes(const std::string& text);
std::string ToText(const FrameSizes& sizes);

}  // namespace virtio_user::cli

#endif  // CLI_FRAME_SIZES_H_
