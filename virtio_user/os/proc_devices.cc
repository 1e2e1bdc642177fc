// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/os/proc_devices.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>

namespace virtio_user {
namespace {

// The next line, cut off the front of `text`.
std::string_view TakeLine(std::string_view& text) {
  const size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

}  // namespace

std::optional<unsigned> CharacterMajor(std::string_view proc_devices,
                                       std::string_view driver) {
  bool in_characters = false;
  while (!proc_devices.empty()) {
    std::string_view line = TakeLine(proc_devices);
    if (line.ends_with("devices:")) {
      in_characters = line.starts_with("Character");
      continue;
    }
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    unsigned number = 0;
    const char* const end = line.data() + line.size();
    const auto [rest, status] = std::from_chars(line.data(), end, number);
    if (!in_characters || status != std::errc()) continue;
    if (rest != end && std::string_view(rest + 1, end) == driver) {
      return number;
    }
  }
  return std::nullopt;
}

std::string ReadProcDevices() {
  std::ifstream file("/proc/devices");
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace virtio_user
