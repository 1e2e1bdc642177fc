// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_VERSION_H_
#define CLI_VERSION_H_

namespace virtio_user::cli {

inline constexpr const char* kVersion = "0.1.0";

}  // namespace virtio_user::cli

#endif  // CLI_VERSION_H_
