// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_SCRIPT_INPUT_H_
#define CLI_SCRIPT_INPUT_H_

#include <cstdint>
#include <expected>
#include <optional>
#include <string>

#include "backend_sim/simulation/script.h"

namespace virtio_user::cli {

struct ScriptInput {
  std::string text;    // A whole number is a seed, all else a file's path.
  uint32_t steps = 0;  // Of a seed.
  std::optional<std::string> personality = {};  // Likewise.
};

// The script of a file, or what a seed draws, whatever becomes of it when it
// is run. The error says what is wrong, with the line.
std::expected<backend_sim::Script, std::string> ReadScriptOrSeed(
    const ScriptInput& input);

}  // namespace virtio_user::cli

#endif  // CLI_SCRIPT_INPUT_H_
