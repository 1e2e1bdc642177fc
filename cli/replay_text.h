// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_REPLAY_TEXT_H_
#define CLI_REPLAY_TEXT_H_

#include <string>
#include <string_view>

#include "cli/replay_run.h"

namespace virtio_user::cli {

// Every operation with its result, and below it what passed between the two
// ends.
std::string ReplayTranscript(const RecordedRun& run);

// What was found, the hash, and the verdict as the last line.
std::string ReplayConclusion(const Replay& replay);

// A test source as a whole. `name` is a C++ identifier.
std::string ReplayTestSource(const backend_sim::Script& script,
                             std::string_view name);

}  // namespace virtio_user::cli

#endif  // CLI_REPLAY_TEXT_H_
