// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_PRINTABLE_TEXT_H_
#define CLI_PRINTABLE_TEXT_H_

#include <string>
#include <string_view>

namespace virtio_user::cli {

// `text` as one line that leaves a terminal as it is: control characters, of
// which a path may hold any, become "\n", "\t" or "\x1b". All else stays.
std::string Printable(std::string_view text);

}  // namespace virtio_user::cli

#endif  // CLI_PRINTABLE_TEXT_H_
