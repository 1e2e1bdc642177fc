// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_ATOMIC_FILE_H_
#define CLI_ATOMIC_FILE_H_

#include <expected>
#include <string>
#include <string_view>

namespace virtio_user::cli {

// Makes `path` hold `text`: whoever opens it sees the old contents or the new
// ones, whole. What is no ordinary file (a terminal, a pipe) is written to
// directly. On failure, in words with path and reason, `path` is as it was.
std::expected<void, std::string> WriteFileAtomically(const std::string& path,
                                                     std::string_view text);

// Whether WriteFileAtomically(path) can begin; asked before a long run.
std::expected<void, std::string> CheckWritable(const std::string& path);

}  // namespace virtio_user::cli

#endif  // CLI_ATOMIC_FILE_H_
