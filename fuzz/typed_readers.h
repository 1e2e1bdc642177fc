// SPDX-License-Identifier: BSD-3-Clause
//
// What typed text means, by readers of the target's own: character by
// character, without a function of the program's or of the library's that
// reads.

#ifndef FUZZ_TYPED_READERS_H_
#define FUZZ_TYPED_READERS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace fuzz {

// Six bytes of one or two hexadecimal digits with colons between, of one
// station. Nothing: the text is none.
std::optional<std::array<uint8_t, 6>> ReadMac(std::string_view text);

// Decimal digits, with a minus sign in front where `negative` has it so;
// without zeroes in front, and without the sign of 0. Nothing: it is none.
std::optional<std::string> ReadDigits(std::string_view text, bool negative);
// Whether a number of ReadDigits is at most `most`, in the same writing.
bool IsAtMost(std::string_view digits, std::string_view most);

// As T has it, in its shortest writing. Nothing: T has no such number.
template <typename T>
std::optional<std::string> ReadNumber(std::string_view text) {
  const auto digits = ReadDigits(text, std::is_signed_v<T>);
  if (!digits) return std::nullopt;
  using Limits = std::numeric_limits<T>;
  const bool fits =
      digits->starts_with('-')
          ? IsAtMost(std::string_view(*digits).substr(1),
                     std::string_view(std::to_string(Limits::min())).substr(1))
          : IsAtMost(*digits, std::to_string(Limits::max()));
  if (!fits) return std::nullopt;
  return digits;
}

// The least and the most bytes of a frame: "60", "60-1514".
std::optional<std::pair<uint32_t, uint32_t>> ReadSizes(std::string_view text);

// "refused@17,late@9" by the places of the ways in a table, and "none".
using ReadFault = std::pair<size_t, uint64_t>;
std::optional<std::vector<ReadFault>> ReadFaults(std::string_view text);

// "create,set-up" by the places of the operations in a table.
std::optional<std::vector<size_t>> ReadOperations(std::string_view text);

// Whether Linux takes it for an interface (net/core/dev.c: dev_valid_name), or
// for a pattern of one name (dev_alloc_name).
bool IsInterfaceName(std::string_view text);

// What a path's name says: "packed-inorder-mrg", and the names that DPDK has.
struct ReadPath {
  bool packed = false;
  bool in_order = false;
  bool mergeable = false;
};
std::optional<ReadPath> ReadPathName(std::string_view text);

}  // namespace fuzz

#endif  // FUZZ_TYPED_READERS_H_
