// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_APP_H_
#define CLI_APP_H_

#include <span>
#include <string>

#include "cli/console.h"

namespace virtio_user::cli {

// The whole command: `arguments` without the program's name. What the process
// exits with.
int RunApp(std::span<const std::string> arguments, const Console& console);

}  // namespace virtio_user::cli

#endif  // CLI_APP_H_
