// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_BASE_MAC_ADDRESS_H_
#define VIRTIO_USER_BASE_MAC_ADDRESS_H_

#include <array>
#include <cstdint>
#include <string_view>

#include "virtio_user/base/error.h"

namespace virtio_user {

struct MacAddress {
  std::array<uint8_t, 6> bytes{};

  friend bool operator==(const MacAddress&, const MacAddress&) = default;
};

// The IEEE 802 group bit: the address of many stations.
constexpr bool IsMulticast(const MacAddress& mac) {
  return (mac.bytes[0] & 0x01) != 0;
}

constexpr bool IsZero(const MacAddress& mac) { return mac == MacAddress{}; }

// Six groups of one or two hexadecimal digits, separated by colons, and not a
// character more. Refused with kInvalidArgument: any other text, a multicast
// address and the all-zero address, since a station can own neither.
Result<MacAddress> ParseMacAddress(std::string_view text);

// "02:00:00:00:00:01", with a terminating zero.
std::array<char, 18> ToText(const MacAddress& mac);

}  // namespace virtio_user

#endif  // VIRTIO_USER_BASE_MAC_ADDRESS_H_
