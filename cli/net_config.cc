// SPDX-License-Identifier: BSD-3-Clause

#include "cli/net_config.h"

#include <fmt/format.h>

#include <cstdint>
#include <cstring>

#include "virtio_user/base/mac_address.h"

namespace virtio_user::cli {
namespace {

constexpr size_t kMacBytes = 6;
constexpr std::pair<const char*, size_t> kWords[] = {
    {"status", 6}, {"max_virtqueue_pairs", 8}, {"mtu", 10}};

}  // namespace

std::vector<std::pair<std::string, std::string>> ConfigFields(
    std::span<const std::byte> config) {
  std::vector<std::pair<std::string, std::string>> fields;
  if (config.size() >= kMacBytes) {
    MacAddress mac;
    std::memcpy(mac.bytes.data(), config.data(), kMacBytes);
    fields.emplace_back("mac", ToText(mac).data());
  }
  for (const auto& [name, offset] : kWords) {
    uint16_t value = 0;
    if (config.size() < offset + sizeof(value)) break;
    std::memcpy(&value, config.data() + offset, sizeof(value));
    fields.emplace_back(name, fmt::format("{}", value));
  }
  return fields;
}

std::string HexText(std::span<const std::byte> bytes) {
  std::string text;
  for (const std::byte byte : bytes) {
    text += fmt::format("{:02x}", std::to_integer<unsigned>(byte));
  }
  return text;
}

}  // namespace virtio_user::cli
