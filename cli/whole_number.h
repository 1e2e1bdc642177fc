// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_WHOLE_NUMBER_H_
#define CLI_WHOLE_NUMBER_H_

#include <charconv>
#include <string>
#include <system_error>
#include <type_traits>

namespace virtio_user::cli {

// Makes `text` the shortest way to write its number: decimal digits, with a
// minus sign if T has one, that T can hold. Else says what is wrong with it;
// "" says nothing is.
template <typename T>
std::string TakeWholeNumber(std::string& text) {
  T value{};
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (error == std::errc::result_out_of_range) {
    return text + " is too large a number";
  }
  if (error != std::errc() || at != end) {
    return text + " is not a whole number" +
           (std::is_signed_v<T> ? "" : " from 0 up");
  }
  text = std::to_string(value);
  return "";
}

}  // namespace virtio_user::cli

#endif  // CLI_WHOLE_NUMBER_H_
