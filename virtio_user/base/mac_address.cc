// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/base/mac_address.h"

#include <algorithm>
#include <charconv>
#include <cstdio>

namespace virtio_user {
namespace {

std::unexpected<Error> Bad(std::string_view text, const char* why) {
  // A text of any length is shown up to 40 characters.
  return Fail(ErrorCode::kInvalidArgument,
              "mac \"%.*s\": %s; write six hexadecimal bytes such as "
              "02:00:00:00:00:01",
              static_cast<int>(std::min<size_t>(text.size(), 40)), text.data(),
              why);
}

}  // namespace

Result<MacAddress> ParseMacAddress(std::string_view text) {
  MacAddress mac;
  const char* at = text.data();
  const char* const end = at + text.size();
  for (size_t i = 0; i < mac.bytes.size(); ++i) {
    if (i > 0) {
      if (at == end) return Bad(text, "fewer than six bytes");
      if (*at++ != ':') return Bad(text, "bytes are separated by colons");
    }
    const auto [next, status] =
        std::from_chars(at, std::min(at + 2, end), mac.bytes[i], 16);
    if (status != std::errc()) return Bad(text, "not a hexadecimal byte");
    at = next;
    if (at != end && *at != ':') {
      return Bad(text, i == 5 ? "a byte above ff, or text after the sixth"
                              : "a byte is 00 to ff, and colons separate");
    }
  }
  if (at != end) return Bad(text, "more than six bytes");
  if (IsZero(mac)) return Bad(text, "all zero is not a station's address");
  if (IsMulticast(mac)) return Bad(text, "multicast; clear the lowest bit");
  return mac;
}

std::array<char, 18> ToText(const MacAddress& mac) {
  std::array<char, 18> text{};
  const auto& b = mac.bytes;
  std::snprintf(text.data(), text.size(), "%02x:%02x:%02x:%02x:%02x:%02x", b[0],
                b[1], b[2], b[3], b[4], b[5]);
  return text;
}

}  // namespace virtio_user
