// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_SEQUENCE_DIAGRAM_H_
#define CLI_SEQUENCE_DIAGRAM_H_

#include <string>
#include <string_view>

#include "cli/replay_run.h"

namespace virtio_user::cli {

// A run as a page of HTML that needs nothing else: operations, messages,
// rings, faults and what was found, time going down. `command_line` shows how
// to run it again.
std::string SequenceDiagram(const Replay& replay,
                            std::string_view command_line);

// `text` so that HTML shows it, in attributes too.
std::string HtmlText(std::string_view text);

}  // namespace virtio_user::cli

#endif  // CLI_SEQUENCE_DIAGRAM_H_
