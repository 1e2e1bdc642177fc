// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_WHOLE_NUMBER_H_
#define CLI_WHOLE_NUMBER_H_

#include <CLI/CLI.hpp>
#include <charconv>
#include <string>

namespace virtio_user::cli {

// Decimal digits, with a minus sign if T has one, that T can hold. CLI11's own
// conversion takes octal and cuts what is too large.
template <typename T>
CLI::Validator WholeNumber() {
  return CLI::Validator(
      [](std::string& text) -> std::string {
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
      },
      "");
}

}  // namespace virtio_user::cli

#endif  // CLI_WHOLE_NUMBER_H_
