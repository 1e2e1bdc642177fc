// SPDX-License-Identifier: BSD-3-Clause

#include "cli/frame_sizes.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>

namespace virtio_user::cli {
namespace {

std::optional<uint32_t> Number(std::string_view text) {
  uint32_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  const bool whole = error == std::errc() && at == end;
  if (!whole || value < kMinFrameBytes || value > kMaxFrameBytesTyped) {
    return {};
  }
  return value;
}

}  // namespace

std::expected<FrameSizes, Failure> ParseFrameSizes(const std::string& text) {
  const size_t dash = text.find('-');
  const std::string_view all = text;
  const auto min = Number(all.substr(0, dash));
  const auto max =
      dash == std::string::npos ? min : Number(all.substr(dash + 1));
  if (!min || !max || *min > *max) {
    return std::unexpected(
        Failure{ExitCode::kUsage,
                fmt::format("--size {}: say MIN-MAX or one size, from {} to {} "
                            "bytes",
                            text, kMinFrameBytes, kMaxFrameBytesTyped)});
  }
  return FrameSizes{*min, *max};
}

std::string ToText(const FrameSizes& sizes) {
  return sizes.min == sizes.max ? fmt::format("{}", sizes.min)
                                : fmt::format("{}-{}", sizes.min, sizes.max);
}

}  // namespace virtio_user::cli
