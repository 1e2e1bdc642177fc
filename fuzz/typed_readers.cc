// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/typed_readers.h"

#include <algorithm>
#include <iterator>

namespace fuzz {

namespace {

constexpr uint32_t kLeastFrame = 60;
constexpr uint32_t kMostFrame = 65535;

constexpr std::string_view kFaultNames[] = {
    "refused", "closed-before", "closed-after", "nack", "late", "short"};
constexpr std::string_view kOperationNames[] = {
    "create",   "destroy", "set-up", "start", "stop",   "reset",
    "reattach", "pairs",   "memory", "peer",  "refuse", "poll"};

// The value of a hexadecimal digit; 16: it is none.
unsigned DigitOf(char character) {
  if (character >= '0' && character <= '9') {
    return static_cast<unsigned>(character - '0');
  }
  if (character >= 'a' && character <= 'f') {
    return static_cast<unsigned>(character - 'a') + 10;
  }
  if (character >= 'A' && character <= 'F') {
    return static_cast<unsigned>(character - 'A') + 10;
  }
  return 16;
}

// What is between the separators; at least one.
std::vector<std::string_view> PartsOf(std::string_view text, char separator) {
  std::vector<std::string_view> parts(1, text.substr(0, 0));
  size_t begin = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && text[i] != separator) continue;
    parts.back() = text.substr(begin, i - begin);
    begin = i + 1;
    if (i < text.size()) parts.emplace_back();
  }
  return parts;
}

// Of a number that is known to fit.
uint64_t ValueOf(std::string_view digits) {
  uint64_t value = 0;
  for (const char digit : digits) value = 10 * value + DigitOf(digit);
  return value;
}

template <size_t kCount>
std::optional<size_t> PlaceOf(std::string_view name,
                              const std::string_view (&names)[kCount]) {
  const auto at = std::ranges::find(names, name);
  if (at == std::end(names)) return std::nullopt;
  return static_cast<size_t>(at - std::begin(names));
}

bool IsSpace(char character) {
  return character == ' ' || (character >= '\t' && character <= '\r');
}

}  // namespace

std::optional<std::array<uint8_t, 6>> ReadMac(std::string_view text) {
  std::array<uint8_t, 6> mac{};
  const auto parts = PartsOf(text, ':');
  if (parts.size() != mac.size()) return std::nullopt;
  bool any = false;
  for (size_t i = 0; i < mac.size(); ++i) {
    if (parts[i].empty() || parts[i].size() > 2) return std::nullopt;
    unsigned value = 0;
    for (const char character : parts[i]) {
      const unsigned digit = DigitOf(character);
      if (digit == 16) return std::nullopt;
      value = 16 * value + digit;
    }
    mac[i] = static_cast<uint8_t>(value);
    any = any || value != 0;
  }
  // The group bit of IEEE 802.
  if (!any || (mac[0] & 1) != 0) return std::nullopt;
  return mac;
}

std::optional<std::string> ReadDigits(std::string_view text, bool negative) {
  const bool minus = negative && text.starts_with('-');
  if (minus) text.remove_prefix(1);
  if (text.empty()) return std::nullopt;
  for (const char character : text) {
    if (DigitOf(character) >= 10) return std::nullopt;
  }
  while (text.size() > 1 && text.front() == '0') text.remove_prefix(1);
  return (minus && text != "0" ? "-" : "") + std::string(text);
}

bool IsAtMost(std::string_view digits, std::string_view most) {
  if (digits.size() != most.size()) return digits.size() < most.size();
  return digits <= most;
}

std::optional<std::pair<uint32_t, uint32_t>> ReadSizes(std::string_view text) {
  const auto parts = PartsOf(text, '-');
  if (parts.size() > 2) return std::nullopt;
  uint32_t sizes[2] = {};
  for (size_t i = 0; i < 2; ++i) {
    const auto number = ReadNumber<uint32_t>(parts[i % parts.size()]);
    if (!number) return std::nullopt;
    sizes[i] = static_cast<uint32_t>(ValueOf(*number));
  }
  if (sizes[0] < kLeastFrame || sizes[1] > kMostFrame || sizes[0] > sizes[1]) {
    return std::nullopt;
  }
  return std::pair(sizes[0], sizes[1]);
}

std::optional<std::vector<ReadFault>> ReadFaults(std::string_view text) {
  std::vector<ReadFault> faults;
  if (text == "none") return faults;
  for (const std::string_view part : PartsOf(text, ',')) {
    const size_t at = part.find('@');
    if (at == std::string_view::npos) return std::nullopt;
    const auto way = PlaceOf(part.substr(0, at), kFaultNames);
    const auto call = ReadNumber<uint64_t>(part.substr(at + 1));
    if (!way || !call) return std::nullopt;
    faults.emplace_back(*way, ValueOf(*call));
  }
  return faults;
}

std::optional<std::vector<size_t>> ReadOperations(std::string_view text) {
  std::vector<size_t> operations;
  for (const std::string_view part : PartsOf(text, ',')) {
    const auto operation = PlaceOf(part, kOperationNames);
    if (!operation) return std::nullopt;
    operations.push_back(*operation);
  }
  return operations;
}

bool IsInterfaceName(std::string_view text) {
  constexpr size_t kNameBytes = 16;  // IFNAMSIZ, with the 0 at its end.
  if (text.empty() || text.size() >= kNameBytes) return false;
  if (text == "." || text == "..") return false;
  size_t percents = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char character = text[i];
    if (character == '/' || character == ':' || character == '\0') return false;
    if (IsSpace(character)) return false;
    if (character != '%') continue;
    ++percents;
    if (i + 1 == text.size() || text[i + 1] != 'd') return false;
  }
  return percents <= 1;
}

std::optional<ReadPath> ReadPathName(std::string_view text) {
  // Without mergeable buffers, each, and the packed one in order.
  if (text == "split-vec") return ReadPath{};
  if (text == "packed-vec") return ReadPath{.packed = true, .in_order = true};
  const auto parts = PartsOf(text, '-');
  if (parts.size() < 2 || parts.size() > 3) return std::nullopt;
  const ReadPath path = {.packed = parts.front() == "packed",
                         .in_order = parts.size() == 3,
                         .mergeable = parts.back() == "mrg"};
  const bool sound = (path.packed || parts.front() == "split") &&
                     (path.mergeable || parts.back() == "nomrg") &&
                     (!path.in_order || parts[1] == "inorder");
  if (!sound) return std::nullopt;
  return path;
}

}  // namespace fuzz
