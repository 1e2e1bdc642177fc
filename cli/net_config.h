// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_NET_CONFIG_H_
#define CLI_NET_CONFIG_H_

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace virtio_user::cli {

// Bytes of the network device's configuration space that are read.
inline constexpr size_t kNetConfigBytes = 12;

// Its fields by the spec's names (virtio: "Network Device / Device
// configuration layout"), as far as `config` reaches, in words.
std::vector<std::pair<std::string, std::string>> ConfigFields(
    std::span<const std::byte> config);

// "0200000000010100".
std::string HexText(std::span<const std::byte> bytes);

}  // namespace virtio_user::cli

#endif  // CLI_NET_CONFIG_H_
